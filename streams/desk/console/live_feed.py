"""Tells open pages what changed, and who looks at the same case."""

import asyncio
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from streams.contract.events.report import Category
from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.changes import Changes

# A page that was away for longer than so many batches loads again. They are a few minutes of a busy desk.
_REMEMBERED = 1_000

# A page that reads so much slower than the desk changes is told to load again, instead of filling the memory.
_MOST_UNREAD = 200

# Named one by one. A page with a hundred rows gains nothing from a longer list.
_MOST_NAMED = 500


@dataclass(frozen=True, slots=True)
class Told:
    """Something to tell. `position` is where a reconnecting page continues; empty for who looks at a case.

    `ids` are those of what changed, with their `categories`, or the pseudonyms of who looks at a case.
    """

    event: str
    position: str
    ids: tuple[str, ...]
    categories: Mapping[str, Collection[Category | None]] = field(default_factory=dict)

    def told_to(self, person: Person) -> tuple[str, ...]:
        """The ids that a person may know of."""
        if self.event != CHANGED:
            return self.ids
        # What has no category yet cannot be shown yet, and is told again when it can.
        return tuple(each for each in self.ids if any(map(person.sees, self.categories.get(each, ()))))


CHANGED: Final = "changed"
RELOAD: Final = "reload"


ENDED: Final = Told("ended", "", ())
"""The last thing that is told, not to browsers."""


class LiveFeed:
    """Keeps what was told last, so that a page that reconnects misses nothing."""

    def __init__(self) -> None:
        # Positions of another process mean nothing here.
        self._process: Final = secrets.token_hex(4)
        self._number = 0
        self._last: deque[tuple[int, Told]] = deque(maxlen=_REMEMBERED)
        self._readers: dict[asyncio.Queue[Told], str | None] = {}
        self._viewers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._pages: Counter[str] = Counter()

    @property
    def position(self) -> str:
        """Where a page that is made now continues."""
        return f"{self._process}-{self._number}"

    @property
    def readers(self) -> int:
        """How many pages are connected."""
        return len(self._readers)

    def pages_of(self, viewer: str) -> int:
        """How many pages somebody has connected."""
        return self._pages[viewer]

    def tell(self, changes: Changes) -> None:
        """Tell every page what a batch changed."""
        ids = [*sorted(changes.cases), *sorted(changes.requests), *sorted(changes.integrity_cases)]
        if not ids:
            return
        self._number += 1
        if len(ids) <= _MOST_NAMED:
            told = Told(CHANGED, self.position, tuple(ids), dict(changes.categories))
        else:
            told = Told(RELOAD, self.position, ())
        self._last.append((self._number, told))
        for queue in self._readers:
            _put(queue, told)

    def since(self, position: str) -> Sequence[Told]:
        """What was told after a position; an order to load again if that position is unknown."""
        process, _, number = position.partition("-")
        oldest = self._last[0][0] if self._last else self._number + 1
        if process != self._process or not number.isdecimal() or int(number) < oldest - 1:
            return [Told(RELOAD, self.position, ())]
        return [told for at, told in self._last if at > int(number)]

    @contextmanager
    def reading(self, case_id: str | None, viewer: str) -> Iterator[asyncio.Queue[Told]]:
        """A queue of messages from now on for a page that `viewer` has open; `case_id` if it shows a case."""
        queue: asyncio.Queue[Told] = asyncio.Queue(_MOST_UNREAD)
        self._readers[queue] = case_id
        self._pages[viewer] += 1
        if case_id is not None:
            self._viewers[case_id][viewer] += 1
            self._tell_viewers(case_id)
        try:
            yield queue
        finally:
            del self._readers[queue]
            self._pages -= Counter([viewer])
            if case_id is not None:
                self._viewers[case_id] -= Counter([viewer])
                self._tell_viewers(case_id)
                if not self._viewers[case_id]:
                    del self._viewers[case_id]

    def end(self) -> None:
        """Tell every page that the feed ends: the console stops, and browsers connect to the next one."""
        for queue in self._readers:
            _put(queue, ENDED)

    def _tell_viewers(self, case_id: str) -> None:
        told = Told("viewers", "", tuple(sorted(self._viewers[case_id])))
        for queue, shown in self._readers.items():
            if shown == case_id:
                _put(queue, told)


def _put(queue: asyncio.Queue[Told], told: Told) -> None:
    if queue.full():
        # Nothing that was dropped is missed: the page is told to load again.
        while not queue.empty():
            queue.get_nowait()
        told = Told(RELOAD, told.position, ())
    queue.put_nowait(told)
