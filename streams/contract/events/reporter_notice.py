"""What a reporter is told: the payloads of `tocsin.reporter-notice.v1` and `tocsin.standing-notice.v1`.

The first is about one of their reports, the second about their standing (reporter_standing.py).

The record's key is the reporter's keyed hash, so that one reporter's notices stay in order. The platform
finds the person by `ce_source` and `report_id` in its own system; their ref is in no notice. Days are UTC
days: exact times would tell when a desk looked at the content of others. There are no counts, as they would
tell what others reported.
"""

from datetime import date
from typing import Literal

import msgspec

from streams.contract.events.moderation_outcome import OutcomeDecision, OutcomeGround
from streams.contract.events.reporter_standing import StandingReason, StandingState

REPORTER_NOTICE_TYPE = "tocsin.reporter-notice.v1"
STANDING_NOTICE_TYPE = "tocsin.standing-notice.v1"

# Confirmation of receipt, DSA art. 16(4); the decision, art. 16(5); another decision in its place, such as
# after a complaint under art. 20.
NoticeState = Literal["received", "decided", "superseded"]


class NoticeOutcome(msgspec.Struct, frozen=True, gc=False):
    """The decision that holds, its ground, and the last day to contest it (DSA art. 16(5), 20(1))."""

    decision: OutcomeDecision
    ground: OutcomeGround
    redress_until: date


class ReporterNotice(msgspec.Struct, frozen=True, gc=False):
    """The state of one report on `day`. `outcome` is null while it is `received`, and never otherwise.

    After `superseded`, `outcome` is the decision that replaced the one of an earlier notice.
    """

    report_id: str
    ce_source: str
    state: NoticeState
    day: date
    outcome: NoticeOutcome | None


class StandingNotice(msgspec.Struct, frozen=True, gc=False):
    """`state` holds from `day` on: a warning, a pause, or the end of both. Days are UTC days.

    `until` is the day on which it ends by itself; null if it has ended. `rule` is the platform's own code of
    the rule in its terms. `contest_until` is the last day to complain about it, six months later as for
    decisions about reports. There are no counts, and nobody who decided is named.
    """

    standing_id: str
    report_id: str
    ce_source: str
    state: StandingState
    reason: StandingReason
    rule: str
    day: date
    until: date | None
    contest_until: date
