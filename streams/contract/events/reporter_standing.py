"""A platform's decision about one of its reporters: the payload of `tocsin.reporter-standing.v1`.

Regulation (EU) 2022/2065, article 23(2) to (4): who frequently submits manifestly unfounded notices is warned
first, and then the processing of their notices may be suspended for a reasonable time. People decide that,
case by case; nothing in Tocsin writes this event. The procedure for trusted flaggers is another one, article
22(6): the platform tells the Digital Services Coordinator, who may suspend the status.
"""

from typing import Literal

import msgspec

from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import CeSource
from streams.contract.events.report import Pseudonym, Ref, ZonedTime

REPORTER_STANDING_TYPE = "tocsin.reporter-standing.v1"

StandingState = Literal["warned", "paused", "ended"]
# Those who report for themselves. A trusted flagger has the procedure of article 22(6), and a detector is
# nobody whom one can warn.
StandingKind = Literal["user", "anonymous", "state_actor"]
SanctionReason = Literal["manifestly_unfounded_notices", "manifestly_unfounded_complaints"]
EndReason = Literal["contested", "decided_in_error", "circumstances_changed"]
StandingReason = Literal[SanctionReason, EndReason]


class StandingReporter(msgspec.Struct, frozen=True, gc=False):
    """The reporter, as in their reports. `ref` is never published by Tocsin."""

    kind: StandingKind
    ref: Pseudonym


class StandingReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One of the reporter's reports: notices name it, so that the platform finds the person without a ref."""

    report_id: Ref
    ce_source: CeSource = ""


class ReporterStanding(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A decision about a reporter. Unknown fields are ignored, wrong types are rejected.

    `until` is when a pause ends by itself: required if `state` is `paused`, absent otherwise. `rule` is the
    platform's own code of the rule in its terms that says so (article 23(4)). `confirmed_by` is a second
    person, required unless `state` is `warned`.
    """

    standing_id: Ref
    reporter: StandingReporter
    report: StandingReport
    state: StandingState
    reason: StandingReason
    rule: Ref
    decided_at: ZonedTime
    decided_by: DeskMember
    confirmed_by: DeskMember | None = None
    until: ZonedTime | None = None
