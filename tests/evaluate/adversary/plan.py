"""An attack as numbers, and what it costs."""

from dataclasses import dataclass
from typing import Literal

from streams.contract.events.report import AccountAge
from tests.evaluate.adversary import prices

Messages = Literal["same", "own", "none"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an attacker does. Whoever reads the rules can choose all of it.

    The crowd: `accounts` of one `age` (None: the publisher tells neither age nor membership), a share `joined`
    of them members of the channel, `reports_each` within `spread_min` minutes, about the `same` message, each
    account its `own`, or `none`. With `cell` above 0, groups of so many report a message of their own, shuffled
    anew for each target with `shuffled`. `targets` channels, `every_h` hours apart, with all accounts `fresh`
    each time or not.

    Before: `inflation` worthless reports by one more account in the target the day before; `staged` scams in
    so many channels of the attacker that all accounts report and desks uphold; `history` innocent channels
    that all accounts report and desks dismiss; `proven` of the accounts report first, and alone, one scam in each
    of two own channels, a week apart; `lone` reports per account in channels of no interest.
    Beside: `findings` of a detector in the target, which the attacker caused by posting what it knows;
    `anonymous` reports without a ref. `bait`: posts in the attacker's own channel that honest people report
    and that are gone, unclear or just allowed when the desk looks (`bait_reason`).
    `lead_min` minutes before the honest wave that is to be silenced, if there is one.
    """

    accounts: int = 0
    age: AccountAge | None = "under_1d"
    joined: float = 0.0
    reports_each: int = 1
    messages: Messages = "same"
    spread_min: int = 40
    cell: int = 0
    shuffled: bool = False
    targets: int = 1
    every_h: int = 168
    fresh: bool = False
    inflation: int = 0
    staged: int = 0
    history: int = 0
    proven: int = 0
    lone: int = 0
    findings: int = 0
    anonymous: int = 0
    bait: int = 0
    bait_reason: str = "not_found"
    lead_min: int = 0

    @property
    def cost(self) -> float:
        """The price of all of it, in accounts that are a month old."""
        crowds = self.targets if self.fresh else 1
        joining = 0.0 if self.age is None else self.joined * prices.JOIN * self.targets
        account = prices.ACCOUNT[self.age] * crowds + joining
        reports = self.reports_each * self.targets + self.staged + self.history + self.lone * self.targets
        posts = self.staged + 2 * self.proven + self.bait + self.findings * self.targets
        days = (self.targets - 1) * self.every_h / 24 + self.staged + self.history + (self.inflation > 0)
        days += 9 * (self.proven > 0)
        inflating = prices.ACCOUNT["under_1d"] * (self.inflation > 0) + self.inflation * prices.REPORT
        return round(
            self.accounts * (account + reports * prices.REPORT)
            + inflating
            # They have existed for nine days.
            + self.proven * (prices.ACCOUNT["under_1m"] + 2 * prices.REPORT)
            + self.anonymous * prices.REPORT * self.targets
            + posts * prices.BAIT
            + days * prices.DAY,
            2,
        )
