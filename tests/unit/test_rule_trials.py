"""A candidate beside the rules in force: each channel is judged as if the whole partition had its rules."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.partition.core import CoreName
from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.rules.rules_switch import encode_rules_switch
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys, hash_key
from streams.deciding.partition.limits import UNLIMITED
from streams.deciding.partition.rules_in_force import RULES_IN_FORCE
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import CHANNEL_EPISODES
from streams.deciding.reports.trial.candidate import tried_beside
from streams.deciding.reports.trial.counts import TRIAL_COUNTS
from tests import bundled
from tests.switching import AnyStage, batches, shelved
from tests.unit.batch_cuts import applied, tiny
from tests.unit.clock_traffic import clock_rules, duty
from tests.unit.traffic import (
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    arriving,
    fold,
    levels,
    policy,
    report,
    tick,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
CHANNELS = [f"c{number}" for number in range(6)]
TIMES: dict[str, Any] = {"min_clear_ms": MINUTE, "cooldown_ms": 20 * MINUTE}


def with_policies(version: str, *policies: Any, **fields: Any) -> ReportRules:
    made = clock_rules(duty(required_elements=("contact",)), policies=policies)
    registry = dataclasses.replace(made.registry, policy_version=version, **fields)
    return dataclasses.replace(made, registry=registry)


SETS = {
    A: with_policies(
        "in force",
        policy(levels=levels({"reports": 2}, {"reports": 4}), **TIMES),
        policy(id="gone", categories=("spam", "fraud"), **TIMES),
        policy(id="watching", mode="shadow", levels=levels({"reports": 2}), **TIMES),
    ),
    # Sooner, with another window, and others beside it; one is live that was not.
    B: with_policies(
        "candidate",
        policy(levels=levels({"reports": 1}, {"reports": 3}), window="PT6H", window_ms=6 * HOUR, **TIMES),
        policy(id="new", categories=("fraud", "spam"), levels=levels({"reports": 4}), **TIMES),
        policy(id="watching", levels=levels({"reports": 2}), clear_below=0.2, **TIMES),
        policy(id="off", mode="off"),
    ),
    C: with_policies("another", policy(levels=levels({"reports": 5}), **TIMES)),
}
# The candidate's policies in shadow, and nothing else.
ALONE = dataclasses.replace(
    SETS[B].registry,
    policies=tuple(
        dataclasses.replace(each, mode="shadow") for each in SETS[B].registry.policies if each.mode != "off"
    ),
)


def stages(core: CoreName = "python") -> AnyStage:
    """The stage with the files of the installation, which are as set A."""
    made = {name: report_stage(rules, core) for name, rules in SETS.items()}
    return shelved(made[A], made)


STAGE = stages()

steps = st.lists(
    st.tuples(
        st.sampled_from(["report", "report", "report", "report", "late", "tick", "tick", "trial"]),
        st.sampled_from(CHANNELS),
        st.sampled_from([0, 1, 6, 40, 90]),
        st.sampled_from(["spam", "spam", "fraud"]),
        st.sampled_from([0, 1, 10, 50, 50, None]),
    ),
    min_size=1,
    max_size=40,
)
Walk = Sequence[tuple[str, str, int, str, int | None]]


def switch(said: RulesSwitch, offset: int = 0) -> Record:
    value, headers = encode_rules_switch(said)
    return Record(INTERNAL, 0, offset, START, None, value, tuple(headers))


def history(walk: Walk) -> list[Record | RulesSwitch]:
    """The records of a partition as its owner reads them; a change of rules as what it says."""
    found: list[Record | RulesSwitch] = []
    now, applied, change = START, 0, 0
    for number, (kind, channel, minutes, category, share) in enumerate(walk):
        now += minutes * MINUTE
        if kind == "trial":
            change += 1
            said = RulesSwitch(A, change)
            found.append(said if share is None else RulesSwitch(A, change, B, share))
        elif kind == "tick":
            found.append(tick(applied, now, number))
        else:
            made = now - 70 * MINUTE if kind == "late" else now
            fields: dict[str, Any] = {"channel": channel, "category": category}
            if number % 5 == 0:
                fields["notice"] = {"elements": ["contact"]}
            found += arriving(SETS[A], [report(number, made, **fields)])
            applied += 1
    return found


def records_of(walk: Walk, says: Any = lambda said: said) -> list[Record]:
    return [
        switch(says(each), number) if isinstance(each, RulesSwitch) else each
        for number, each in enumerate(history(walk))
    ]


def results(
    stage: AnyStage, records: Sequence[Record], limits: Any = UNLIMITED, cuts: Any = ()
) -> tuple[list[OutputRecord], dict[bytes, bytes], Any]:
    """Outputs, state records and what is due, of owners who take over after the batches `cuts`."""
    outputs, daily, kept, _, state = applied(stage, records, limits, cuts)
    return [*outputs, *(counter for _, counter in daily)], kept, state.next_due()


def drawn(channel: str, share: int) -> bool:
    """Whether a channel is among a share, in the words of docs/rules.md."""
    return DEMONSTRATION.current.reporter_hash(f"\0{B}\0{channel}") % 100 < share


def of_channel(outputs: Sequence[OutputRecord], channel: str) -> list[OutputRecord]:
    """What is about a channel. The clock of a law says the version in force, whoever judges the channel."""
    return [
        each._replace(value=(each.value or b"").replace(b'"candidate"', b'"in force"'))
        if b'"policy":"legal-clock"' in (each.value or b"")
        else each
        for each in outputs
        if each.key == channel.encode()
    ]


@settings(max_examples=60)
@given(steps)
def test_each_channel_of_a_share_is_judged_as_if_all_had_its_rules(walk) -> None:
    """Compared with a run for each channel, in which the whole partition changes to the rules of its arm."""
    walk = [(*step[:4], step[4] or None) for step in walk]
    found, _, _ = results(STAGE, records_of(walk))
    for channel in CHANNELS:

        def arm(said: RulesSwitch, channel: str = channel) -> RulesSwitch:
            return RulesSwitch(B if drawn(channel, said.share) else A, said.change)

        alone, _, _ = results(STAGE, records_of(walk, arm))
        assert of_channel(found, channel) == of_channel(alone, channel)


def without_candidate(kept: dict[bytes, bytes]) -> dict[bytes, Any]:
    """State records without what only a trial has."""
    left: dict[bytes, Any] = {}
    for key, value in kept.items():
        if key[:1] == CHANNEL_EPISODES:
            rows = [row for row in msgspec.msgpack.decode(value[1:]) if row[1] != "candidate"]
            left |= {key: rows} if rows else {}
        elif key not in (TRIAL_COUNTS, RULES_IN_FORCE):
            left[key] = value
    return left


@settings(max_examples=60)
@given(steps)
def test_a_candidate_in_shadow_changes_nothing_but_what_goes_to_the_shadow(walk) -> None:
    walk = [(*step[:4], step[4] if step[4] is None else 0) for step in walk]
    plain, kept_alone, _ = results(STAGE, records_of(walk, lambda said: RulesSwitch(A, said.change)))
    found, kept, _ = results(STAGE, records_of(walk))
    ids = {dict(each.headers)["ce_id"] for each in plain if each.topic == "escalations-shadow"}

    def live(output: OutputRecord) -> bool:
        if output.topic == "rule-trials":
            return False
        return output.topic != "escalations-shadow" or dict(output.headers)["ce_id"] in ids

    assert [each for each in found if live(each)] == plain
    assert without_candidate(kept) == without_candidate(kept_alone)

    # And the candidate decides in shadow what it decides alone.
    nothing = with_policies("none")
    model = shelved(
        report_stage(nothing), {A: report_stage(nothing), B: report_stage(compile_report_rules(ALONE))}
    )
    decided, _, _ = results(
        model, records_of(walk, lambda said: RulesSwitch(B if said.candidate else A, said.change))
    )
    assert steps_of(each for each in found if not live(each)) == steps_of(decided)


def steps_of(outputs: Any) -> list[Any]:
    names = ("policy", "channel_ref", "type", "reason", "level", "at", "counts", "conditions", "window")
    events = (msgspec.json.decode(each.value) for each in outputs if each.topic == "escalations-shadow")
    return sorted(([event[name] for name in names] for event in events), key=repr)


@settings(max_examples=60)
@given(steps, tiny, st.sets(st.integers(0, 40), max_size=5))
def test_a_trial_anywhere_gives_the_same_wherever_owners_change_and_batches_end(walk, limits, cuts) -> None:
    records = records_of(walk)
    once = results(STAGE, records)
    assert results(STAGE, records, limits, cuts) == once


def test_shares_are_nested_and_another_candidate_or_key_draws_other_channels() -> None:
    channels = [f"channel-{number}" for number in range(2_000)]
    other_key = dataclasses.replace(
        SETS[A], hash_keys=HashKeys(hash_key(b"another key of thirty-two bytes!"))
    )

    def found(rules: ReportRules, name: str, share: int) -> set[str]:
        tried = tried_beside(rules, SETS[B], name, share)
        return {channel for channel in channels if tried.of(channel) is not tried}

    shares = [found(SETS[A], B, share) for share in (1, 10, 50)]
    assert shares[0] < shares[1] < shares[2]
    assert all(abs(len(each) / 20 - share) < 4 for each, share in zip(shares, (1, 10, 50), strict=True))
    assert {channel for channel in CHANNELS if drawn(channel, 50)} not in (set(), set(CHANNELS))
    for others in (found(SETS[A], C, 50), found(other_key, B, 50)):
        assert 400 < len(others & shares[2]) < 600
