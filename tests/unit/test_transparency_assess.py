"""Counters agree with the enriched reports, in batches of any size and across restores."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.transparency import TransparencyCounter
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.traffic import DAY, HOUR, MINUTE, START, compiled, fold, levels, policy, report, run, tick

RULES = compiled(
    policy(levels=levels({"reports": 2}, {"reports": 4})),
    policy(id="trial", mode="shadow", levels=levels({"reports": 1})),
)
SOURCES = [
    None,
    {"kind": "user", "ref": "u"},
    {"kind": "state_actor"},
    {"kind": "automated"},
    {"kind": "trusted_flagger", "ref": "t"},
]

traffic = st.lists(
    st.tuples(
        st.sampled_from(["report"] * 6 + ["again", "late", "bad", "tick"]),
        st.sampled_from([0, 0, MINUTE, HOUR, DAY]),
        # Channel refs that look like keys of counters.
        st.sampled_from(["c", "R", "R2026-09-04", "P"]),
        st.sampled_from(["spam", "spam", "fraud"]),
        st.sampled_from(["DE", "KR", None]),
        st.sampled_from(SOURCES),
    ),
    min_size=1,
    max_size=30,
)


def records(steps):
    now, number, made = START, 0, []
    for kind, passed, channel, category, country, reporter in steps:
        now += passed
        evidence = [{"country": country, "basis": "victim", "confidence": 0.9}] if country else []
        fields = {"channel": channel, "category": category, "reporter": reporter, "evidence": evidence}
        if kind == "tick":
            made.append(tick(number, now + DAY, len(made)))
        elif kind == "bad":
            made.append(report(0, now, len(made))._replace(value=b"{"))
        elif kind == "again" and number:
            made.append(report(number, now, len(made), **fields))
        else:
            number += 1
            made.append(report(number, now - 40 * DAY if kind == "late" else now, len(made), now, **fields))
    return made


def play(made, cuts, restored):
    state, stored, counted, others = ReportState(0, 1, RULES), {}, {}, []
    start = 0
    for cut in sorted({cut for cut in cuts if 0 < cut < len(made)} | {len(made)}):
        outcome = run(state, RULES, made[start:cut])
        fold(stored, outcome.changes)
        for output in outcome.outputs:
            if output.topic == "transparency-counters":
                assert output.partition == 0
                counted[output.key] = (output.value, tuple(output.headers))
            else:
                others.append(output)
        if cut in restored:
            state = restore_reports(0, 1, RULES, list(stored.items())[::-1])
        start = cut
    return state, stored, counted, others


def counts_from_counters(counted):
    found = Counter()
    for value, _ in counted.values():
        counter = msgspec.json.decode(value, type=TransparencyCounter)
        for row in counter.reports:
            *cell, count = msgspec.structs.astuple(row)
            found[counter.country, counter.category, *cell] += count
    return found


def counts_from_reports(others):
    found = Counter()
    for number, output in enumerate(others):
        if output.topic != "enriched-reports":
            continue
        event = msgspec.json.decode(output.value)
        body = event["report"]
        source = (body.get("reporter") or {"kind": "anonymous"})["kind"]
        escalated = False
        for later in others[number + 1 :]:
            if later.topic in ("enriched-reports", "dead-letters"):
                break
            # Time alone resolves an episode, before the next report is applied.
            escalation = msgspec.json.decode(later.value)
            escalated |= later.topic == "escalations" and escalation["type"] != "resolved"
        place = event["jurisdictions"][0]["code"]
        found[
            place,
            body["category"],
            source,
            body["kind"],
            source == "automated",
            not event["counted"],
            escalated,
        ] += 1
    return found


@settings(max_examples=100)
@given(traffic, st.sets(st.integers(1, 30), max_size=10), st.sets(st.integers(1, 30)))
def test_counters_agree_with_the_enriched_reports(steps, cuts, restored):
    made = records(steps)
    state, stored, counted, others = play(made, cuts, restored)
    _, whole_stored, whole_counted, whole_others = play(made, set(), set())
    assert counts_from_counters(counted) == counts_from_reports(others)
    assert counted == whole_counted
    assert stored == whole_stored
    assert others == whole_others
    days = {key[1:11] for key in stored if key[:1] == b"R"}
    assert len(days) <= 1
    assert len(state.daily) == sum(key[:1] == b"R" for key in stored)


def test_a_tick_alone_removes_a_past_day_from_the_state():
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START)])
    outcome = run(state, RULES, [tick(1, START + DAY)])
    assert outcome.changes[b"R2026-09-04/XX/spam"] is None
    assert not [output for output in outcome.outputs if output.topic == "transparency-counters"]


def test_duplicates_and_dead_letters_are_not_counted():
    state = ReportState(0, 1, RULES)
    again = report(1, START)
    run(state, RULES, [again])
    outcome = run(state, RULES, [again, again._replace(value=b"{", offset=2)])
    assert [output.topic for output in outcome.outputs] == ["dead-letters"]
