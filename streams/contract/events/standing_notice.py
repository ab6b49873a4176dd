"""What a reporter is told about their own standing: the payload of `tocsin.standing-notice.v1`.

It is on `reporter-notices` too, under the reporter's keyed hash, in the order of all their notices. The
platform finds the person by `ce_source` and `report_id`, as for the other notices, and adds its own words:
why, by which of its terms, and where to complain.
"""

from datetime import date

import msgspec

from streams.contract.events.reporter_standing import StandingReason, StandingState

STANDING_NOTICE_TYPE = "tocsin.standing-notice.v1"


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
