"""Strategies that draw reports and what desks do about them, and a minimal record type to hold them."""

import re
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import msgspec
from hypothesis import strategies as st

from streams.contract.events.case_activity import CaseActivity, CaseNote, ProposedOutcome
from streams.contract.events.countries import COUNTRIES
from streams.contract.events.desk_member import DeskMember, DeskRole
from streams.contract.events.moderation_outcome import (
    AccountAction,
    EscalationSubject,
    LawGround,
    MessageSubject,
    ModerationOutcome,
    OutcomeAction,
    OutcomeConfidence,
    OutcomeDecision,
    ReportSubject,
    TermsGround,
    VisibilityAction,
)
from streams.contract.events.outcome_reason import DISMISSAL_REASONS, UNFOUNDED_REASONS, VIOLATION_REASONS
from streams.contract.events.report import (
    PSEUDONYM_PATTERN,
    REPORTER_KINDS,
    AccountAge,
    ChannelKind,
    Channel,
    Classifier,
    Evidence,
    EvidenceBasis,
    ListMatch,
    MessageReport,
    Notice,
    NoticeElement,
    Reporter,
    ReportKind,
    Visibility,
)
from tests.categories import CATEGORIES

APPEND_TIME_MS = 1_790_000_000_000
SENT_AT = datetime.fromtimestamp(APPEND_TIME_MS / 1000, UTC)


@dataclass
class Record:
    topic: str = "message-reports"
    partition: int = 3
    offset: int = 42
    timestamp: int = APPEND_TIME_MS
    key: bytes | None = b"channel-1"
    value: bytes | None = b"{}"
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


refs = st.text(string.ascii_letters + string.digits + "._:~-", min_size=1, max_size=128)
pseudonyms = refs.filter(re.compile(PSEUDONYM_PATTERN).match)
countries = st.none() | st.sampled_from(sorted(COUNTRIES))
languages = st.none() | st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", fullmatch=True)
probabilities = st.floats(0, 1)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.builds(
    lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone),
    st.datetimes(datetime(1971, 1, 1), SENT_AT.replace(tzinfo=None) + timedelta(minutes=5)),
    zones,
)


def one_of(literal):
    return st.sampled_from(get_args(literal))


_matches = st.builds(ListMatch, list=refs, signal=st.none() | refs, version=st.none() | refs)


def _of_detectors_alone(report: MessageReport) -> MessageReport:
    who = report.reporter
    return report if who and who.kind == "automated" else msgspec.structs.replace(report, match=None)


reports = st.builds(
    MessageReport,
    report_id=refs,
    kind=one_of(ReportKind),
    occurred_at=times,
    channel=st.builds(
        Channel,
        ref=pseudonyms,
        visibility=one_of(Visibility),
        country=countries,
        language=languages,
        kind=one_of(ChannelKind),
    ),
    category=st.sampled_from(CATEGORIES),
    received_at=st.none() | times,
    message_ref=st.none() | pseudonyms,
    reporter=st.none()
    | st.builds(
        Reporter,
        kind=st.sampled_from(REPORTER_KINDS),
        ref=st.none() | pseudonyms,
        country=countries,
        member=st.none() | st.booleans(),
        account_age=st.none() | one_of(AccountAge),
    ),
    classifier=st.none() | st.builds(Classifier, name=refs, version=refs, score=probabilities),
    evidence=st.lists(
        st.builds(
            Evidence,
            country=st.sampled_from(sorted(COUNTRIES)),
            basis=one_of(EvidenceBasis),
            confidence=probabilities,
        ),
        max_size=4,
    ).map(tuple),
    notice=st.none() | st.builds(Notice, elements=st.lists(one_of(NoticeElement), max_size=5).map(tuple)),
    match=st.none() | _matches,
).map(_of_detectors_alone)

# What looks like the number of a person is refused: other tests' subject.
desk_refs = st.from_regex(r"desk-[a-f]{1,8}", fullmatch=True)
members = st.builds(DeskMember, ref=desk_refs, role=one_of(DeskRole))
grounds = st.builds(
    LawGround, duty=st.just("EU.dsa.art16-5"), jurisdiction=st.sampled_from(sorted(COUNTRIES))
) | st.builds(TermsGround, rule=st.sampled_from(["scams-2.1", "r"]))
REASONS = {
    "upheld": sorted(VIOLATION_REASONS),
    "dismissed": sorted(DISMISSAL_REASONS),
    "manifestly_unfounded": sorted(UNFOUNDED_REASONS),
}


@st.composite
def findings(draw):
    """The fields that a decision and a proposal share: decision, category, ground, reason that fits it, and
    action.
    """
    decision = draw(one_of(OutcomeDecision))
    action = None
    if decision == "upheld":
        action = draw(
            st.none()
            | st.builds(OutcomeAction, visibility=one_of(VisibilityAction), account=one_of(AccountAction))
        )
    return {
        "decision": decision,
        "category": draw(st.sampled_from(CATEGORIES)),
        "ground": draw(grounds),
        "reason": draw(st.sampled_from(REASONS[decision])),
        "action": action,
    }


subjects = (
    st.builds(MessageSubject, channel_ref=pseudonyms, message_ref=pseudonyms)
    | st.builds(ReportSubject, channel_ref=pseudonyms, report_id=st.just("r-a"), ce_source=st.just("/app"))
    | st.builds(EscalationSubject, channel_ref=pseudonyms, escalation_id=st.just("e-a"))
)


@st.composite
def moderation_outcomes(draw, about=subjects, decided=times, ids=st.just("o-a"), earlier=st.none()):
    """Outcomes of desks. `ids` and `earlier` draw the ids of outcomes and of what they supersede, which must
    differ.
    """
    return ModerationOutcome(
        outcome_id=draw(ids),
        subject=draw(about),
        decided_at=draw(decided),
        reviewer=draw(members),
        confidence=draw(one_of(OutcomeConfidence)),
        supersedes=draw(earlier),
        sampled=draw(st.none() | st.floats(0.01, 1)),
        **draw(findings()),
    )


@st.composite
def case_activities(draw, at=times):
    """Acts on cases, of each kind with what belongs to it."""
    kind = draw(st.sampled_from(["claimed", "released", "noted", "snoozed", "escalated", "outcome_proposed"]))
    moment = draw(at)
    return CaseActivity(
        activity_id="act-a",
        escalation_id="e-a",
        channel_ref=draw(pseudonyms),
        kind=kind,
        actor=draw(members),
        at=moment,
        expected_version=draw(st.integers(0, 1_000)),
        until=moment + timedelta(hours=1) if kind == "snoozed" else None,
        note=draw(one_of(CaseNote)) if kind == "noted" else None,
        proposed=ProposedOutcome(**draw(findings())) if kind == "outcome_proposed" else None,
    )
