"""A random sample of what no policy raised: who is drawn, what is left out, and what its outcomes weigh."""

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.escalation import Escalation
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.deciding.partition.hash_key import hash_key
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.episodes import EpisodeKey, Open
from streams.deciding.reports.escalation.samples import SAMPLE, SampleKey, is_drawn
from streams.deciding.reports.state import ReportState, restore_reports
from streams.desk.text.story import story
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.crowd_traffic import outcome
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import (
    SHIPPED,
    START,
    compiled,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
)

# Three reports an hour raise a channel; a review of half of the rest.
THREE = policy(levels=levels({"reports": 3}))


def drawing(share: float, *policies):
    rules = compiled(*(policies or (THREE,)))
    return dataclasses.replace(rules, registry=dataclasses.replace(rules.registry, sample_share=share))


def about(number: int, at: int, message: str, channel: str = "c", **fields: object):
    return report(number, at, channel=channel, message_ref=message, **fields)


def samples(batch) -> list[dict]:
    return [
        each
        for each in of_topic(batch, "escalations")
        if each["policy"] == "random-sample" and each["channel_ref"] != "elsewhere"
    ]


def drawn_messages(number: int, share: float, channel: str = "c") -> list[str]:
    key = compiled().hash_keys.current
    return [f"m{each}" for each in range(number) if is_drawn(key, channel, f"m{each}", share)]


def later(state, rules, at: int):
    """Let a report of another channel move time on, which is drawn too if all are."""
    return run(state, rules, [report(at // MINUTE, at, channel="elsewhere", category="ip")])


def test_the_share_is_drawn_by_the_key_and_by_nothing_else():
    one, other = hash_key(b"1" * 32), hash_key(b"2" * 32)
    channels = [f"c{number}" for number in range(20_000)]
    first = {channel for channel in channels if is_drawn(one, channel, "m", 0.02)}
    second = {channel for channel in channels if is_drawn(other, channel, "m", 0.02)}
    # 400 are expected, with a standard deviation of 20.
    assert 300 < len(first) < 500
    assert 300 < len(second) < 500
    # Who knows what one key draws knows nothing of another: eight in both are expected.
    assert len(first & second) < 40
    assert first < {channel for channel in channels if is_drawn(one, channel, "m", 0.1)}


def test_what_no_policy_raises_is_shown_after_its_window_with_its_probability():
    rules = drawing(0.5)
    state = ReportState(0, 1, rules)
    wanted = drawn_messages(12, 0.5)
    assert 0 < len(wanted) < 12
    # Two reports an hour are below every level.
    quiet = [about(number, START + number * 30 * MINUTE, f"m{number}") for number in range(12)]
    shown = samples(run(state, rules, quiet)) + samples(later(state, rules, START + DAY))
    assert [each["message_refs"] for each in shown] == [[message] for message in wanted]
    assert {each["sampled"] for each in shown} == {0.5}
    assert {(each["level"], each["mode"], each["priority"]["value"]) for each in shown} == {(1, "live", 0)}
    made = {f"m{number}": START + number * 30 * MINUTE for number in range(12)}
    for each in shown:
        [message] = each["message_refs"]
        assert each["at"] == rfc3339(made[message] + HOUR)
        assert each["category"] == "spam"
        assert (
            "drawn at random, with a probability of 0.5" in story([msgspec.convert(each, Escalation)]).lower()
        )


def test_what_a_policy_raises_before_its_turn_is_left_out():
    rules = drawing(1.0)
    state = ReportState(0, 1, rules)
    records = [about(number, START + number * MINUTE, f"m{number}") for number in range(3)]
    batch = run(state, rules, records)
    assert [each["type"] for each in of_topic(batch, "escalations")] == ["opened"]
    assert batch.counters.samples == {"drawn": 2, "raised": 2}
    assert samples(later(state, rules, START + DAY)) == []
    # Nor is what is reported while it is open.
    state = ReportState(0, 1, rules)
    run(state, rules, records)
    assert run(state, rules, [about(9, START + 5 * MINUTE, "m9")]).counters.samples == {}


def test_what_is_raised_only_in_shadow_or_in_another_category_is_not():
    shadow = policy(id="tried", mode="shadow", levels=levels({"reports": 1}))
    rules = drawing(1.0, THREE, shadow, policy(id="f", categories=("fraud",), levels=levels({"reports": 1})))
    state = ReportState(0, 1, rules)
    run(state, rules, [about(1, START, "m1"), about(2, START + MINUTE, "m2", category="fraud")])
    assert [each["message_refs"] for each in samples(later(state, rules, START + DAY))] == [["m1"]]


def test_a_message_is_one_whoever_reports_it_and_ends_after_a_week():
    rules = drawing(1.0)
    state = ReportState(0, 1, rules)
    run(state, rules, [about(1, START, "m"), about(2, START + 10 * MINUTE, "m")])
    [shown] = samples(later(state, rules, START + 2 * HOUR))
    run(state, rules, [about(3, START + DAY, "m")])
    ended = samples(later(state, rules, START + 9 * DAY))
    assert [(each["type"], each["sequence"]) for each in ended] == [("resolved", 2)]
    assert ended[0]["escalation_id"] == shown["escalation_id"]
    assert not state.samples.of_channel("c")


def test_a_sample_about_an_account_says_so():
    rules = drawing(1.0)
    for kind, said in (("account", "account"), ("channel", None)):
        state = ReportState(0, 1, rules)
        place = {"ref": "c", "visibility": "public", "kind": kind}
        record = about(1, START, "m")
        body = msgspec.json.decode(record.value) | {"channel": place}
        run(state, rules, [record._replace(value=msgspec.json.encode(body))])
        [shown] = samples(later(state, rules, START + 2 * HOUR))
        assert shown.get("channel_kind") == said


def test_a_report_about_the_channel_itself_is_drawn_for_its_day():
    rules = drawing(1.0)
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START), report(2, START + MINUTE)])
    [shown] = samples(later(state, rules, START + 2 * HOUR))
    assert shown["message_refs"] == []


def test_an_outcome_about_a_sample_weighs_by_its_probability_without_saying_so():
    weights = {}
    for share in (0.0, 0.5):
        rules = drawing(share)
        state = ReportState(0, 1, rules)
        [message, *_] = drawn_messages(12, 0.5)
        run(state, rules, [about(1, START, message)])
        later(state, rules, START + 2 * HOUR)
        run(state, rules, [upheld(message)])
        standing = state.crowd.reporters_of(message_key(b"c", message)).standing
        weights[share] = standing.percent
    assert weights[0.5] == pytest.approx(2 * weights[0.0], abs=2)


def upheld(message: str):
    return outcome(1, "upheld", START + 3 * HOUR, message=message)


def test_what_is_decided_already_is_not_shown():
    rules = drawing(1.0)
    state = ReportState(0, 1, rules)
    run(state, rules, [about(1, START, "m")])
    run(state, rules, [upheld("m")])
    batch = later(state, rules, START + 3 * HOUR)
    assert samples(batch) == []
    assert batch.counters.samples["decided"] == 1
    assert run(state, rules, [about(2, START + 4 * HOUR, "m")]).counters.samples == {}


def test_a_sample_that_a_policy_raises_afterwards_weighs_as_any():
    rules = drawing(0.5)
    state = ReportState(0, 1, rules)
    [message, *_] = drawn_messages(12, 0.5)
    run(state, rules, [about(1, START, message)])
    assert samples(later(state, rules, START + 2 * HOUR))
    key = SampleKey("c", message)
    assert state.samples.find(key).probability == 0.5
    run(
        state,
        rules,
        [about(number, START + 2 * HOUR + number * MINUTE, f"x{number}") for number in (2, 3, 4)],
    )
    assert state.samples.find(key).probability == 1.0


def test_nothing_is_kept_without_a_share():
    rules = drawing(0.0)
    batch = run(ReportState(0, 1, rules), rules, [about(number, START, f"m{number}") for number in range(2)])
    assert not [key for key in batch.changes if key[:1] == SAMPLE]


traffic = st.lists(
    st.tuples(
        st.sampled_from([0, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR]),
        st.sampled_from("ab"),
        st.integers(0, 9),
        st.sampled_from(["spam", "spam", "ip"]),
    ),
    max_size=40,
)


@given(traffic, st.integers(1, 5))
def test_the_sample_is_what_a_list_of_all_reports_says(steps, size):
    rules = drawing(0.5)
    now, records, reports = START, [], []
    for number, (step, channel, message, category) in enumerate(steps):
        now += step
        records.append(about(number, now, f"m{message}", channel, category=category))
        reports.append((now, channel, f"m{message}", category))
    records.append(report(999, now + 30 * DAY, channel="elsewhere", category="ip"))
    state, kept, events = ReportState(0, 1, rules), {}, []
    for begin in range(0, len(records), size):
        batch = run(state, rules, records[begin : begin + size])
        fold(kept, batch.changes)
        events += of_topic(batch, "escalations")
        state = restore_reports(0, 1, rules, kept.items())
    shown = sorted(
        (each["at"], each["channel_ref"], each["message_refs"][0])
        for each in events
        if each["policy"] == "random-sample" and each["type"] == "opened"
    )
    assert shown == sorted(model(records, reports, rules.hash_keys.current))


def model(records, reports, key):
    """From what the same reports do where nothing is drawn: what is shown, and when."""
    rules = drawing(0.0)
    state, waiting, seen_until, found = ReportState(0, 1, rules), {}, {}, []
    for record, (now, channel, message, category) in zip(records, reports, strict=False):
        for key_of, (end, _) in list(waiting.items()):
            if end <= now:
                del waiting[key_of]
                found.append((rfc3339(end), *key_of))
                seen_until[key_of] = end + 7 * DAY
        raised = of_topic(run(state, rules, [record]), "escalations")
        if any(each["type"] != "resolved" and each["channel_ref"] == channel for each in raised):
            waiting = {
                each: kept for each, kept in waiting.items() if each[0] != channel or kept[1] != "spam"
            }
        is_open = isinstance(state.episode(EpisodeKey(channel, "spam", "live")), Open)
        if (
            is_drawn(key, channel, message, 0.5)
            and (channel, message) not in waiting
            and seen_until.get((channel, message), 0) <= now
            and not (category == "spam" and is_open)
        ):
            waiting[channel, message] = (now + (HOUR if category == "spam" else DAY), category)
    return found + [(rfc3339(end), *key_of) for key_of, (end, _) in waiting.items()]


@pytest.mark.parametrize("sample", ["{share: 0, reason: r}", "{share: 0.2, reason: r}", "{reason: r}", "2 %"])
def test_a_share_that_is_none_is_refused_with_file_and_line(tmp_path, sample):
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "policies:\n", f"sample: {sample}\npolicies:\n")
    with pytest.raises(RegistryError, match=r"policies\.yaml:\d+: sample"):
        load_rules(policies=tmp_path / "policies.yaml")


def test_the_id_of_the_sample_is_reserved(tmp_path):
    files = copy_files(tmp_path)
    edit(files, "policies.yaml", "  - id: spam-flood\n", "  - id: random-sample\n")
    with pytest.raises(RegistryError, match="is reserved for the escalations of the random sample"):
        load_rules(policies=tmp_path / "policies.yaml")
    assert not SHIPPED.sample_share
