"""What follows from a decision: never an event that a worker would refuse. And who may do what."""

from datetime import timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.case_activity import ActivityKind, ClockClosing
from streams.contract.events.desk_member import DeskMember, DeskRole
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import (
    LawGround,
    MessageSubject,
    OutcomeAction,
    OutcomeDecision,
    TermsGround,
)
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.moderation_outcome_decoding import REASONS
from streams.desk.console.casework.follow_ups import clock_outcomes, last_follow_up, moderation_outcome
from streams.desk.console.casework.permissions import (
    Person,
    answer_needs_two,
    may_act,
    may_act_on_request,
    may_end_clock,
    needs_two,
)
from streams.desk.console.casework.work import CaseWork, apply_act
from streams.running.clients.published_event import published_event
from tests.categories import CATEGORIES
from tests.unit.console_acts import PEOPLE, act, proposed
from tests.unit.console_pages import example
from tests.unit.traffic import MINUTE, START

CASE_ACTIVITY, OUTCOMES, CLOCKS = "case-activity", "moderation-outcomes", "clock-outcomes"

# Some that decoders refuse: a counter where a pseudonym must be, an address, a telephone number, what is no
# ref.
refs = st.sampled_from(
    ["c-1", "x", "4711", "a@b.example", "+49 30 1234567", "491701234567", "a b", "", "ä", "n:1~2.3_4-5"]
)
mostly_refs = st.one_of(st.from_regex(r"[a-z][a-z0-9-]{0,11}", fullmatch=True), refs)
clocks = st.builds(
    ClockClosing,
    clock_id=mostly_refs,
    subject=st.sampled_from(["report", "request"]),
    key=mostly_refs,
    outcome=st.sampled_from(["fulfilled", "withdrawn"]),
)
grounds = st.one_of(
    st.builds(TermsGround, rule=mostly_refs),
    st.builds(LawGround, duty=mostly_refs, jurisdiction=st.sampled_from(["DE", "XX"])),
)
actions = st.one_of(st.none(), st.builds(OutcomeAction, visibility=st.sampled_from([None, "removed"])))
decisions = st.sampled_from(get_args(OutcomeDecision))
every_reason = st.sampled_from([reason for reasons in REASONS.values() for reason in reasons])
outcomes = decisions.flatmap(
    lambda decision: st.builds(
        proposed,
        decision=st.just(decision),
        category=st.sampled_from(CATEGORIES),
        ground=grounds,
        reason=st.one_of(st.sampled_from(REASONS[decision]), every_reason),
        action=actions,
        message_ref=st.one_of(st.none(), mostly_refs),
        clocks=st.lists(clocks, max_size=3).map(tuple),
        supersedes=st.one_of(st.none(), mostly_refs),
    )
)
members = st.builds(DeskMember, ref=mostly_refs, role=st.sampled_from(get_args(DeskRole)))


@given(outcomes, members, mostly_refs, mostly_refs, st.integers(-10, 5), st.booleans())
def test_what_a_worker_would_refuse_is_never_built(outcome, actor, escalation_id, channel_ref, ahead, by_two):
    kind = "outcome_proposed" if by_two else "decided"
    first = act(
        1, kind, actor, 0, ahead, proposed=outcome, escalation_id=escalation_id, channel_ref=channel_ref
    )
    work = CaseWork()
    if outcome.supersedes is not None:
        before = act(0, "decided", PEOPLE[1], 0, -20, escalation_id=escalation_id, channel_ref=channel_ref)
        work = apply_act(work, msgspec.structs.replace(before, activity_id=outcome.supersedes))
        first = msgspec.structs.replace(first, expected_version=1)
        assume(outcome.supersedes != first.activity_id)
    acts = [first]
    if by_two:
        assume(actor.ref != PEOPLE[0].ref)
        version = first.expected_version + 1
        acts.append(
            act(
                2,
                "proposal_signed",
                PEOPLE[0],
                version,
                0,
                escalation_id=escalation_id,
                channel_ref=channel_ref,
            )
        )
    for each in acts:
        try:
            published_event(CASE_ACTIVITY, encode(each), "console", START)
        except Rejected:
            # Nothing follows from an act that is not in the log.
            return
        work = apply_act(work, each)
    decision = work.decision
    assert decision is not None
    built = moderation_outcome(decision, channel_ref, escalation_id)
    ended = list(clock_outcomes(decision))
    published_event(OUTCOMES, encode(built), "console", START)
    for each in ended:
        published_event(CLOCKS, encode(each), "console", START + MINUTE)
    assert built.outcome_id == acts[-1].activity_id == last_follow_up("escalation", decision)
    assert built.reviewer == acts[-1].actor
    assert built.confidence == ("two_agree" if by_two else "one_reviewer")
    assert isinstance(built.subject, MessageSubject) == (outcome.message_ref is not None)
    assert [each.clock_id for each in ended] == [each.clock_id for each in outcome.clocks]


def test_a_hundred_clocks_still_fit_into_an_act():
    closing = ClockClosing("c" * 128, "report", "k" * 128, "fulfilled")
    first = act(1, "decided", PEOPLE[0], 0, proposed=proposed(clocks=(closing,) * 100))
    published_event(CASE_ACTIVITY, encode(first), "console", START)


def test_ids_follow_from_the_decision_so_that_another_console_writes_the_same():
    closing = ClockClosing("k", "report", "c", "fulfilled"), ClockClosing("l", "report", "c", "withdrawn")
    decision = apply_act(
        CaseWork(), act(1, "decided", PEOPLE[0], 0, proposed=proposed(clocks=closing))
    ).decision
    assert decision is not None
    first, second = clock_outcomes(decision)
    assert list(clock_outcomes(decision)) == [first, second]
    assert first.outcome_id != second.outcome_id
    assert first.occurred_at == decision.at


EVERYTHING = frozenset(CATEGORIES)
KINDS = get_args(ActivityKind)


def person(role: str, *categories: str) -> Person:
    return Person("p", role, frozenset(categories) if categories else EVERYTHING)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_act_on_a_case(kind):
    for role in ("desk", "lead", "legal"):
        assert may_act(person(role), kind, "spam")
        assert not may_act(person(role, "fraud"), kind, "spam")
    assert not may_act(person("read_only"), kind, "spam")
    assert may_act(person("authority_liaison"), kind, "spam") == (kind in ("claimed", "released", "noted"))


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_act_on_a_request(kind):
    for role in ("authority_liaison", "lead", "legal"):
        assert may_act_on_request(person(role), kind, None)
        assert not may_act_on_request(person(role, "fraud"), kind, "spam")
    assert not may_act_on_request(person("read_only"), kind, None)
    assert may_act_on_request(person("desk"), kind, None) == (kind == "noted")


def test_who_may_end_a_clock():
    assert may_end_clock(person("desk"), "report", "spam")
    assert not may_end_clock(person("desk"), "request", "spam")
    assert not may_end_clock(person("authority_liaison"), "report", "spam")
    assert may_end_clock(person("authority_liaison"), "request", None)


def test_who_only_reads_is_named_in_no_act():
    assert person("read_only").member() is None
    assert person("desk").member() == DeskMember("p", "desk")


def changed(event: object, **fields: object) -> object:
    return msgspec.structs.replace(event, **fields)


def test_two_people_decide_where_a_gate_asks_for_it():
    case = msgspec.convert(example("escalations", "opened-clock-armed"), Escalation)
    case = changed(case, rule_of_law=changed(case.rule_of_law, decision="human_review"), routing=())
    assert not any(needs_two([case], decision) for decision in get_args(OutcomeDecision))
    for gate in ("two_person_review", "judicial_order", "human_rights_review"):
        assert needs_two([changed(case, rule_of_law=changed(case.rule_of_law, decision=gate))], "dismissed")
    flagged = changed(case, counts=changed(case.counts, trusted_flaggers=1))
    assert needs_two([flagged], "manifestly_unfounded")
    assert not needs_two([flagged], "dismissed")


def test_two_people_answer_an_authority_where_a_gate_asks_for_it():
    request = msgspec.convert(example("authority-routing", "removal-order"), AuthorityRouting)
    for gate, two in (("human_review", False), ("two_person_review", True), ("judicial_order", True)):
        judged = changed(request, gate=gate)
        assert answer_needs_two(judged, "refused") == two
        assert not answer_needs_two(judged, "withdrawn")
