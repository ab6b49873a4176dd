"""Clusters, voices, credits and signs as the stage of reports keeps them, against models that know everything
at once.
"""

import dataclasses
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from streams.commands.state.repartition import repartition
from streams.contract.events.escalation import Escalation
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.envelope import rfc3339
from streams.contract.events.report import MessageReport
from streams.contract.wire.forms.checked_report import published_record, report_of
from streams.contract.wire.times import epoch_ms
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.counting.categories import shares_of, summed
from streams.counting.coordination.clusters import Clusters, ClusterSums
from streams.counting.coordination.signature import enter
from streams.counting.counts import ChannelCounts
from streams.counting.held_counts import CHANNEL_COUNTS, category_suffix
from streams.counting.measures import MEASURES
from streams.counting.sums import NO_DOUBT, NOT_SCATTERED, Doubtful, Scattered, StampedSums
from streams.counting.windows import FINE_MS, WindowSpec, window_spec, window_start
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState, restore_reports
from streams.desk.text.story import story
from streams.registry.rules import AskRules
from tests import bundled
from tests.unit.crowd_traffic import KEY, credits_of, outcome, stamped, without_decisions_read
from tests.unit.saved_state import read_file, write_file
from tests.unit.traffic import (
    DAY,
    EXTERNAL,
    HOUR,
    INTERNAL,
    MINUTE,
    SHIPPED,
    START,
    Record,
    fold,
    levels,
    of_topic,
    policy,
    rekeyed,
    report,
    run,
    tick,
)

STRANGER = {"member": False, "account_age": "under_1d"}
BRIGADE = enter(enter(0, 1 | 7 << 8), 2 | 7 << 8)
HOURLY = policy(levels=levels({"reports": 3}, {"distinct_reporters": 8}))
SPECS = (window_spec(HOUR, "PT1H"), window_spec(DAY, "PT24H"), window_spec(7 * DAY, "P7D"))


def rules_with(
    *policies: Any, integrity: str = "shadow", ask: AskRules | None = None, **settings: Any
) -> ReportRules:
    registry = dataclasses.replace(SHIPPED, policies=policies, integrity=integrity, ask=ask)
    return compile_report_rules(registry, **settings)


RULES = rules_with(HOURLY)


def by(
    number: int, ref: str, time: int, message: str | None = "m1", channel: str = "c", **more: Any
) -> Record:
    """A stamped report by `ref`; what is not a field of the report goes into its stamp."""
    fields = {name: more.pop(name) for name in ("category", "kind", "received_at") if name in more}
    reporter = {"kind": "user", "ref": ref, **more.pop("reporter", {})}
    if message is not None:
        fields["message_ref"] = message
    return stamped(report(number, time, channel=channel, reporter=reporter, **fields), **more)


def counts_of(state: ReportState, channel: str = "c", category: Any = "spam") -> ChannelCounts:
    entry = state.counts.find(CHANNEL_COUNTS + channel.encode() + category_suffix(category))
    assert entry is not None
    return entry.counts


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_of_windows_are_those_of_all_reports_in_them(seed):
    """Every report is kept, and each window added up again, while panes are folded, restored and forgotten."""
    random = Random(seed)
    signatures = [0, BRIGADE, enter(enter(0, 3 | 5 << 8), 4 | 5 << 8)]
    state, stored, clusters = ReportState(0, 1, RULES), {}, defaultdict(Clusters)
    seen: set[tuple[str, str]] = set()
    forgotten = dict.fromkeys(("m0", "m1", "m2"), 0)
    last_seen: dict[str, int] = {}
    repeats: dict[str, int] = {}
    added: list[tuple[int, StampedSums]] = []
    now = START
    for number in range(150):
        now += random.choice([0, MINUTE, 7 * MINUTE, 2 * HOUR, DAY])
        ref, message = f"u{random.randrange(40)}", f"m{random.randrange(3)}"
        signature, known = random.choice(signatures), random.random() < 0.2
        late = random.choice([0, 0, 3 * HOUR])
        stranger = random.random() < 0.3
        reporter = {"kind": random.choice(["user", "anonymous"])} | (STRANGER if stranger else {})
        record = by(
            number,
            ref,
            now - late,
            message,
            reporter=reporter,
            signature=signature,
            reporter_class="medium" if known else "low",
            channels=(channels := random.choice([0, 5, 50])),
        )
        # The time never goes back.
        batch = run(state, RULES, [record._replace(timestamp=now)])
        fold(stored, batch.changes)
        sums, linked = ClusterSums(), False
        if (ref, message) not in seen:
            seen.add((ref, message))
            # Those of a message are kept for a week after the last report that could be linked.
            if now // DAY >= forgotten[message]:
                clusters.pop(message, None)
            joined = clusters[message].add(signature, 1, known=known)
            sums, linked = joined.added, not joined.first
            if signature:
                forgotten[message] = -(-(now + 7 * DAY) // DAY)
        # Who stands alone is one voice in the window of the policy.
        counted_at = repeats.get(ref, last_seen.get(ref, -1))
        voice = counted_at < window_start(SPECS[0].ring, SPECS[0].panes, (now - late) // FINE_MS)
        if not voice:
            repeats[ref] = counted_at
            sums = sums if sums.linked else ClusterSums()
        else:
            repeats.pop(ref, None)
        last_seen[ref] = max(last_seen.get(ref, -1), (now - late) // FINE_MS)
        risk = round(of_topic(batch, "enriched-reports")[0]["risk"]["score"] * 1e6) if voice else 0
        doubtful, scattered = NO_DOUBT, NOT_SCATTERED
        if linked or stranger:
            doubtful = Doubtful(1, voice, risk, reporter["kind"] == "anonymous")
        if channels == 50 and not known:
            scattered = Scattered(900 if voice else 0, risk * 9 // 10)
        added.append(((now - late) // FINE_MS, StampedSums(1, sums, doubtful, 0, scattered)))
        if random.random() < 0.2:
            state = restore_reports(0, 1, RULES, stored.items())
        for spec in SPECS:
            assert counts_of(state).measure(spec, state.time.now).stamped == modelled(
                added, spec, state.time.now
            )


def modelled(added: list[tuple[int, StampedSums]], spec: WindowSpec, now: int) -> StampedSums:
    start = window_start(spec.ring, spec.panes, now // FINE_MS)
    total = StampedSums()
    for fine, each in added:
        if fine >= start:
            total = total.plus(each)
    return total


def stream(seed: int, length: int = 60) -> list[Record]:
    """Reports and outcomes about a few messages and reports, in one order."""
    random = Random(seed)
    records: list[Record] = []
    now = START
    for number in range(length):
        now += random.choice([0, MINUTE, 20 * MINUTE, 5 * HOUR])
        message = f"m{random.randrange(3)}"
        if random.random() < 0.7 or not records:
            received = now - random.choice([0, MINUTE, 3 * HOUR])
            made = by(
                number,
                f"u{random.randrange(12)}",
                now,
                message,
                received_at=rfc3339(received),
                signature=BRIGADE,
            )
            # As a worker of 0.2 without the stage of reporters re-keyed it.
            if random.random() < 0.2:
                (entry,) = bundled.entries([made])
                published = published_record(entry.report)
                made = rekeyed(made._replace(topic=EXTERNAL, value=published.value, headers=()))
            records.append(made._replace(offset=number, timestamp=now))
            continue
        subject = None
        if random.random() < 0.4:
            subject = {"kind": "report", "report_id": f"r{random.randrange(number)}"}
        decision = random.choice(["upheld", "dismissed", "manifestly_unfounded"])
        decided = now - random.choice([0, HOUR, DAY])
        records.append(outcome(number, decision, decided, subject, message, appended=now))
    return records


def counted_by_model(records: list[Record]) -> dict[tuple[int, int], str]:
    """What counts in the end, by reporter and message: everything is known at once, in the order of
    application.
    """
    reports: dict[tuple[int, str], tuple[int, str]] = {}
    decisions: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    own: dict[tuple[int, str], list[tuple[int, str, str]]] = defaultdict(list)
    for record in records:
        if record.topic == INTERNAL:
            for entry in bundled.entries([record]):
                _note_report(reports, report_of(entry.report))
            continue
        body = msgspec.json.decode(record.value or b"")
        subject = body["subject"]
        made = (_seconds(body["decided_at"]), body["outcome_id"], body["decision"])
        if subject["kind"] == "message":
            decisions[subject["message_ref"]].append(made)
            continue
        for key, (_, report_id) in reports.items():
            if report_id == subject["report_id"]:
                own[key].append(made)
    found = {}
    for (reporter, message), (received, _) in reports.items():
        known = decisions[message] + own[reporter, message]
        if known and received < min(known)[0]:
            found[reporter, KEY.target_hash("c", message)] = max(known)[2]
    return found


def _note_report(reports: dict[tuple[int, str], tuple[int, str]], report: MessageReport) -> None:
    assert report.reporter is not None
    assert report.received_at is not None
    key = (KEY.reporter_hash(report.reporter.ref or ""), report.message_ref or "")
    received = epoch_ms(report.received_at) // 1000
    if key not in reports or received < reports[key][0]:
        reports[key] = (received, report.report_id)


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize("seed", range(40))
def test_credits_add_up_to_the_model_and_no_cut_or_restore_changes_a_byte(seed):
    records = stream(seed)
    whole = run(ReportState(0, 1, RULES), RULES, records)
    counts: dict[tuple[int, int], str] = {}
    for credit in bundled.credits_in(whole.outputs):
        key = (credit.reporter, credit.target)
        assert counts.pop(key, None) == (credit.removed.decision if credit.removed else None)
        if credit.added is not None:
            counts[key] = credit.added.decision
    assert counts == counted_by_model(records)

    random = Random(seed)
    state, stored = ReportState(0, 1, RULES), {}
    outputs: list[OutputRecord] = []
    rest = records
    while rest:
        cut = random.randrange(1, 9)
        batch = run(state, RULES, rest[:cut])
        rest = rest[cut:]
        outputs += batch.outputs
        fold(stored, batch.changes)
        if random.random() < 0.4:
            state = restore_reports(0, 1, RULES, stored.items())
    kept = [output for output in whole.outputs if output.topic != "transparency-counters"]
    written = [output for output in outputs if output.topic != "transparency-counters"]
    assert bundled.expanded(written) == bundled.expanded(kept)
    once: dict[bytes, bytes] = {}
    fold(once, whole.changes)
    assert stored == once


@pytest.mark.parametrize("seed", range(5))
def test_outcomes_change_neither_reports_nor_escalations_nor_counts(seed):
    records = stream(seed)
    kept = ("enriched-reports", "escalations")
    found = []
    for chosen in (records, [record for record in records if record.topic != "moderation-outcomes"]):
        batch = run(ReportState(0, 1, RULES), RULES, chosen)
        found.append(
            (
                without_decisions_read(output for output in batch.outputs if output.topic in kept),
                {key: value for key, value in batch.changes.items() if key[:1] in b"KCTGV"},
            )
        )
    (with_them, state), (without, same_state) = found
    # The window of dead letters follows the time in its record.
    assert with_them == without
    assert {**state, b"T": state[b"T"][:29]} == {**same_state, b"T": same_state[b"T"][:29]}


def brigade(size: int, time: int = START, **more: Any) -> list[Record]:
    return [by(number, f"u{number}", time, signature=BRIGADE, **more) for number in range(size)]


def test_a_brigade_counts_as_few_voices_and_a_crowd_in_full():
    state = ReportState(0, 1, RULES)
    run(state, RULES, brigade(20))
    run(state, RULES, [by(100 + number, f"v{number}", START, channel="d") for number in range(20)])
    counts = counts_of(state).measure(SPECS[0], START)
    assert MEASURES["distinct_reporters"].value(counts) == 20
    assert MEASURES["voices"].value(counts) == 1
    assert MEASURES["linked_share"].value(counts) == 1
    counts = counts_of(state, "d").measure(SPECS[0], START)
    assert MEASURES["voices"].value(counts) == 20
    assert MEASURES["linked_share"].value(counts) == 0


def test_voices_are_heads_without_stamps():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(number, START, reporter={"kind": "anonymous"}) for number in range(3)])
    counts = counts_of(state).measure(SPECS[0], START)
    assert (MEASURES["voices"].value(counts), MEASURES["reports"].value(counts)) == (0, 3)


def test_signs_are_shown_on_reports_and_escalations_and_change_nothing_in_shadow():
    batch = run(ReportState(0, 1, RULES), RULES, brigade(12))
    [*_, last] = of_topic(batch, "enriched-reports")
    assert last["integrity"]["signals"][0] == "linked_reporters"
    assert last["integrity"]["members"] == 12
    assert last["integrity"]["sentence"].startswith(
        "12 of 12 reporters had before reported the same messages"
    )
    assert "integrity" not in of_topic(batch, "enriched-reports")[0]
    opened, raised = of_topic(batch, "escalations")
    assert (opened["level"], raised["level"]) == (1, 2)
    assert raised["integrity"]["finding"]["score"] == pytest.approx(1 - 1 / 8)
    # Eight are too few to suspect a brigade.
    assert not raised["integrity"]["brigade_suspected"]
    assert (raised["counts"]["voices"], raised["counts"]["linked"]) == (1, 8)
    assert of_topic(batch, "integrity-cases") == []


def test_there_is_one_verdict_about_a_crowd():
    """16 accounts with one report each look independent to counts alone; their links say otherwise."""
    rules = rules_with(policy(levels=levels({"reports": 3}, {"reports": 16})))
    opened, raised = of_topic(run(ReportState(0, 1, rules), rules, brigade(16)), "escalations")
    assert (opened["integrity"]["brigade_suspected"], raised["integrity"]["brigade_suspected"]) == (
        False,
        True,
    )
    assert raised["integrity"]["score"] == 0
    text = story([msgspec.convert(event, Escalation) for event in (opened, raised)])
    assert "no brigade suspected, 3 reporters look coordinated, score 0.67" in text
    assert " brigade suspected, 16 reporters look coordinated, score 0.94" in text
    # Without links and without a burst the counts have the only word: forty reports by one reporter.
    one = [by(number, "u1", START + number * MINUTE, f"m{number}") for number in range(40)]
    concentrated = rules_with(policy(levels=levels({"reports": 40})))
    [event] = of_topic(run(ReportState(0, 1, concentrated), concentrated, one), "escalations")
    assert event["integrity"]["brigade_suspected"]
    assert "finding" not in event["integrity"]


def test_live_a_suspected_brigade_stays_at_review_and_becomes_one_case():
    rules = rules_with(HOURLY, integrity="live")
    state = ReportState(0, 1, rules)
    batch = run(state, rules, brigade(30))
    # Level 2 needs 8 reporters, and a brigade is suspected from ten reports on.
    assert [event["level"] for event in of_topic(batch, "escalations")] == [1, 2]
    rules = rules_with(policy(levels=levels({"reports": 3}, {"reports": 15})), integrity="live")
    state = ReportState(0, 1, rules)
    batch = run(state, rules, brigade(30))
    [opened] = of_topic(batch, "escalations")
    assert opened["level"] == 1
    [case] = of_topic(batch, "integrity-cases")
    assert (case["kind"], case["channel_ref"], case["integrity"]["members"]) == ("brigade", "c", 10)
    assert opened["escalation_id"] not in case["sentence"]
    # Neither again after a restore.
    stored: dict[bytes, bytes] = {}
    fold(stored, batch.changes)
    again = run(
        restore_reports(0, 1, rules, stored.items()), rules, [by(99, "u99", START, signature=BRIGADE)]
    )
    assert of_topic(again, "integrity-cases") == []


@pytest.mark.parametrize("kind", ["trusted_flagger", "automated"])
def test_a_finding_opens_its_own_level_and_none_to_a_suspected_crowd(kind):
    """A brigade that posts what a detector knows does not thereby count itself."""
    by_findings = levels({"reports": 3}, {"reports": 15}, {f"{kind}s" if kind[0] == "t" else kind: 2})
    rules = rules_with(policy(levels=by_findings), integrity="live")
    found = [by(number, f"f{number}", START, reporter={"kind": kind}) for number in (50, 51)]
    state = ReportState(0, 1, rules)
    # The founder of the cluster and the first finding are two established reports of seventeen.
    batch = run(state, rules, [*brigade(16), found[0]])
    assert [event["level"] for event in of_topic(batch, "escalations")] == [1]
    assert [event["level"] for event in of_topic(run(state, rules, found[1:]), "escalations")] == [3]


@pytest.mark.parametrize("seed", range(4))
def test_beside_a_suspected_brigade_others_reach_what_they_reach_alone(seed):
    """Nobody is silenced by who reports beside them: the others' reports alone are run as the model."""
    random = Random(seed)
    rules = rules_with(
        policy(
            categories=("spam", "fraud"),
            levels=levels(
                {"distinct_reporters": 3},
                {"distinct_reporters": 11, "reports": 12},
                {"risk": 0.5, "distinct_reporters": 14, "automated": 8},
            ),
        ),
        integrity="live",
    )
    state, alone = ReportState(0, 1, rules), ReportState(0, 1, rules)
    # First a burst of young accounts of non-members, so that the channel is suspected throughout.
    raid = [by(number, f"raid{number}", START, reporter=STRANGER) for number in range(60)]
    assert [event["level"] for event in of_topic(run(state, rules, raid), "escalations")] == [1]
    reached = [1, 0]
    for number in range(100, 160):
        category = random.choice(["spam", "fraud"])
        kind = random.choice(["user", "user", "anonymous", "automated"])
        record = by(
            number, f"v{random.randrange(30)}", START + MINUTE, reporter={"kind": kind}, category=category
        )
        for place, one in enumerate((state, alone)):
            events = of_topic(run(one, rules, [record]), "escalations")
            reached[place] = max([reached[place], *(event["level"] for event in events)])
        assert reached[0] == max(reached[1], 1)
    assert reached[0] == 3


def test_a_floor_category_is_marked_and_never_lowered():
    rules = rules_with(
        policy(categories=("grooming",), levels=levels({"reports": 3}, {"reports": 15})), integrity="live"
    )
    batch = run(ReportState(0, 1, rules), rules, brigade(20, category="grooming"))
    events = [event for event in of_topic(batch, "escalations") if event["policy"] == "spam"]
    assert [event["level"] for event in events] == [1, 2]
    assert events[1]["integrity"]["finding"]["members"] == 15


def test_live_only_the_first_report_of_a_cluster_weighs():
    risks = []
    for mode in ("shadow", "live"):
        rules = rules_with(HOURLY, integrity=mode)
        state = ReportState(0, 1, rules)
        run(state, rules, [*brigade(5), by(70, "u0", START, signature=BRIGADE), by(80, "v", START)])
        risks.append(MEASURES["risk"].value(counts_of(state).measure(SPECS[0], START)))
    # The second report of u0 adds nothing in either.
    assert risks[0] / risks[1] == pytest.approx(6 / 2)


@pytest.mark.parametrize("seed", range(4))
def test_of_reports_without_a_reporter_a_window_has_the_risk_of_the_one_that_weighs_most(seed):
    """Whatever they say of themselves, in whichever category and order, while panes fold, and with restores."""
    random = Random(seed)
    rules = rules_with(policy(categories=("spam", "fraud"), window="PT1H"))
    state, stored = ReportState(0, 1, rules), {}
    # Fine index, category, whether a flagger made it, and what it weighs.
    given: list[tuple[int, str, bool, int]] = []
    now = START
    for number in range(80):
        now += random.choice([0, MINUTE, 20 * MINUTE, 2 * HOUR, DAY])
        at = now - random.choice([0, 0, 10 * MINUTE, 50 * MINUTE])
        kind = random.choice(["anonymous", "user", "user", "state_actor", "trusted_flagger"])
        reporter = {"kind": kind, "member": random.random() < 0.5}
        category = random.choice(["spam", "fraud"])
        record = report(number, at, category=category, reporter=reporter)._replace(timestamp=now)
        batch = run(state, rules, [tick(number, now)._replace(timestamp=now), record])
        fold(stored, batch.changes)
        (event,) = of_topic(batch, "enriched-reports")
        given.append(
            (at // FINE_MS, category, kind == "trusted_flagger", round(event["risk"]["score"] * 1e6))
        )
        if random.random() < 0.2:
            state = restore_reports(0, 1, rules, stored.items())
        for spec in SPECS:
            start = window_start(spec.ring, spec.panes, state.time.now // FINE_MS)
            within = [one for one in given if one[0] >= start]
            shares = shares_of(state.counts, b"c", ("spam", "fraud"), spec, state.time.now)
            for share in (*([one] for one in shares), shares):
                named = {one.category for one in share}
                found = [one for one in within if one[1] in named]
                crowd = max((risk for *_, by_flagger, risk in found if not by_flagger), default=0)
                findings = sum(risk for *_, by_flagger, risk in found if by_flagger)
                assert summed(share, 0).risk == crowd + findings


def test_an_anonymous_crowd_opens_a_review_of_a_floor_category_and_nothing_above():
    rules = compile_report_rules(dataclasses.replace(SHIPPED, integrity="live"))
    for category, level in (("csam", 1), ("threat_to_life", 1), ("self_harm", 1), ("fraud", 0)):
        records = [
            report(number, START, category=category, reporter={"kind": "anonymous"}) for number in range(150)
        ]
        events = of_topic(run(ReportState(0, 1, rules), rules, records), "escalations")
        assert max((event["level"] for event in events), default=0) == level
        # From the first report on.
        if category != "self_harm":
            assert {event["trace"]["last_report_id"] for event in events} <= {"r0"}


def test_a_fresh_brigade_is_suspected_by_how_it_arrives():
    batch = run(
        ReportState(0, 1, RULES),
        RULES,
        [
            by(number, f"u{number}", START, reporter={"member": False, "account_age": "under_1d"})
            for number in range(12)
        ],
    )
    [*_, last] = of_topic(batch, "enriched-reports")
    assert last["integrity"]["signals"] == ["burst", "first_time_reporters", "young_accounts", "non_members"]
    assert last["integrity"]["members"] == 12


def test_a_fresh_brigade_that_names_any_harm_is_shown_as_such():
    reporter = {"member": False, "account_age": "under_1d"}
    records = [
        by(number, f"u{number}", START, reporter=reporter, category=("spam", "fraud", "hate")[number % 3])
        for number in range(12)
    ]
    [*_, last] = of_topic(run(ReportState(0, 1, RULES), RULES, records), "enriched-reports")
    assert "category_disagreement" in last["integrity"]["signals"]
    assert "They do not agree what is wrong: 67% name" in last["integrity"]["sentence"]


def test_beyond_the_guard_rail_links_have_no_effect():
    state = ReportState(0, 1, RULES)
    # Each pair has earlier targets of its own.
    pairs = [
        by(
            10 * number + second,
            f"u{number}-{second}",
            START,
            f"m{number}",
            signature=enter(enter(0, number % 16 | number << 8), 16 + number % 16 | number << 8),
        )
        for number in range(110)
        for second in range(2)
    ]
    batch = run(state, RULES, pairs)
    # The founder of a pair is not counted as linked; beyond 100 others nobody is.
    assert (batch.counters.linked, batch.counters.links_without_effect) == (110, 10)
    counts = counts_of(state).measure(SPECS[0], START)
    assert counts.stamped.sums.reports == 220
    assert counts.stamped.sums.squares == 100 * 4 + 10 * 2


def test_a_single_brigade_does_not_open_the_guard_rail():
    state = ReportState(0, 1, RULES)
    batch = run(state, RULES, brigade(500))
    assert (batch.counters.linked, batch.counters.links_without_effect) == (499, 0)


def test_what_is_kept_of_messages_and_channels_expires():
    state, stored = ReportState(0, 1, RULES), {}
    fold(stored, run(state, RULES, brigade(3)).changes)
    assert sorted({key[:1] for key in stored}) == [
        b"A",
        b"C",
        b"D",
        b"E",
        b"G",
        b"H",
        b"K",
        b"N",
        b"R",
        b"T",
        b"U",
        b"V",
    ]
    for days, gone in ((9, b"G"), (35, b"V"), (95, b"A"), (185, b"E")):
        later = [by(days, "w", START + days * DAY, None, "other")]
        fold(stored, run(state, RULES, later).changes)
        assert [key for key in stored if key[:1] == gone and key[1:2] == b"c"] == []
    assert sum(store.size for store in state.crowd.by_kind.values()) == sum(
        len(key) + len(value) for key, value in stored.items() if key[:1] in b"AGVE"
    )


def test_a_time_that_was_set_back_forgets_how_later_reports_arrived():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [by(1, "u1", START), by(2, "u2", START, channel="d")])
    run(state, RULES, [tick(2, START + MINUTE)])
    run(state, RULES, [by(3, "u3", START + 20 * DAY, channel="d")])
    value, headers = encode_time_correction(
        TimeCorrection(state.time.now, START + HOUR, "a broker's clock was wrong", "op-1")
    )
    run(state, RULES, [Record(INTERNAL, 0, 9, START + HOUR, None, value, headers)])
    assert state.time.now == START + HOUR
    assert state.crowd.arrivals_of(b"c") is not None
    assert state.crowd.arrivals_of(b"d") is None


def test_outcomes_are_credited_after_the_number_of_partitions_was_changed(tmp_path: Path):
    channels = [f"c{number}" for number in range(12)]
    stage = report_stage(RULES)
    stored: list[dict[bytes, bytes]] = [{}, {}]
    states = [ReportState(number, 2, RULES) for number in range(2)]
    for number, channel in enumerate(channels):
        home = home_partition(channel.encode(), 2)
        record = by(number, f"u{number}", START, channel=channel, partitions=2, signature=BRIGADE)
        record = record._replace(partition=home)
        fold(stored[home], stage.apply(states[home], [record]).changes)
    old = write_file(tmp_path / "old", {"reports": stored})
    repartition(old, tmp_path / "new", {"reports": stage}, 3)
    _, found = read_file(tmp_path / "new")
    moved = [
        stage.restore(number, 3, entries.items()) for number, (_, entries) in enumerate(found["reports"])
    ]
    for number, channel in enumerate(channels):
        home = home_partition(channel.encode(), 3)
        record = outcome(number, "upheld", START + HOUR, channel=channel)._replace(partition=home)
        assert credits_of(stage.apply(moved[home], [record])) == {f"u{number}": (None, "upheld")}
    for channel in channels:
        assert moved[home_partition(channel.encode(), 3)].crowd.arrivals_of(channel.encode()) is not None
    reporters = {hashed for state in moved for hashed in state.crowd.guard.active}
    assert reporters == {KEY.reporter_hash(f"u{number}") for number in range(12)}
