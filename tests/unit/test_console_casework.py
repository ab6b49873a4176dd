"""What acts on a case add up to, compared with a model that only keeps the list of acts that counted."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.case_activity import CaseActivity, ClockClosing, ProposedOutcome
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import LawGround, OutcomeAction, TermsGround
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.times import epoch_ms
from streams.desk.console.casework.follow_ups import clock_outcomes, moderation_outcome
from streams.desk.console.casework.permissions import Person, may_act, needs_two
from streams.desk.console.casework.work import ActRefused, CaseWork, DeskDecision, apply_act
from tests.contract.examples import example, example_files
from tests.readers import decode_case_activity, decode_moderation_outcome

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ANNA, BEN, LEAD = (
    DeskMember("desk-anna", "desk"),
    DeskMember("desk-ben", "desk"),
    DeskMember("lead-1", "lead"),
)
DISMISSED = ProposedOutcome("dismissed", "fraud", TermsGround("scams-2.1"), "not_a_violation")


def act(kind, version, actor=ANNA, number=0, minutes=0, **more):
    if kind in ("decided", "outcome_proposed"):
        more.setdefault("proposed", DISMISSED)
    if kind == "noted":
        more.setdefault("note", "context_checked")
    at = NOON + timedelta(minutes=minutes)
    if kind == "snoozed":
        more.setdefault("until", at + timedelta(hours=1))
    case = {"escalation_id": "e1", "channel_ref": "channel-1"}
    return CaseActivity(f"act-{number or f'{kind}-{version}'}", kind, actor, at, version, **case, **more)


def after(*acts):
    work = CaseWork()
    for each in acts:
        work = apply_act(work, each)
    return work


def refusal(work, each):
    with pytest.raises(ActRefused) as refused:
        apply_act(work, each)
    return refused.value.reason


def test_of_two_acts_on_the_same_version_the_first_counts():
    work = after(act("claimed", 0, ANNA))
    assert refusal(work, act("claimed", 0, BEN)) == "another_act_came_first"
    assert work.assignee == ANNA


def test_a_claimed_case_is_left_alone_but_by_a_lead():
    work = after(act("claimed", 0, ANNA))
    assert refusal(work, act("decided", 1, BEN)) == "claimed_by_another"
    assert refusal(work, act("released", 1, BEN)) == "claimed_by_another"
    assert apply_act(work, act("noted", 1, BEN)).version == 2
    assert apply_act(work, act("claimed", 1, LEAD)).assignee == LEAD


def test_a_claim_ends_by_itself():
    work = after(act("claimed", 0, ANNA, until=NOON + timedelta(hours=8)))
    assert refusal(work, act("claimed", 1, BEN, minutes=479)) == "claimed_by_another"
    assert apply_act(work, act("claimed", 1, BEN, minutes=480)).assignee == BEN


def test_a_proposal_takes_effect_when_somebody_else_signs():
    work = after(act("claimed", 0, ANNA), act("outcome_proposed", 1, ANNA))
    assert work.decision is None
    assert refusal(work, act("proposal_signed", 2, ANNA)) == "needs_another_person"
    signed = apply_act(work, act("proposal_signed", 2, BEN, number=7))
    assert (signed.decision.actor, signed.decision.signed_by, signed.decision.activity_id) == (
        ANNA, BEN, "act-7",
    )  # fmt: skip
    assert (signed.proposal, signed.assignee) == (None, None)


def test_a_proposal_is_declined_by_somebody_else_or_taken_back():
    work = after(act("outcome_proposed", 0, ANNA))
    for who in (ANNA, BEN):
        assert apply_act(work, act("proposal_declined", 1, who)).proposal is None
    assert refusal(CaseWork(), act("proposal_declined", 0)) == "nothing_proposed"
    assert refusal(CaseWork(), act("proposal_signed", 0)) == "nothing_proposed"


def test_a_second_decision_must_replace_the_one_that_holds():
    work = after(act("decided", 0, number=1))
    assert refusal(work, act("decided", 1, BEN)) == "already_decided"
    other = msgspec.structs.replace(DISMISSED, supersedes="act-9")
    assert refusal(work, act("decided", 1, BEN, proposed=other)) == "supersedes_nothing"
    assert refusal(CaseWork(), act("decided", 0, proposed=other)) == "supersedes_nothing"
    anew = msgspec.structs.replace(DISMISSED, supersedes="act-1")
    assert apply_act(work, act("decided", 1, BEN, proposed=anew)).decision.actor == BEN


def test_a_proposal_that_would_replace_an_older_decision_cannot_be_signed_any_more():
    first = after(act("decided", 0, number=1))
    anew = msgspec.structs.replace(DISMISSED, supersedes="act-1")
    waiting = apply_act(first, act("outcome_proposed", 1, ANNA, proposed=anew))
    decided = apply_act(waiting, act("decided", 2, ANNA, number=2, proposed=anew))
    assert refusal(decided, act("proposal_signed", 3, BEN)) == "nothing_proposed"


def test_escalating_lets_go_and_a_decision_ends_it():
    work = after(act("claimed", 0), act("escalated", 1))
    assert (work.escalated, work.assignee) == (True, None)
    assert not apply_act(work, act("decided", 2, LEAD)).escalated


def test_snoozing_ends_with_a_claim():
    work = after(act("snoozed", 0))
    assert work.snoozed_until == NOON + timedelta(hours=1)
    assert apply_act(work, act("claimed", 1)).snoozed_until is None


KINDS = (
    "claimed", "released", "noted", "snoozed", "escalated", "outcome_proposed", "proposal_signed",
    "proposal_declined", "decided",
)  # fmt: skip


class Model:
    """The same rules, from the whole history each time."""

    def __init__(self):
        self.counted = []

    def last(self, *kinds):
        return next((each for each in reversed(self.counted) if each.kind in kinds), None)

    def holder(self, at):
        for each in reversed(self.counted):
            if each.kind in ("released", "escalated", "decided", "proposal_signed"):
                return None
            if each.kind == "claimed":
                return None if each.until and at >= each.until else each.actor
        return None

    def proposal(self):
        last = self.last("outcome_proposed", "proposal_signed", "proposal_declined", "decided")
        return last if last is not None and last.kind == "outcome_proposed" else None

    def decision(self):
        return self.last("decided", "proposal_signed")

    def counts(self, each):
        holder = self.holder(each.at)
        if each.expected_version != len(self.counted):
            return False
        stranger = holder is not None and holder.ref != each.actor.ref and each.actor.role != "lead"
        if stranger and each.kind not in ("noted", "proposal_signed", "proposal_declined"):
            return False
        proposal = self.proposal()
        if each.kind in ("proposal_signed", "proposal_declined") and proposal is None:
            return False
        if each.kind == "proposal_signed" and proposal.actor.ref == each.actor.ref:
            return False
        decision = self.decision()
        held = None if decision is None else decision.activity_id
        return each.proposed is None or each.proposed.supersedes == held

    def add(self, each):
        counts = self.counts(each)
        self.counted += [each] if counts else []
        return counts


@pytest.mark.slow
@settings(max_examples=400)
@given(st.data())
def test_any_acts_of_any_people_count_as_in_the_model(data):
    model, work = Model(), CaseWork()
    for number in range(1, data.draw(st.integers(1, 14))):
        kind = data.draw(st.sampled_from(KINDS))
        version = max(0, work.version - data.draw(st.sampled_from((0, 0, 0, 0, 1))))
        more = {}
        if kind in ("decided", "outcome_proposed"):
            held = None if work.decision is None else work.decision.activity_id
            wrong = data.draw(st.sampled_from((None, "act-1", held, held, held)))
            more["proposed"] = msgspec.structs.replace(DISMISSED, supersedes=wrong)
        if kind == "claimed" and data.draw(st.booleans()):
            more["until"] = NOON + timedelta(minutes=number + 2)
        each = act(kind, version, data.draw(st.sampled_from((ANNA, BEN, LEAD))), number, number, **more)
        try:
            work = apply_act(work, each)
            counted = True
        except ActRefused:
            counted = False
        assert counted == model.add(each), each
        assert work.version == len(model.counted)
        assert work.assigned_to(each.at) == model.holder(each.at)
        proposal, decision = model.proposal(), model.decision()
        assert (work.proposal and work.proposal.activity_id) == (proposal and proposal.activity_id)
        assert (work.decision and work.decision.activity_id) == (decision and decision.activity_id)


UPHELD = ProposedOutcome(
    "upheld",
    "ncii",
    LawGround("US.take-it-down.s3", "US"),
    "non_consensual_image_sharing",
    action=OutcomeAction("removed"),
    message_ref="message-1",
    clocks=(ClockClosing("clock-1", "report", "channel-1", "fulfilled"),),
    supersedes="act-1",
)


@pytest.mark.parametrize("outcome", [UPHELD, DISMISSED])
@pytest.mark.parametrize("signed_by", [None, BEN])
def test_a_worker_takes_what_follows_from_a_decision(outcome, signed_by):
    decision = DeskDecision("act-2", NOON, ANNA, outcome, signed_by)
    written = moderation_outcome(decision, "channel-1", "e1")
    assert decode_moderation_outcome(encode(written), (), epoch_ms(NOON)).event == written
    assert written.confidence == ("one_reviewer" if signed_by is None else "two_agree")
    assert (written.outcome_id, written.reviewer) == ("act-2", signed_by or ANNA)
    closed = list(clock_outcomes(decision))
    assert [decode_clock_outcome(encode(each), (), epoch_ms(NOON)).event for each in closed] == closed
    assert [each.clock_id for each in closed] == [each.clock_id for each in outcome.clocks]
    assert list(clock_outcomes(decision)) == closed


def test_a_worker_would_take_every_act_of_the_tests():
    for kind in KINDS:
        each = act(kind, 3, **({"proposed": UPHELD} if kind == "decided" else {}))
        assert decode_case_activity(encode(each), (), epoch_ms(NOON)).event == each


def escalation():
    path = next(path for path in example_files("escalations/v1") if path.stem == "opened-threshold-crossed")
    return msgspec.convert(example(path).document, Escalation)


def test_guarded_cases_need_two_and_so_does_calling_a_trusted_flagger_unfounded():
    case = escalation()
    assert not needs_two([case], "manifestly_unfounded")
    for gate in ("two_person_review", "judicial_order", "human_rights_review"):
        law = msgspec.structs.replace(case.rule_of_law, decision=gate)
        assert needs_two([msgspec.structs.replace(case, rule_of_law=law)], "dismissed")
    flagged = msgspec.structs.replace(case, counts=msgspec.structs.replace(case.counts, trusted_flaggers=1))
    for events in ([flagged], [flagged, case], [case, flagged, case]):
        assert needs_two(events, "manifestly_unfounded")
        assert not needs_two(events, "dismissed")


def test_roles_and_categories_limit_who_may_do_what():
    fraud = frozenset({"fraud"})
    assert may_act(Person("a", "desk", fraud), "decided", "fraud")
    assert not may_act(Person("a", "desk", fraud), "decided", "csam")
    assert not may_act(Person("a", "read_only", fraud), "noted", "fraud")
    liaison = Person("a", "authority_liaison", fraud)
    assert may_act(liaison, "noted", "fraud")
    assert not may_act(liaison, "decided", "fraud")
