"""Which escalations are one case, and what the desk shows of cases, against plain loops over all events.

Histories are random, and so is the order in which their topics are read. What a single escalation's row says is
tested elsewhere: here it is which rows are one case, which of them stands for it, and who is shown what.
"""

import json
import random

import pytest

from streams.contract.wire.envelope import rfc3339
from streams.desk.console.casework.work import CaseWork, apply_act
from streams.desk.console.read_model import paging
from streams.desk.console.read_model.desk import query as desk_query
from streams.desk.console.read_model.case_query import known_case
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import counts, desk_page, desk_row, desk_rows, total
from streams.desk.console.casework.joining import joined_case_id, message_of
from streams.desk.console.read_model.members import inside_of
from tests.categories import CATEGORIES
from tests.unit.console_acts import PEOPLE as DESK
from tests.unit.console_acts import act, act_record, proposed
from tests.unit.console_pages import example, lead
from tests.unit.console_world import Reading, interleaved, logs_of, tables
from tests.unit.traffic import HOUR, MINUTE, START, Record

SOME = ("csam", "ncii", "fraud", "hate")
CHANNELS = ("c", "d")
NOW = START + 12 * HOUR
SEEDS = range(12)
PEOPLE = [
    lead("lead-1"),
    lead("narrow-1", categories=frozenset(CATEGORIES) - {"csam", "hate"}),
    lead("narrow-2", categories=frozenset({"fraud"})),
    lead("nobody", categories=frozenset()),
]
SHOWN = [
    DeskFilter(),
    DeskFilter(listed="all"),
    DeskFilter(listed="snoozed"),
    DeskFilter(listed="decided"),
    DeskFilter(listed="resolved"),
    DeskFilter(category="fraud"),
    DeskFilter(policy="legal-clock"),
    DeskFilter(policy="policy-1", listed="all"),
    DeskFilter(channel="c"),
    DeskFilter(level=2),
    DeskFilter(clock="overdue"),
    DeskFilter(clock="running"),
    DeskFilter(clock="none"),
    DeskFilter(assignee="cho"),
    DeskFilter(assignee="nobody"),
    DeskFilter(escalated="yes"),
    DeskFilter(to_sign="yes"),
    DeskFilter(by="channel"),
    DeskFilter(by="category", listed="all"),
]


def events_of(chance, name, channel):
    """An episode, which may come to count other messages, or a clock, which is about one or the channel."""
    opened = example("escalations", "opened-threshold-crossed")
    messages = ["m1", "m2", "m3"][: chance.choice((1, 2, 3))]
    at = START + chance.randrange(60) * MINUTE
    event = opened | {
        "escalation_id": name,
        "channel_ref": channel,
        "category": chance.choice(SOME),
        "at": rfc3339(at),
        "level": chance.randint(1, 3),
        "policy": f"policy-{chance.randrange(3)}",
    }
    is_clock = chance.random() < 0.5
    if is_clock:
        armed = example("escalations", "opened-clock-armed")
        due = rfc3339(NOW + chance.choice((-3, -1, 2, 5)) * HOUR)
        event |= {"policy": "legal-clock", "clock": armed["clock"] | {"clock_id": name, "due_at": due}}
    named = [chance.choice(messages)] if chance.random() < 0.85 else []
    yield event | {"message_refs": named}
    for sequence in range(2, 2 + chance.choice((0, 0, 1, 2))):
        # The window of a policy moves on; a clock stays what it is.
        if not is_clock:
            named = chance.choice(([], named, named, [*named, *chance.sample(messages, 1)], messages[:1]))
        ends = chance.random() < 0.2
        event = event | {
            "sequence": sequence,
            "type": "resolved" if ends else "updated",
            "status": "resolved" if ends else "open",
            "reason": "clock_half" if is_clock else "level_raised",
            "at": rfc3339(at + sequence * HOUR),
        }
        if ends and is_clock:
            event |= {"clock": event["clock"] | {"status": "fulfilled"}}
        yield event | {"message_refs": list(dict.fromkeys(named))}
        if ends:
            return


def history(chance):
    """The records of escalations in two channels, and of what people did with them."""
    records = []
    names = []
    for number in range(14):
        channel = chance.choice(CHANNELS)
        names.append((f"e-{number:02}", channel))
        for event in events_of(chance, *names[-1]):
            value = json.dumps(event).encode()
            records.append(Record("escalations", CHANNELS.index(channel), 0, START, channel.encode(), value))
    works = dict.fromkeys(names, CaseWork())
    kinds = ("claimed", "snoozed", "escalated", "outcome_proposed", "decided", "noted")
    for number in range(24):
        name, channel = chance.choice(names)
        work = works[name, channel]
        kind, fields = chance.choice(kinds), {}
        if kind in ("decided", "outcome_proposed"):
            held = None if work.decision is None else work.decision.activity_id
            fields["proposed"] = proposed(supersedes=held)
        if kind in ("claimed", "snoozed"):
            until = act(0, "snoozed", DESK[2], 0, chance.choice((600, 9000))).until
            fields["until"] = until
        done = act(
            number,
            kind,
            DESK[2] if work.assignee else chance.choice(DESK),
            work.version,
            chance.randrange(600),
            escalation_id=name,
            channel_ref=channel,
            **fields,
        )
        works[name, channel] = apply_act(work, done)
        records.append(act_record(done, 0, CHANNELS.index(channel)))
    return records


@pytest.fixture(scope="module", params=SEEDS)
def story(request, tmp_path_factory):
    """A history, and the model that was read from it in a random order."""
    chance = random.Random(request.param)
    records = history(chance)
    reading = Reading(tmp_path_factory.mktemp("joined") / "model.sqlite")
    for batch in interleaved(chance, logs_of(records)):
        reading.apply(batch)
    assert reading.unreadable == 0
    yield records, reading
    reading.close()


def joined(records):
    """Of which case each escalation is, as all of its events together say: its channel, and a message or none."""
    named, channels = {}, {}
    for record in records:
        if record.topic == "escalations":
            event = json.loads(record.value)
            named.setdefault(event["escalation_id"], set()).update(event["message_refs"])
            channels[event["escalation_id"]] = event["channel_ref"]
    return {
        name: (channels[name], *messages) if len(messages) == 1 else (channels[name],)
        for name, messages in named.items()
    }


def rows_of(reading):
    """What each escalation's row says, without what says of which case it is."""
    reader = reading.database.reader()
    return {
        row["escalation_id"]: {
            key: row[key] for key in row.keys() if key not in ("case_id", "alone", "message_ref")
        }
        for row in reader.execute("SELECT * FROM desk_row")
    }


def held(row):
    return row["assignee"] is not None and (row["claimed_until_ms"] is None or row["claimed_until_ms"] > NOW)


def fits(row, shown, person):
    """Whether a view asks for what a row says, without what it asks of the whole case."""
    snoozed = row["snoozed_until_ms"] is not None and row["snoozed_until_ms"] > NOW
    listed = "all" if shown.to_sign else shown.listed
    due = row["due_ms"]
    return all(
        (
            row["category"] in person.categories,
            {
                "waiting": row["waits"] and not snoozed,
                "snoozed": row["waits"] and snoozed,
                "decided": row["state"] == "decided",
                "resolved": row["state"] == "resolved",
                "all": True,
            }[listed],
            shown.category in (None, row["category"]),
            shown.policy in (None, row["policy"]),
            shown.channel in (None, row["channel_ref"]),
            shown.level is None or row["level"] >= shown.level,
            shown.clock is None
            or {
                "overdue": due is not None and due <= NOW,
                "running": due is not None and due > NOW,
                "none": due is None,
            }[shown.clock],
            shown.assignee is None or (row["assignee"] if held(row) else "nobody") == shown.assignee,
            shown.escalated is None or row["escalated"],
            shown.to_sign is None or row["proposer"] not in (None, person.ref),
        )
    )


def contradicts(row, shown):
    """Whether a view leaves out the whole case of a row that waits."""
    return (
        (shown.clock == "running" and row["due_ms"] is not None and row["due_ms"] <= NOW)
        or (shown.clock == "none" and row["due_ms"] is not None)
        or (shown.assignee == "nobody" and held(row))
    )


def rank(name, row):
    order = ("order_first", "order_due", "order_level", "order_severity", "order_priority")
    return (not row["waits"], *(row[column] for column in order), name)


def listed(story, shown, person):
    """The cases of a view, each with the row that stands for it, in no order."""
    records, reading = story
    cases, rows = joined(records), rows_of(reading)
    found = {}
    for name in sorted(rows, key=lambda name: rank(name, rows[name])):
        others = (
            row
            for other, row in rows.items()
            if cases[other] == cases[name] and row["waits"] and row["category"] in person.categories
        )
        if fits(rows[name], shown, person) and not any(contradicts(row, shown) for row in others):
            found.setdefault(cases[name], name)
    return found


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
def test_a_view_lists_each_case_once_by_its_most_urgent_member(story, monkeypatch, person):
    monkeypatch.setattr(paging, "PAGE_ROWS", 3)
    monkeypatch.setattr(desk_query, "PAGE_ROWS", 3)
    _, reading = story
    reader, rows = reading.database.reader(), rows_of(reading)
    for shown in SHOWN:
        wanted = listed(story, shown, person)
        found, after = [], None
        while True:
            page, after = desk_page(reader, shown, person, NOW, after)
            found += page
            if after is None:
                break
        names = [row["escalation_id"] for row in found]
        assert sorted(names) == sorted(wanted.values()), shown
        group = {"channel": "channel_ref", "category": "category_group"}.get(shown.by)
        places = [
            ((row[group],) if group else ()) + rank("", rows[row["escalation_id"]])[1:-1] for row in found
        ]
        assert places == sorted(places), shown
        assert total(reader, shown, person, NOW) == len(wanted), shown


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
def test_counts_are_those_of_the_lists_that_they_lead_to(story, person):
    _, reading = story
    reader = reading.database.reader()
    for shown in SHOWN:
        counted = counts(reader, shown, person, NOW)
        assert counted.total == len(listed(story, shown, person)), shown
        if shown.clock in ("running", "none") or shown.assignee == "nobody":
            continue
        for field in ("category", "policy"):
            of_field = dict(getattr(counted, f"by_{field}"))
            for value in of_field:
                narrower = DeskFilter(**vars(shown) | {field: value})
                if getattr(shown, field) in (None, value):
                    assert of_field[value] == len(listed(story, narrower, person)), (shown, value)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
def test_a_row_by_the_id_of_its_case_is_that_of_the_view_or_else_the_most_urgent_one(story, person):
    records, reading = story
    reader = reading.database.reader()
    cases = joined(records)
    ids = {joined_case_id(case[0], case[1] if case[1:] else None): case for case in cases.values()}
    assert len(ids) == len(set(cases.values()))
    everything = listed(story, DeskFilter(listed="all"), person)
    for shown in SHOWN:
        in_view = listed(story, shown, person)
        found = desk_rows(reader, list(ids), shown, person, NOW)
        said = {ids[each.row["case_id"]]: (each.row["escalation_id"], each.in_view) for each in found}
        assert said == {case: ((everything | in_view)[case], case in in_view) for case in everything}, shown
    for name, case in cases.items():
        row = desk_row(reader, name, person, NOW)
        assert (None if row is None else ids[row["case_id"]]) == (case if case in everything else None)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
def test_what_is_inside_a_case_is_what_waits_in_it_and_may_be_seen(story, person):
    records, reading = story
    reader, cases, rows = reading.database.reader(), joined(records), rows_of(reading)
    seen = {name for name, row in rows.items() if row["category"] in person.categories}
    for name, row in rows.items():
        waiting = {other for other in seen if cases[other] == cases[name] and rows[other]["waits"]}
        known = known_case(reader, name, person)
        if name not in seen:
            assert known is None
            continue
        assert known is not None
        shown = [each.newest.escalation_id for each in known.members]
        assert set(shown) == (waiting if row["waits"] else {name})
        assert {each.row["category"] for each in known.clocks} <= person.categories
        if row["waits"]:
            # What was proposed, then policies, then what is most urgent.
            assert shown[0] == min(
                waiting,
                key=lambda one: (
                    rows[one]["state"] != "proposed",
                    rows[one]["is_clock"],
                    rank(one, rows[one]),
                ),
            )
        decided = {other for other in seen if rows[other]["decision"] and other != shown[0]}
        same = {other for other in decided if cases[other] == cases[name]}
        channel = {other for other in decided if cases[other][0] == cases[name][0]}
        assert {each["escalation_id"] for each in known.before} == channel
        assert {each["escalation_id"] for each in known.before if not each["elsewhere"]} == same
    page = desk_page(reader, DeskFilter(listed="all"), person, NOW)
    inside = inside_of(reader, page.rows, person.categories)
    for row in page.rows:
        case = cases[row["escalation_id"]]
        waiting = {other for other in seen if cases[other] == case and rows[other]["waits"]}
        found = inside[row["case_id"]]
        assert {each["escalation_id"] for each in found.members} == (waiting or {row["escalation_id"]})
        decided = [other for other in seen if cases[other] == case and rows[other]["decision"]]
        if decided:
            assert rows[found.decided["escalation_id"]]["decided_ms"] == max(
                rows[each]["decided_ms"] for each in decided
            )


def test_cases_do_not_depend_on_the_order_in_which_topics_are_read(story, tmp_path):
    records, reading = story
    other = Reading(tmp_path / "other.sqlite")
    try:
        for log in logs_of(records).values():
            other.apply(log)
        assert tables(other.writer)["desk_row"] == tables(reading.writer)["desk_row"]
    finally:
        other.close()


def test_open_pages_are_told_of_a_case_that_an_escalation_leaves(tmp_path):
    reading = Reading(tmp_path / "model.sqlite")
    event = example("escalations", "opened-threshold-crossed") | {
        "escalation_id": "e", "channel_ref": "c", "message_refs": ["m1"], "category": "fraud",
    }  # fmt: skip
    of_message, of_channel = joined_case_id("c", "m1"), joined_case_id("c", None)
    try:
        told = [
            reading.apply([Record("escalations", 0, number, START, b"c", json.dumps(event | more).encode())])
            for number, more in enumerate(
                (
                    {"sequence": 1},
                    {"sequence": 2, "message_refs": ["m2", "m1"]},
                    # What is left of the window is no reason to come back.
                    {"sequence": 3, "message_refs": ["m2"]},
                    {"sequence": 4, "message_refs": []},
                )
            )
        ]
    finally:
        reading.close()
    assert [each.cases for each in told] == [
        {of_message},
        {of_message, of_channel},
        {of_channel},
        {of_channel},
    ]
    assert all(each.categories == dict.fromkeys(each.cases, {"fraud"}) for each in told)


def test_the_histories_of_these_tests_hold_everything_that_matters(tmp_path):
    seen = set()
    for seed in SEEDS:
        records = history(random.Random(seed))
        reading = Reading(tmp_path / f"{seed}.sqlite")
        for log in logs_of(records).values():
            reading.apply(log)
        cases, rows = joined(records), rows_of(reading)
        for case in set(cases.values()):
            inside = [rows[name] for name in cases if cases[name] == case]
            kinds = {"clock" if row["is_clock"] else "policy" for row in inside if row["waits"]}
            seen |= {(len(case), kind) for kind in ("both", *kinds) if kind != "both" or len(kinds) == 2}
            seen |= {"several categories"} if len({row["category"] for row in inside}) > 1 else set()
            seen |= {row["state"] for row in inside}
            seen |= {"alone"} if len(inside) == 1 else set()
        for shown in SHOWN:
            seen |= {str(shown)} if listed((records, reading), shown, PEOPLE[0]) else set()
        reading.close()
    wanted = {(length, kind) for length in (1, 2) for kind in ("clock", "policy", "both")}
    wanted |= {"several categories", "alone", "open", "proposed", "decided", "resolved", *map(str, SHOWN)}
    assert wanted <= seen


@pytest.mark.parametrize(
    ("named", "about"),
    [
        ([["m1"]], "m1"),
        ([["m1"], []], "m1"),
        ([[], ["m1"]], "m1"),
        ([["m1"], ["m1"]], "m1"),
        ([["m1"], ["m2"]], None),
        ([["m1", "m2"], ["m1"]], None),
        ([[]], None),
    ],
)
def test_an_escalation_is_about_a_message_if_it_never_named_another(named, about):
    class Event:
        def __init__(self, message_refs):
            self.message_refs = message_refs

    assert message_of([Event(each) for each in named]) == about
