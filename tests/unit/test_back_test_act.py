"""What a back-test has found stays in the log, signed, and with the set that it was run for."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from streams.commands.rules.history_text import listed
from streams.contract.events.rules.back_test import BackTest, BackTestedPolicy
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.rule_change_decoding import decode_rule_change, rule_change_record
from streams.desk.text.back_test_text import back_test_text
from streams.registry.changes.trial_totals import TrialTotals
from tests.unit.test_rule_history import ALICE, KEYS, SETS, act, history, signed

END = datetime(2026, 11, 30, 9, 18, 41, 123_000, tzinfo=UTC)
POLICY = BackTestedPolicy("spam", "live", 61, 1_038, 980, 3, 12, 4, 964, 0.5053, 0.8982)
FOUND = BackTest(None, END - timedelta(days=14), END, 182_416, 120, 97, complete=False, policies=(POLICY,))
CHECKED = act("checked", version=1, passed=True, back_test=FOUND)


def decoded(change):
    record = rule_change_record(change)
    return decode_rule_change(record.value, record.headers, int(END.timestamp() * 1000)).event


def test_it_is_read_as_it_was_written_and_the_signature_covers_it():
    written = signed(CHECKED, "alice-1", ALICE)
    read = decoded(written)
    assert read == written
    assert KEYS.verify(read, 0) is None
    other = replace(read, back_test=replace(FOUND, cases_after=1))
    assert KEYS.verify(other, 0) == "its signature does not hold"
    assert KEYS.verify(replace(read, back_test=None), 0) == "its signature does not hold"


@pytest.mark.parametrize(
    "change",
    [act("proposed", back_test=FOUND), act("checked", passed=False, back_test=FOUND)],
    ids=["proposed", "failed"],
)
def test_only_a_check_that_has_passed_has_one(change):
    with pytest.raises(Rejected) as refused:
        decoded(change)
    assert refused.value.field == "back_test"


def test_the_proposal_keeps_it_over_another_check():
    read, problems = history(act("proposed"), CHECKED, act("checked", version=2, passed=True))
    assert problems == [None] * 3
    assert read.proposals[SETS[0]].back_test == FOUND
    text = (
        "back-test: 120 -> 97 live cases among 182,416 reports from 2026-11-16 09:18 UTC to 2026-11-30 09:18 "
        "UTC; spam 980 new (12 upheld, 4 dismissed, 964 undecided), 3 gone; older reports were deleted"
    )
    assert back_test_text(FOUND) == text
    assert f"why; {text}" in listed(read, TrialTotals(), everything=False)
