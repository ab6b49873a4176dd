"""What the acts on a case add up to, against a model that looks through all acts that counted."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.casework.work import ActRefused, CaseWork, apply_act
from streams.events.case_activity import CaseActivity
from tests.unit.console_acts import PEOPLE, act, proposed

KINDS = (
    "claimed", "released", "noted", "snoozed", "escalated", "outcome_proposed", "proposal_signed",
    "proposal_declined", "decided",
)  # fmt: skip
ENDS = ("decided", "proposal_signed")

steps = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(PEOPLE),
        # Minutes since the act before; a claim of 50 minutes ends after some of them.
        st.sampled_from([0, 1, 30, 55]),
        # How many acts were not seen.
        st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]),
        # A claim that ends by itself, or one that does not.
        st.sampled_from([None, 50]),
        # The decision that is said to be replaced: the one that holds, none, or one of nobody.
        st.sampled_from(["held", "held", None, "a999"]),
    ),
    max_size=40,
)


class Model:
    """Keeps the acts that counted, and finds everything else by looking through them."""

    def __init__(self) -> None:
        self.counted: list[CaseActivity] = []

    def last(self, *kinds: str) -> CaseActivity | None:
        return next((each for each in reversed(self.counted) if each.kind in kinds), None)

    def assignee(self, at: datetime) -> str | None:
        last = self.last("claimed", "released", "escalated", *ENDS)
        if last is None or last.kind != "claimed" or (last.until is not None and last.until <= at):
            return None
        return last.actor.ref

    def proposal(self) -> CaseActivity | None:
        last = self.last("outcome_proposed", "proposal_declined", *ENDS)
        return last if last is not None and last.kind == "outcome_proposed" else None

    def snoozed_until(self) -> datetime | None:
        last = self.last("snoozed", "claimed", *ENDS)
        return last.until if last is not None and last.kind == "snoozed" else None

    def escalated(self) -> bool:
        last = self.last("escalated", *ENDS)
        return last is not None and last.kind == "escalated"

    def decision(self) -> tuple[Any, ...] | None:
        last = self.last(*ENDS)
        if last is None:
            return None
        if last.kind == "decided":
            return last.activity_id, last.actor, None, last.proposed
        before = Model()
        before.counted = self.counted[: self.counted.index(last)]
        signed = before.proposal()
        assert signed is not None
        return last.activity_id, signed.actor, last.actor, signed.proposed

    def refusal(self, new: CaseActivity) -> str | None:
        held, waiting, decided = self.assignee(new.at), self.proposal(), self.decision()
        if new.expected_version != len(self.counted):
            return "another_act_came_first"
        disturbs = new.kind not in ("noted", "proposal_signed", "proposal_declined")
        if disturbs and new.actor.role != "lead" and held not in (None, new.actor.ref):
            return "claimed_by_another"
        if new.kind in ("proposal_signed", "proposal_declined") and waiting is None:
            return "nothing_proposed"
        if new.kind == "proposal_signed" and waiting is not None and waiting.actor.ref == new.actor.ref:
            return "needs_another_person"
        if new.proposed is not None:
            holds = decided[0] if decided else None
            if new.proposed.supersedes != holds:
                return "already_decided" if new.proposed.supersedes is None else "supersedes_nothing"
        return None


@given(steps)
def test_acts_add_up_as_those_that_counted_say(made):
    work, model, minutes = CaseWork(), Model(), 0
    for number, (kind, actor, passed, unseen, until, supersedes) in enumerate(made):
        minutes += passed
        fields: dict[str, Any] = {}
        if kind in ("decided", "outcome_proposed"):
            decided = model.decision()
            held = decided[0] if decided else None
            fields["proposed"] = proposed(supersedes=held if supersedes == "held" else supersedes)
        new = act(number, kind, actor, max(0, work.version - unseen), minutes, **fields)
        if kind == "claimed" and until is not None:
            new = act(
                number, kind, actor, new.expected_version, minutes, until=new.at + timedelta(minutes=until)
            )
        expected = model.refusal(new)
        before = work
        try:
            work = apply_act(work, new)
        except ActRefused as refused:
            assert refused.reason == expected
            assert work is before
            continue
        assert expected is None
        model.counted.append(new)
        assert work.version == len(model.counted)
        holder = work.assigned_to(new.at)
        assert (holder.ref if holder else None) == model.assignee(new.at)
        waiting = model.proposal()
        assert (work.proposal.activity_id if work.proposal else None) == (
            waiting.activity_id if waiting else None
        )
        assert work.snoozed_until == model.snoozed_until()
        assert work.escalated == model.escalated()
        decided = work.decision
        assert model.decision() == (
            None
            if decided is None
            else (decided.activity_id, decided.actor, decided.signed_by, decided.outcome)
        )
        # Whatever was decided by two was decided by two people.
        assert decided is None or decided.signed_by is None or decided.signed_by.ref != decided.actor.ref


ADA, BEN, CHO = PEOPLE


def worked(*acts: CaseActivity) -> CaseWork:
    work = CaseWork()
    for each in acts:
        work = apply_act(work, each)
    return work


@pytest.mark.parametrize(
    ("acts", "reason"),
    [
        ([act(1, "claimed", ADA, 0), act(2, "claimed", BEN, 0)], "another_act_came_first"),
        ([act(1, "claimed", ADA, 0), act(2, "decided", BEN, 1)], "claimed_by_another"),
        ([act(1, "claimed", ADA, 0), act(2, "proposal_declined", BEN, 1)], "nothing_proposed"),
        ([act(1, "outcome_proposed", ADA, 0), act(2, "proposal_signed", ADA, 1)], "needs_another_person"),
        ([act(1, "decided", ADA, 0), act(2, "decided", ADA, 1)], "already_decided"),
        ([act(1, "decided", ADA, 0, proposed=proposed(supersedes="a9"))], "supersedes_nothing"),
    ],
)
def test_an_act_that_does_not_count_says_why(acts, reason):
    before = worked(*acts[:-1])
    with pytest.raises(ActRefused) as refused:
        apply_act(before, acts[-1])
    assert refused.value.reason == reason


def test_a_lead_steps_in_and_a_claim_ends_by_itself():
    claim = act(1, "claimed", ADA, 0, until=act(0, "noted", ADA, 0, 60).at)
    assert worked(claim, act(2, "decided", CHO, 1)).decision is not None
    assert worked(claim, act(2, "claimed", BEN, 1, 60)).assignee == BEN


def test_a_proposer_takes_back_and_another_signs():
    proposal = act(1, "outcome_proposed", ADA, 0)
    assert worked(proposal, act(2, "proposal_declined", ADA, 1)).proposal is None
    signed = worked(proposal, act(2, "proposal_signed", BEN, 1)).decision
    assert signed is not None
    assert (signed.activity_id, signed.actor, signed.signed_by) == ("a2", ADA, BEN)
