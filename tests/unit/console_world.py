"""Logs of all topics that a console reads, made by the stages and by people, and read models made of them."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from streams.deciding.reports.state import ReportState
from streams.desk.console.casework.work import ActRefused, CaseWork, apply_act
from streams.desk.console.read_model.apply import HANDLERS, apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import Database, transaction
from tests.shipped import RULES
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.console_acts import PEOPLE, act, act_record, proposed
from tests.unit.console_pages import EXAMPLES, opened
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import HOUR, MINUTE, START, Record, levels, policy, report, run, tick

Logs = dict[tuple[str, int], list[Record]]

_PROPOSING = ("outcome_proposed", "decided")
_DECIDING = ("outcome_proposed", "outcome_proposed", "proposal_signed", "proposal_declined", "decided")
_RULES = clock_rules(duty(), policies=(policy(levels=levels({"reports": 2}, {"reports": 5})),))


@cache
def written_by_workers() -> Sequence[Record]:
    """What the stages write about two channels, each in a partition of its own, and the golden examples of
    other topics.

    Episodes open, are raised and resolved; clocks are armed, lapse and are fulfilled.
    """
    made: list[Record] = []
    for partition, channel in enumerate("cd"):
        records = [
            report(number, START + number * 10 * MINUTE, channel=channel, message_ref=f"m{number % 3}")
            for number in range(7)
        ]
        records += [
            clock_outcome(20, "fulfilled", clock_of(1, channel), START + HOUR, START + 2 * HOUR, channel),
            tick(8, START + 4 * HOUR, 30),
            report(9, START + 5 * HOUR, channel=channel, message_ref="m1"),
        ]
        for output in run(ReportState(0, 1, _RULES), _RULES, records).outputs:
            if output.topic in HANDLERS and output.topic != "transparency-counters":
                made.append(Record(output.topic, partition, 0, START, output.key, output.value))
    for topic in (
        "authority-routing",
        "integrity-cases",
        "review-questions",
        "transparency-counters",
        "escalations-shadow",
        "desk-views",
    ):
        documents = [
            msgspec.json.decode(path.read_bytes())
            for path in sorted((EXAMPLES / topic / "v1").glob("*.json"))
        ]
        documents.sort(key=lambda each: each["value"].get("sequence", 0))
        for document in documents:
            value = msgspec.json.encode(document["value"])
            made.append(Record(topic, 0, 0, START, (document["key"] or "k").encode(), value))
    return made


@cache
def cases() -> Sequence[tuple[str, str]]:
    """The escalations among them, each with its channel."""
    events = [
        msgspec.json.decode(each.value or b"") for each in written_by_workers() if each.topic == "escalations"
    ]
    return sorted({(event["escalation_id"], event["channel_ref"]) for event in events})


def written_by_people(chance: random.Random, number: int) -> list[Record]:
    """Acts and outcomes about these cases: some too late, some sent twice, some of other systems, some that
    nobody can read.
    """
    made: list[Record] = []
    works = dict.fromkeys(cases(), CaseWork())
    kinds = ("claimed", "claimed", "released", "noted", "snoozed", "escalated", *_DECIDING)
    for each in range(number):
        minutes = each * 5
        at = START + minutes * MINUTE
        dice = chance.random()
        escalation, channel = chance.choice((cases()[0], cases()[0], *cases()[-3:]))
        if dice < 0.7:
            work = works[escalation, channel]
            held = None if work.decision is None else work.decision.activity_id
            kind = chance.choice(kinds)
            # The same id on two cases, and twice on one.
            activity = act(
                each if chance.random() < 0.9 else chance.randrange(number), kind, chance.choice(PEOPLE),
                max(0, work.version - (chance.random() < 0.1)), minutes, escalation_id=escalation, channel_ref=channel,
                **({"proposed": proposed(supersedes=chance.choice((held, held, None, "a1")))} if kind in _PROPOSING else {}),
            )  # fmt: skip
            with suppress(ActRefused):
                works[escalation, channel] = apply_act(work, activity)
            partition = chance.choice((0, 0, 0, 0, 0, 1)) if channel == "c" else 1
            # Clocks of brokers differ, and batches have one time.
            appended = at + chance.choice((0, 0, -7, 11)) * MINUTE
            source = chance.choice(("tocsin-console", "tocsin-console", "other"))
            made += [act_record(activity, 0, partition, appended, source)] * chance.choice((1, 1, 1, 2))
        elif dice < 0.82:
            subject: dict[str, Any] = {"kind": "escalation", "escalation_id": escalation}
            if chance.random() < 0.3:
                subject = {"kind": "message", "message_ref": "m1"}
            record = outcome(chance.randrange(6), "dismissed", at, subject, channel=channel)
            made.append(record._replace(partition=chance.randrange(2)))
        elif dice < 0.95:
            said = chance.choice(("fulfilled", "withdrawn", "paused"))
            record = clock_outcome(
                chance.randrange(6), said, clock_of(chance.randrange(4), channel), at, channel=channel
            )
            made.append(record._replace(partition=chance.randrange(2)))
        else:
            topic = chance.choice(sorted(HANDLERS))
            value = chance.choice((b"", None, b"{", b"[]", b"{}", b"\xff", b'{"escalation_id": 1}'))
            made.append(Record(topic, chance.randrange(2), 0, at, b"k", value))
    return made


def logs_of(records: Sequence[Record]) -> Logs:
    """The records as logs of partitions, in the order given."""
    logs: Logs = {}
    for record in records:
        log = logs.setdefault((record.topic, record.partition), [])
        log.append(record._replace(offset=len(log)))
    return logs


def interleaved(chance: random.Random, logs: Logs) -> Iterator[list[Record]]:
    """The logs in batches, any partition next. Some reads begin again earlier, as after the loss of the last
    transactions.
    """
    positions = dict.fromkeys(logs, 0)
    while unread := [place for place, log in logs.items() if positions[place] < len(log)]:
        batch: list[Record] = []
        for _ in range(chance.choice((1, 1, 3, 10))):
            place = chance.choice(unread)
            count = chance.choice((1, 1, 2, 5, 50))
            batch += logs[place][positions[place] : positions[place] + count]
            positions[place] = min(len(logs[place]), positions[place] + count)
        yield batch
        if chance.random() < 0.2:
            place = chance.choice(list(logs))
            positions[place] = max(0, positions[place] - chance.randrange(1, 8))


class Reading:
    """A read model, and how many of the records applied to it could not be read."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.writer = opened(self.database, RULES.categories)
        self.unreadable = 0

    def apply(self, records: Sequence[Record]) -> Changes:
        """Apply a batch as the follower does."""
        changes = Changes()
        with transaction(self.writer):
            self.unreadable += apply_records(self.writer, [(each.topic, each) for each in records], changes)
        return changes

    def close(self) -> None:
        """Close the file."""
        self.writer.close()


def tables(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table that records fill; `place` says how far was read."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('place', 'category_order')"
        )
    ]
    return {
        name: sorted(map(tuple, connection.execute(f'SELECT * FROM "{name}"').fetchall()), key=repr)
        for name in names
    }
