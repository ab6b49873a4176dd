"""Counts the days of a desk for those who lead it: what came, what was decided, what waits, and how it held.

Nothing here is about one person, and nothing is ordered by person.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.events.report import Category
from streams.contract.wire.times import DAY, HOUR, midnight_ms
from streams.desk.console.read_model.figures.case_histories import CaseHistory, SecondOpinion
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

LEAST_PEOPLE: Final = 3
"""So many people must be in a figure about how people decided. With one it is about that person. With two
each of them can take out their own part and has the other's, and a lead may be one of the two. From three on
nobody's part can be told from that of the others without the help of one of them.
"""

HIDDEN: Final = "hidden"

# A number, none where there was nothing to count, or hidden because fewer than LEAST_PEOPLE are in it.
Figure = float | None | Literal["hidden"]


class FigureKind(NamedTuple):
    """A figure of a day: its name in files, its title, and what it says."""

    name: str
    title: str
    says: str


FIGURES: Final[Sequence[FigureKind]] = (
    FigureKind("opened", "Cases opened", "of policies and of legal clocks"),
    FigureKind("decided", "Decisions", "about cases, of this console and of other systems"),
    FigureKind(
        "waiting", "Cases waiting", "at the end of the day, snoozed ones and those to be signed included"
    ),
    FigureKind("median_hours", "Hours to decide, median", "from the opening of a case to its first decision"),
    FigureKind("p90_hours", "Hours to decide, 90th percentile", "nine of ten decisions did not take longer"),
    FigureKind("answered", "Proposals answered by a second person", "signed or sent back"),
    FigureKind("signed_percent", "Signed by the second person, percent", "of these"),
    FigureKind("opinions", "Second opinions", "about what another person had judged in the 30 days before"),
    FigureKind("agreed_percent", "Second opinions that agree, percent", "of these"),
    FigureKind("replaced", "Decisions that replaced an earlier one", "after an appeal, or a second look"),
    FigureKind("clocks_due", "Legal clocks due", "deadlines of reports and of authorities' requests"),
    FigureKind("clocks_missed", "Legal clocks missed", "of these, not ended in time"),
)
"""The figures of a day over all cases, in the order in which they are shown."""

AGES: Final[Sequence[tuple[str, int]]] = (
    ("under 1 h", HOUR),
    ("1 to 8 h", 8 * HOUR),
    ("8 to 24 h", 24 * HOUR),
    ("1 to 3 d", 3 * DAY),
    ("over 3 d", 1 << 62),
)
"""How long a case has waited, and before which time (ms) each span ends."""


Became = Literal["met", "missed", "withdrawn", "open"]
"""What became of a clock that was due."""


class CaseGroup(NamedTuple):
    """What a person chooses on the desk: a category and a policy."""

    category: str
    policy: str


@dataclass(slots=True)
class GroupDay:
    """A category and a policy on a day; `waiting` has a count for each of AGES."""

    opened: int = 0
    decided: int = 0
    waiting: list[int] = field(default_factory=lambda: [0] * len(AGES))


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The figures of a UTC day: of all cases by name, then by category and policy, by duty, by policy.

    `dismissed_percent` is the share of a policy's decisions that did not uphold, manifestly unfounded ones
    included.
    """

    day: str
    values: dict[str, Figure]
    groups: dict[CaseGroup, GroupDay]
    clocks: dict[str, Counter[Became]]
    dismissed_percent: dict[str, Figure]


class DueClock(NamedTuple):
    """A clock with a deadline, and what became of it."""

    obligation: str
    due_ms: int
    became: Became


def due_clocks(
    reader: sqlite3.Connection,
    first_ms: int,
    end_ms: int,
    categories: frozenset[Category],
    is_deadline: Callable[[str], bool],
) -> list[DueClock]:
    """The clocks of these categories that were due from `first_ms` until before `end_ms`.

    Waits are left out, and duties that are not `is_deadline`, which say how long to keep something. A clock
    that was fulfilled after it had lapsed is missed.
    """
    rows = reader.execute(
        SQL["clocks_due"], {"first": first_ms, "end": end_ms, "categories": as_json(categories)}
    )
    found = []
    for obligation, status, due_ms, text in rows:
        view = _CLOCK.decode(text)
        if view.not_before is None and is_deadline(obligation):
            found.append(DueClock(obligation, due_ms, _became(status, view)))
    return found


_CLOCK = msgspec.json.Decoder(ClockView)


def _became(status: str, view: ClockView) -> Became:
    if status == "lapsed" or (status == "fulfilled" and view.elapsed >= 1):
        return "missed"
    if status == "fulfilled":
        return "met"
    return "withdrawn" if status == "withdrawn" else "open"


def day_figures(
    days: Sequence[date],
    histories: Iterable[CaseHistory],
    opinions: Iterable[SecondOpinion],
    clocks: Iterable[DueClock],
    now_ms: int,
) -> list[DayFigures]:
    """The figures of UTC days that follow each other; those of today are as of `now_ms`.

    Figures about how people decided are of one day each and of all cases, or of one policy each without
    their sum. So none that is hidden can be found as a difference of others; who looks again after each
    decision of today sees what it changed, as on the page of its case.
    """
    tallies = {midnight_ms(day) // DAY: _Tally(str(day), midnight_ms(day) + DAY) for day in days}
    # What is of another day is counted where nobody looks.
    elsewhere = _Tally("", 0)

    def on(at_ms: int) -> _Tally:
        return tallies.get(at_ms // DAY, elsewhere)

    for case in histories:
        group = CaseGroup(case.category, case.policy)
        on(case.opened_ms).groups[group].opened += 1
        for decision in case.decisions:
            tally = on(decision.at_ms)
            tally.groups[group].decided += 1
            tally.people |= decision.people
            tally.policy_people[case.policy] |= decision.people
            tally.policy_decided[case.policy] += 1
            tally.policy_dismissed[case.policy] += decision.decision != "upheld"
            tally.replaced += decision.replaces
        first = min(case.decisions, key=lambda each: each.at_ms, default=None)
        if first is not None and not first.replaces:
            tally = on(first.at_ms)
            tally.took_ms.append(max(0, first.at_ms - case.opened_ms))
            tally.took_people |= first.people
        for answer in case.answers:
            on(answer.at_ms).answers.add(answer.people, of_part=answer.signed)
        spans = case.waiting()
        for tally in tallies.values():
            if case.resolved_day is None or case.resolved_day > tally.day:
                tally.count_waiting(group, spans, now_ms)
    for opinion in opinions:
        on(opinion.at_ms).opinions.add(opinion.people, of_part=opinion.agrees)
    for clock in clocks:
        on(clock.due_ms).clocks[clock.obligation][clock.became] += 1
    return [tally.figures() for tally in tallies.values()]


@dataclass(slots=True)
class _Share:
    """A part of a number of acts, and the people in them."""

    part: int = 0
    of: int = 0
    people: set[str] = field(default_factory=set)

    def add(self, people: frozenset[str], *, of_part: bool) -> None:
        self.part += of_part
        self.of += 1
        self.people |= people

    def percent(self) -> Figure:
        return _shown(_percent(self.part, self.of), self.people)


@dataclass(slots=True)
class _Tally:
    """What is counted of a day."""

    day: str
    end_ms: int
    groups: defaultdict[CaseGroup, GroupDay] = field(default_factory=lambda: defaultdict(GroupDay))
    clocks: defaultdict[str, Counter[Became]] = field(default_factory=lambda: defaultdict(Counter))
    people: set[str] = field(default_factory=set)
    policy_people: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    policy_decided: Counter[str] = field(default_factory=Counter)
    policy_dismissed: Counter[str] = field(default_factory=Counter)
    took_ms: list[int] = field(default_factory=list)
    took_people: set[str] = field(default_factory=set)
    answers: _Share = field(default_factory=_Share)
    opinions: _Share = field(default_factory=_Share)
    replaced: int = 0

    def count_waiting(self, group: CaseGroup, spans: Iterable[tuple[int, int | None]], now_ms: int) -> None:
        """Count a case if it waited at the end of the day, which for today is now."""
        end_ms = min(self.end_ms, now_ms + 1)
        for begin, end in spans:
            if begin < end_ms and (end is None or end >= end_ms):
                waited = end_ms - begin
                age = next(number for number, (_, below) in enumerate(AGES) if waited < below)
                self.groups[group].waiting[age] += 1

    def figures(self) -> DayFigures:
        took = sorted(self.took_ms)
        clocks = dict(sorted(self.clocks.items()))
        values: dict[str, Figure] = {
            "opened": sum(each.opened for each in self.groups.values()),
            "decided": sum(each.decided for each in self.groups.values()),
            "waiting": sum(sum(each.waiting) for each in self.groups.values()),
            "median_hours": _shown(_hours(took, 50), self.took_people),
            "p90_hours": _shown(_hours(took, 90), self.took_people),
            "answered": self.answers.of,
            "signed_percent": self.answers.percent(),
            "opinions": self.opinions.of,
            "agreed_percent": self.opinions.percent(),
            "replaced": _shown(self.replaced if self.people else None, self.people),
            "clocks_due": sum(each.total() for each in clocks.values()),
            "clocks_missed": sum(each["missed"] for each in clocks.values()),
        }
        dismissed = {
            policy: _shown(_percent(self.policy_dismissed[policy], decided), self.policy_people[policy])
            for policy, decided in sorted(self.policy_decided.items())
        }
        return DayFigures(self.day, values, dict(sorted(self.groups.items())), clocks, dismissed)


def _shown(value: float | None, people: set[str]) -> Figure:
    # How much was decided is not hidden: it follows from what was opened and what waits.
    return value if value is None or len(people) >= LEAST_PEOPLE else HIDDEN


def _percent(part: int, of: int) -> float | None:
    return round(100 * part / of) if of else None


def _hours(ordered: Sequence[int], percentile: int) -> float | None:
    """The nearest rank: the least value that so many percent of the values do not exceed."""
    if not ordered:
        return None
    rank = -(-percentile * len(ordered) // 100)
    return round(ordered[rank - 1] / HOUR, 1)
