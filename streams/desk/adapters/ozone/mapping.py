"""What the decisions of Ozone's moderators mean: the mapping file."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from streams.contract.events.report import Category
from streams.desk.adapters.ozone.lexicon import SeenEvent
from streams.desk.adapters.verdict import DeskVerdict

EventKind = Literal["Takedown", "ReverseTakedown", "Acknowledge", "Label"]


class MappedEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What events of a kind mean, with this label and policy, and about these categories, if it names any."""

    event: EventKind
    verdict: DeskVerdict
    label: str | None = None
    policy: str | None = None
    categories: tuple[Category, ...] = ()


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows, of which the first one that applies counts.

    An event to which none applies decides nothing.
    """

    decisions: tuple[MappedEvent, ...]

    def kinds(self) -> tuple[EventKind, ...]:
        """The kinds of events that decide something."""
        return tuple(dict.fromkeys(row.event for row in self.decisions))

    def verdict(self, event: SeenEvent, category: Category) -> DeskVerdict | None:
        """What an event about a report in a category means; None if nothing."""
        for row in self.decisions:
            if (
                row.event == event.kind
                and (row.label is None or row.label in event.event.labels)
                and (row.policy is None or row.policy in event.event.policies)
                and (not row.categories or category in row.categories)
            ):
                return row.verdict
        return None

    def held(self, events: Iterable[SeenEvent], category: Category) -> list[tuple[SeenEvent, DeskVerdict]]:
        """The events that decide something about a subject, oldest first, and what each means.

        An acknowledgement after an upheld decision takes nothing back: it closes what is open, for instance a
        report that came after a takedown.
        """
        found: list[tuple[SeenEvent, DeskVerdict]] = []
        for event in events:
            verdict = self.verdict(event, category)
            takes_back_nothing = event.kind == "Acknowledge" and found and found[-1][1].decision == "upheld"
            if verdict is not None and not takes_back_nothing:
                found.append((event, verdict))
        return found
