"""What stands behind a row of law: its status, what was read for each part, and who keeps it right."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from streams.contract.events.clock import Mark

# From the strongest to the weakest. verified: somebody read the text; secondary: only what others say about
# it, or a number without a quote that was read; unverified: from memory, or no source was found.
Verification = Mark
# Only a row in force is a duty. The others are watched: they are shown, and decide nothing. So is a row in
# force that says nothing of what only a duty has (`shapes.obligation`): law that nothing here starts.
Status = Literal["bill", "adopted", "in_force", "suspended", "struck_down"]
# time: the number or the wording; dates: from when until when; reach: whom and what it binds; elements: what
# a notice or an order must contain; categories: for which content.
Part = Literal["time", "dates", "reach", "elements", "categories"]

_WEAKNESS: Final = {"verified": 0, "secondary": 1, "unverified": 2}


def weakest(*marks: Verification | None) -> Verification:
    """Give the weakest of the marks; None has no part in it. Without any mark: unverified."""
    given = [mark for mark in marks if mark is not None]
    return max(given, key=_WEAKNESS.__getitem__, default="unverified")


@dataclass(frozen=True, slots=True)
class Marks:
    """How well each part of a row was read. A part that the row does not have has no mark."""

    dates: Verification
    reach: Verification
    categories: Verification
    time: Verification | None = None
    elements: Verification | None = None

    @property
    def of_clock(self) -> Verification:
        """Give the mark by which a clock is armed: the weaker of those of the time and the dates."""
        if self.time is None or _WEAKNESS[self.time] < _WEAKNESS[self.dates]:
            return self.dates
        return self.time

    @property
    def weakest(self) -> Verification:
        """Give the weakest mark of all parts."""
        return weakest(self.time, self.dates, self.reach, self.elements, self.categories)


@dataclass(frozen=True, slots=True)
class LawSource:
    """A text that was read, and where.

    `quote` is in the language of the text (`language`, BCP 47), `translation` in English. `sha256` is that of
    the passage that was read (docs/law-changes.md says how it is made). `read_on` is the day of the reading,
    or of the search if nothing could be read.
    """

    title: str | None
    url: str | None
    read_on: date
    article: str | None = None
    language: str | None = None
    quote: str | None = None
    translation: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a row for the platform, a pseudonym, and on which day."""

    by: str
    on: date


@dataclass(frozen=True, slots=True)
class Penalty:
    """What threatens whom if the duty is not fulfilled: `amount` and `liable` in words."""

    amount: str
    liable: str
    article: str | None


@dataclass(frozen=True, slots=True)
class NextDay:
    """The next known day in the life of a law, such as its commencement, its end, or a judgment."""

    day: date
    what: str


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """A row whose law is not in force, or that nothing here starts.

    It is shown and reviewed, and decides nothing. `in_force_from` is the day from which it will be, or
    was, in force; None if not known.
    """

    id: str
    jurisdiction: str
    status: Status
    instrument: str
    article: str
    title: str
    in_force_from: date | None
    next: NextDay | None
    sources: tuple[LawSource, ...]
    marks: Marks
    owner: str | None
    read_by: str | None
    review_by: date | None
    penalties: tuple[Penalty, ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Give which of owner and review day the row does not give."""
        return tuple(name for name in ("owner", "review_by") if getattr(self, name) is None)

    @property
    def checked(self) -> date:
        """Give the day on which somebody last read a source."""
        return max(source.read_on for source in self.sources)

    @property
    def verification(self) -> Verification:
        """Give the weakest mark."""
        return self.marks.weakest
