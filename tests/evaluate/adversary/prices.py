"""What an attacker pays. One unit is an account that is a month old; all prices are assumptions.

Accounts of messengers are sold by age and country, and what counts here is the order: a fresh account costs
a telephone number for a minute, an old one must be stolen or bought from somebody who keeps stocks.
"""

from typing import Final

from streams.contract.events.report import AccountAge

ACCOUNT: Final[dict[AccountAge | None, float]] = {
    # A number for one registration.
    "under_1d": 0.2,
    # The same, and kept alive for some days.
    "under_1w": 0.5,
    "under_1m": 1.0,
    # Between its neighbours: stocks of this age are kept, but few.
    "under_1y": 3.0,
    "over_1y": 6.0,
    # Where the publisher does not tell the age, the cheapest account does.
    None: 0.2,
}
# Getting an account into the channel: an invitation, or a click in an open one.
JOIN: Final = 0.1
# Sending a report, by hand or by a script.
REPORT: Final = 0.01
# Making a post that a desk or a detector judges: a known scam in the victim's group, a scam in an own channel
# that is to be upheld, a borderline post that is to be dismissed.
BAIT: Final = 0.5
# A day of waiting: between preparation and attack, or between two posts that must not look like one.
DAY: Final = 0.25
