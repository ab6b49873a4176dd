"""What a batch of records changed, so that open pages can be told."""

from collections.abc import Collection
from dataclasses import dataclass, field

from streams.events.report import Category
from streams.wire.rejection import require_category


@dataclass(slots=True)
class Changes:
    """The ids of what changed, by kind. `channels` are those whose clocks changed.

    `categories` has the category of each case and request that can be shown, by which people see them or not; None for what
    everybody sees.
    """

    cases: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    integrity_cases: set[str] = field(default_factory=set)
    categories: dict[str, Category | None] = field(default_factory=dict)
    known: Collection[Category] | None = None

    def require_known(self, category: Category) -> None:
        """Raise Rejected for a category that is not in `known`: workers refuse it. None knows any."""
        if self.known is not None:
            require_category("category", category, self.known)
