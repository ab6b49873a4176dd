"""What the transparency counters need of a message: how it was reported first, and what was decided.

It turns reports and outcomes into what has to be counted of the message and takes back what no longer holds.
What is counted in the end does not depend on the order in which reports and outcomes arrive.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.contract.events.moderation_outcome import AccountAction, OutcomeDecision, VisibilityAction
from streams.contract.events.report import Category
from streams.contract.events.transparency import (
    ComplaintResult,
    ComplaintSubject,
    DecisionGround,
    NoticeSource,
)
from streams.counting.notices import ReportRole
from streams.counting.rounded_times import rounded_time

# A message is decided on once, and again after a complaint or two. A desk that decides more often is in a
# loop.
MOST_DECISIONS: Final = 16

_SECONDS_PER_DAY: Final = 86_400


class FirstReport(NamedTuple):
    """The first report of a role: its receipt (s since the epoch), most certain country, and category."""

    received_s: int
    country: str
    category: Category


class DecidedMessage(msgspec.Struct, frozen=True, array_like=True):
    """An outcome, reduced to what is counted of it.

    `single`: it is about one report of the message. `leads`: the message is the first one of the outcome's
    subject, at which the outcome itself is counted. `country` is that of the law by which it was decided; XX
    for the platform's terms.
    """

    decided_s: int
    outcome_id: str
    verdict: OutcomeDecision
    ground: DecisionGround
    country: str
    category: Category
    visibility: VisibilityAction | None
    account: AccountAction | None
    supersedes: str | None
    single: bool
    leads: bool


class Counted(NamedTuple):
    """What is counted once: on `day` (days since the epoch), in `cell` of a country and category."""

    day: int
    country: str
    category: Category
    cell: tuple[str | int | bool | None, ...]


class MessageFacts(msgspec.Struct, array_like=True):
    """The facts about one message. `items` are the categories of notices in which it is counted as an item.

    `notice` is the first notice of all; that of a trusted flagger counts among them. `counted` is what has
    been counted of the decisions.
    """

    notice: FirstReport | None = None
    trusted: FirstReport | None = None
    detection: FirstReport | None = None
    items: tuple[Category, ...] = ()
    trusted_items: tuple[Category, ...] = ()
    decisions: tuple[DecidedMessage, ...] = ()
    counted: tuple[Counted, ...] = ()

    def is_known(self, role: ReportRole, received_s: int, category: Category) -> bool:
        """Return whether a report changes nothing, as nearly all further reports of a message."""
        if role == "notice":
            first, items = self.notice, self.items
        elif role == "detection":
            return self.detection is not None and received_s > self.detection.received_s
        else:
            # Then it is known as a notice as well: every one of a trusted flagger is.
            first, items = self.trusted, self.trusted_items
        return first is not None and received_s > first.received_s and category in items

    def add_report(self, role: ReportRole, report: FirstReport) -> tuple[NoticeSource, ...]:
        """Note a report; return in which counts of items the message is new with it."""
        if role == "detection":
            self.detection = report if self.detection is None else min(self.detection, report)
            return ()
        category = report.category
        items: tuple[NoticeSource, ...] = ()
        if self.notice is None or report < self.notice:
            self.notice = report
        if category not in self.items:
            self.items = (*self.items, category)
            items = ("any_notice",)
        if role == "trusted_flagger_notice":
            if self.trusted is None or report < self.trusted:
                self.trusted = report
            if category not in self.trusted_items:
                self.trusted_items = (*self.trusted_items, category)
                items = (*items, "trusted_flagger_notice")
        return items

    def add_decision(self, decision: DecidedMessage) -> None:
        """Note an outcome. The same one again changes nothing."""
        known = {each.outcome_id: each for each in self.decisions}
        known.setdefault(decision.outcome_id, decision)
        self.decisions = tuple(sorted(known.values(), key=_order)[-MOST_DECISIONS:])

    def changes(self) -> list[tuple[Counted, int]]:
        """Return what is to be counted (1) or taken back (-1) since the last call."""
        if not self.decisions:
            return []
        now = tuple(self._to_count())
        if now == self.counted:
            return []
        difference = Counter(now)
        difference.subtract(self.counted)
        self.counted = now
        return [(counted, number) for counted, number in difference.items() if number]

    def _to_count(self) -> Iterator[Counted]:
        yield from self._decision()
        for decision in self.decisions:
            if decision.supersedes is not None and decision.leads:
                yield self._complaint(decision)

    def _decision(self) -> Iterator[Counted]:
        """Yield the decision that holds: the latest, from when it was first made."""
        about_all = [decision for decision in self.decisions if not decision.single]
        run = about_all or list(self.decisions)
        holds = run[-1]
        if len(self.decisions) == 1 and holds.supersedes is not None:
            # What it replaces was counted and forgotten, or is still to come. Counted here, an action would
            # be there twice.
            return
        first = holds
        for decision in reversed(run):
            if decision.verdict != holds.verdict:
                break
            first = decision
        at = first.decided_s
        notice, trusted, detection = (
            _before(each, at) for each in (self.notice, self.trusted, self.detection)
        )
        country, category = self._row(trusted or notice or detection, holds)
        day = at // _SECONDS_PER_DAY
        yield Counted(
            day,
            country,
            category,
            (
                "decisions",
                holds.verdict,
                holds.ground,
                notice is not None,
                trusted is not None,
                detection is not None,
            ),
        )
        if holds.verdict == "upheld":
            for since, report in (("any_notice", notice), ("trusted_flagger_notice", trusted)):
                if report is not None:
                    seconds = rounded_time(at - report.received_s)
                    yield Counted(day, country, category, ("action_times", since, seconds))

    def _complaint(self, decision: DecidedMessage) -> Counted:
        about: ComplaintSubject = "unknown"
        result: ComplaintResult = "unknown"
        earlier = next((each for each in self.decisions if each.outcome_id == decision.supersedes), None)
        at = decision.decided_s if earlier is None else earlier.decided_s
        trusted = _before(self.trusted, at)
        if earlier is not None:
            about = _about(earlier, by_trusted_flagger=trusted is not None)
            result = _result(earlier, decision)
        reported = trusted or _before(self.notice, at) or _before(self.detection, at)
        country, category = self._row(reported, decision)
        day = decision.decided_s // _SECONDS_PER_DAY
        return Counted(day, country, category, ("complaints", about, result))

    @staticmethod
    def _row(report: FirstReport | None, decision: DecidedMessage) -> tuple[str, Category]:
        if report is None:
            return decision.country, decision.category
        return report.country, report.category


def _order(decision: DecidedMessage) -> tuple[int, str]:
    return decision.decided_s, decision.outcome_id


def _before(report: FirstReport | None, decided_s: int) -> FirstReport | None:
    return report if report is not None and report.received_s < decided_s else None


def _about(earlier: DecidedMessage, *, by_trusted_flagger: bool) -> ComplaintSubject:
    """Return what an earlier decision restricted (art. 20(1)(a) to (c)): the content, if both."""
    if earlier.verdict != "upheld":
        return "no_action_trusted_flagger" if by_trusted_flagger else "no_action"
    if earlier.visibility is not None:
        return "visibility"
    return "other_restriction" if earlier.account is None else "account"


def _result(earlier: DecidedMessage, decision: DecidedMessage) -> ComplaintResult:
    if (earlier.verdict == "upheld") != (decision.verdict == "upheld"):
        return "reversed"
    done = (earlier.visibility, earlier.account)
    if earlier.verdict == "upheld" and done != (decision.visibility, decision.account):
        return "partially_reversed"
    return "upheld"
