"""Adds up transparency counters into the figures of a report under the Digital Services Act."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Final, Literal

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.internal.reporter_paused import PausedFor
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import Category
from streams.contract.events.transparency import (
    ComplaintResult,
    ComplaintSubject,
    DecisionGround,
    NoticeSource,
    OrderStep,
    TransparencyCounter,
)
from streams.counting.notices import ReportRole, report_role
from streams.counting.rounded_times import median_time
from streams.statutory.member_states import member_state

OrderAim = Literal["act", "information"]

# Art. 9 and art. 10. A preservation order asks for no information, and a regulator's notice is no order.
ORDER_AIMS: Final[dict[RequestKind, OrderAim]] = {
    "order_to_act": "act",
    "removal_order": "act",
    "order_for_information": "information",
    "production_order": "information",
}

# Parts of Member States with a code of their own, where Union law holds: TFEU art. 355(1), and for the Aland
# Islands Protocol 2 to the Act of Accession of 1994.
_TERRITORIES: Final = {"GF": "FR", "GP": "FR", "MF": "FR", "MQ": "FR", "RE": "FR", "YT": "FR", "AX": "FI"}
_UNKNOWN_PLACE: Final = "XX"

_SECONDS_PER_HOUR: Final = 3600


class PeriodSums:
    """The sums over a period.

    Notices, items, decisions and complaints are those of Member States, and those whose place is not known: a
    notice names no place, and most are from where the service is offered. Orders are those of Member States.
    What is left out is counted in `notices_elsewhere`, `orders_elsewhere` and `other_requests`.
    """

    def __init__(self, counters: Iterable[TransparencyCounter]) -> None:
        self.states: set[str] = set()
        self.categories: set[Category] = set()
        self.notices_elsewhere = 0
        self.orders_elsewhere = 0
        self.other_requests: Counter[RequestKind] = Counter()
        self.decisions: Counter[tuple[OutcomeDecision, bool, bool, bool]] = Counter()
        self.complaints: Counter[tuple[ComplaintSubject, ComplaintResult]] = Counter()
        self.suspensions: Counter[PausedFor] = Counter()
        self._notices: Counter[tuple[Category, NoticeSource]] = Counter()
        self._items: Counter[tuple[Category, NoticeSource]] = Counter()
        self._actions: Counter[tuple[Category, NoticeSource, DecisionGround]] = Counter()
        self._action_times: defaultdict[tuple[Category, NoticeSource], Counter[int]] = defaultdict(Counter)
        self._orders: Counter[tuple[str, Category, OrderAim]] = Counter()
        self._order_items: Counter[tuple[str, Category]] = Counter()
        self._order_times: defaultdict[tuple[str, Category, OrderAim, OrderStep], Counter[int]] = defaultdict(
            Counter
        )
        self._days_with_notices: set[str] = set()
        self._days_with_items: set[str] = set()
        for counter in counters:
            self.categories.add(counter.category)
            self._add_notices(counter)
            self._add_decisions(counter)
            self._add_requests(counter)

    @property
    def days_without_items(self) -> tuple[str, ...]:
        """The days with notices but neither items nor decisions: the stage of reporters was off."""
        return tuple(sorted(self._days_with_notices - self._days_with_items))

    @property
    def follows_messages(self) -> bool:
        """Whether items and decisions were counted at all; True if there was nothing to count."""
        return bool(self._days_with_items) or not self._days_with_notices

    def notices(self, categories: Collection[Category], source: NoticeSource) -> int:
        """Return the number of notices."""
        return sum(self._notices[category, source] for category in categories)

    def items(self, categories: Collection[Category], source: NoticeSource) -> int:
        """Return the number of different messages that notices named."""
        return sum(self._items[category, source] for category in categories)

    def actions(self, categories: Collection[Category], source: NoticeSource, ground: DecisionGround) -> int:
        """Return the number of actions after a notice: decisions that upheld it."""
        return sum(self._actions[category, source, ground] for category in categories)

    def hours_to_act(self, categories: Collection[Category], source: NoticeSource) -> float | None:
        """Return the median hours from a notice to the action; None without an action."""
        return _median_hours(self._action_times[category, source] for category in categories)

    def orders(self, states: Collection[str], categories: Collection[Category], aim: OrderAim) -> int:
        """Return the number of orders of Member States."""
        return sum(self._orders[state, category, aim] for state in states for category in categories)

    def order_items(self, states: Collection[str], categories: Collection[Category]) -> int:
        """Return the number of items that orders to act named."""
        return sum(self._order_items[state, category] for state in states for category in categories)

    def hours_of_order(
        self, states: Collection[str], categories: Collection[Category], aim: OrderAim, step: OrderStep
    ) -> float | None:
        """Return the median hours from the receipt of an order to a step; None if none was reported."""
        return _median_hours(
            self._order_times[state, category, aim, step] for state in states for category in categories
        )

    def _add_notices(self, counter: TransparencyCounter) -> None:
        roles = Counter[ReportRole | None]()
        for report in counter.reports:
            roles[report_role(report.kind, report.source)] += report.count
        flagged = roles["trusted_flagger_notice"]
        notices = roles["notice"] + flagged
        if not _concerns_union(counter):
            self.notices_elsewhere += notices
        elif notices:
            self._days_with_notices.add(counter.date)
            self._notices[counter.category, "any_notice"] += notices
            self._notices[counter.category, "trusted_flagger_notice"] += flagged

    def _add_decisions(self, counter: TransparencyCounter) -> None:
        if not _concerns_union(counter):
            return
        category = counter.category
        if counter.items or counter.decisions:
            self._days_with_items.add(counter.date)
        for item in counter.items:
            self._items[category, item.named_by] += item.count
        for decision in counter.decisions:
            known = decision.notice, decision.trusted_flagger_notice, decision.detection
            self.decisions[decision.decision, *known] += decision.count
            if decision.decision == "upheld" and decision.notice:
                self._actions[category, "any_notice", decision.ground] += decision.count
            if decision.decision == "upheld" and decision.trusted_flagger_notice:
                self._actions[category, "trusted_flagger_notice", decision.ground] += decision.count
        for time in counter.action_times:
            self._action_times[category, time.since][time.seconds] += time.count
        for complaint in counter.complaints:
            self.complaints[complaint.about, complaint.result] += complaint.count
        for suspension in counter.suspensions:
            self.suspensions[suspension.because_of] += suspension.count

    def _add_requests(self, counter: TransparencyCounter) -> None:
        category = counter.category
        state = union_state(counter.country)
        for request in counter.requests:
            aim = ORDER_AIMS.get(request.kind)
            if aim is None:
                self.other_requests[request.kind] += request.count
            elif state is None:
                self.orders_elsewhere += request.count
            else:
                self.states.add(state)
                self._orders[state, category, aim] += request.count
        if state is None:
            return
        for order in counter.orders:
            aim = ORDER_AIMS.get(order.kind)
            if aim is None:
                continue
            if order.seconds is not None:
                self._order_times[state, category, aim, order.step][order.seconds] += order.count
            elif aim == "act":
                self._order_items[state, category] += order.count


def _concerns_union(counter: TransparencyCounter) -> bool:
    return union_state(counter.country) is not None or counter.country == _UNKNOWN_PLACE


def union_state(country: str) -> str | None:
    """Return Eurostat's code of the Member State of a country or territory; None outside the Union."""
    return member_state(_TERRITORIES.get(country, country))


def _median_hours(histograms: Iterable[Counter[int]]) -> float | None:
    together: Counter[int] = Counter()
    for histogram in histograms:
        together.update(histogram)
    seconds = median_time(together)
    return None if seconds is None else seconds / _SECONDS_PER_HOUR
