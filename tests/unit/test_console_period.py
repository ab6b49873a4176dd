"""What is open of a period for which a transparency report is made."""

import msgspec
import pytest

from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    ModerationOutcome,
    OutcomeAction,
    TermsGround,
)
from streams.contract.wire.times import DAY, epoch_ms, moment_ms
from streams.contract.wire.topics import ESCALATIONS, MODERATION_OUTCOMES
from streams.desk.console.read_model.transparency import OpenInPeriod, open_in_period
from tests.unit.test_console_read_model import (
    CLOCK,
    NOON,
    NOW_MS,
    OPENED,
    PEOPLE,
    Logs,
    apply,
    in_order,
    model,
)

OPENED_MS = moment_ms(OPENED.at)
STARTED_MS = moment_ms(CLOCK.clock.started_at)
NOTHING = OpenInPeriod(0, 0, 0, 0, 0, 0)


def outcome(outcome_id, decision="upheld", **changes):
    return ModerationOutcome(
        outcome_id=outcome_id,
        subject=EscalationSubject(OPENED.channel_ref, OPENED.escalation_id),
        decision=decision,
        category="fraud",
        ground=TermsGround("scams-2.1"),
        reason="phishing" if decision == "upheld" else "not_a_violation",
        decided_at=NOON,
        reviewer=PEOPLE[0],
        confidence="one_reviewer",
        **changes,
    )


@pytest.fixture
def read(tmp_path):
    """What is open in a period, after these records."""

    def made(*events, first_ms=0, end_ms=NOW_MS + DAY):
        logs = Logs()
        for topic, event in events:
            if topic == MODERATION_OUTCOMES:
                logs.publish(topic, 0, event, "/desks/trust")
            else:
                logs.append(topic, 0, msgspec.json.encode(event))
        with model(tmp_path / "model") as writer:
            apply(writer, in_order(logs))
            return open_in_period(writer, first_ms, end_ms)

    return made


def test_a_case_counts_that_opened_before_the_end_and_waits(read):
    opened = (ESCALATIONS, OPENED)
    assert read(opened, end_ms=OPENED_MS + 1) == NOTHING._replace(cases=1)
    assert read(opened, end_ms=OPENED_MS) == NOTHING


def test_a_clock_counts_from_its_start(read):
    clock = (ESCALATIONS, CLOCK)
    assert read(clock, end_ms=STARTED_MS + 1) == NOTHING._replace(clocks=1)
    assert read(clock, end_ms=STARTED_MS) == NOTHING


def test_an_upheld_outcome_counts_that_does_not_say_what_was_done(read):
    said = (MODERATION_OUTCOMES, outcome("o-1"))
    noon = epoch_ms(NOON)
    assert read(said).outcomes_without_action == 1
    assert read(said, first_ms=noon + 1).outcomes_without_action == 0
    assert read(said, end_ms=noon).outcomes_without_action == 0


def test_outcomes_that_say_it_or_need_not_do_not_count(read):
    removed = outcome("o-1", action=OutcomeAction(visibility="removed"))
    dismissed = outcome("o-2", "dismissed")
    superseded = outcome("o-3")
    by = outcome("o-4", "dismissed", supersedes="o-3")
    found = read(*((MODERATION_OUTCOMES, each) for each in (removed, dismissed, superseded, by)))
    assert found.outcomes_without_action == 0


def test_a_proposal_and_a_decision_without_its_outcome_count(tmp_path):
    with model(tmp_path / "model") as writer:
        logs = Logs()
        logs.append(ESCALATIONS, 0, msgspec.json.encode(OPENED))
        apply(writer, in_order(logs))
        writer.execute("UPDATE desk_row SET state = 'proposed'")
        writer.execute(
            "INSERT INTO decision VALUES ('escalation', ?, 'a-1', ?, ?, 'a-1', x'')",
            (OPENED.escalation_id, OPENED.channel_ref, OPENED_MS),
        )
        found = open_in_period(writer, 0, NOW_MS)
        assert found == NOTHING._replace(cases=1, proposals=1, decisions_without_outcome=1)
        said = Logs()
        said.publish(MODERATION_OUTCOMES, 0, outcome("a-1", action=OutcomeAction(visibility="removed")))
        apply(writer, in_order(said))
        assert open_in_period(writer, 0, NOW_MS).decisions_without_outcome == 0
