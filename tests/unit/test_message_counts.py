"""A message with one notice keeps that alone: what is counted, and what is stored, is the same as with all
facts.
"""

import random

import pytest

from streams.counting.attribution import MessageReporters
from streams.counting.message_bytes import decode_reporters, encode_reporters
from streams.counting.message_facts import FirstReport, MessageFacts
from streams.deciding.reports import state as report_state
from streams.deciding.reports.crowd import Crowd
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.crowd_traffic import outcome, stamped
from tests.unit.traffic import HOUR, MINUTE, START, compiled, fold, levels, policy, report, run

RULES = compiled(policy(levels=levels({"reports": 50})))
NOTICE = FirstReport(1_800_000_000, "DE", "spam")
KINDS = (
    {},
    {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger"}},
    {"kind": "automated_detection", "reporter": {"kind": "automated"}},
    {"reporter": {"kind": "anonymous"}},
    {"reporter": None},
)


class CrowdWithFacts(Crowd):
    """Begins the record of a message with facts, although it may have one notice only."""

    __slots__ = ()

    def reporters_of(self, key: bytes) -> MessageReporters:
        """As it is, except a new record."""
        record = super().reporters_of(key)
        if record.notice is None and record.facts is None:
            record.facts = MessageFacts()
        return record


def history(seed):
    """Reports about three messages in any order of times, and outcomes about them."""
    chance = random.Random(seed)
    for number in range(40):
        message = f"m{chance.randrange(3)}"
        at = START + chance.randrange(5) * HOUR + chance.randrange(60) * MINUTE
        if chance.random() < 0.15:
            yield outcome(number, chance.choice(("upheld", "dismissed")), at + HOUR, message=message)
            continue
        fields = {"message_ref": message, **chance.choice(KINDS)}
        record = report(number, at, category=chance.choice(("spam", "fraud")), **fields)
        # A reporter with a ref comes by way of the stage of reporters.
        yield record if "reporter" in fields else stamped(record)


def counters(records, chance):
    """The counters as they stand in the end, with restores on the way."""
    state, stored, totals = ReportState(0, 1, RULES), {}, {}
    for record in records:
        batch = run(state, RULES, [record])
        fold(stored, batch.changes)
        for output in batch.outputs:
            if output.topic == "transparency-counters":
                totals[output.key] = output.value
        if chance.random() < 0.2:
            state = restore_reports(0, 1, RULES, list(stored.items()))
    return totals


@pytest.mark.parametrize("seed", range(30))
def test_the_same_is_counted_as_with_all_facts(seed, monkeypatch):
    records = list(history(seed))
    found = counters(records, random.Random(seed))
    monkeypatch.setattr(report_state, "Crowd", CrowdWithFacts)
    assert counters(records, random.Random(seed)) == found
    assert any(b'"items":[{' in value for value in found.values())


def _with_facts():
    facts = MessageFacts()
    facts.add_report("notice", NOTICE)
    return facts


@pytest.mark.parametrize(
    "record",
    [
        MessageReporters(),
        MessageReporters(notice=NOTICE),
        MessageReporters(facts=_with_facts()),
        MessageReporters({7: 1_800_000_000}, 1, notice=NOTICE),
    ],
    ids=["nothing", "notice", "facts", "reporter and notice"],
)
def test_a_record_is_read_as_it_was_written(record):
    assert decode_reporters(encode_reporters(record)) == record
