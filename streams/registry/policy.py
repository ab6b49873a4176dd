"""A policy as loaded and checked: its levels, and the conditions under which each is reached."""

from dataclasses import dataclass
from typing import Literal

from streams.contract.events import escalation
from streams.contract.events.report import Category, ChannelKind
from streams.counting.conditions import Condition
from streams.counting.sums import WindowCounts

Mode = Literal["live", "shadow", "off"]

# The policy id on escalations that a legal clock opens; no policy may have this id.
LEGAL_CLOCK = "legal-clock"
# That on escalations of messages that were drawn at random.
RANDOM_SAMPLE = "random-sample"


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a policy, reached if all conditions in `when` hold, and one in `any_of` if there are any."""

    level: int
    name: str
    when: tuple[Condition, ...]
    any_of: tuple[Condition, ...] = ()

    @property
    def text(self) -> str:
        """The conditions as text, such as `reports >= 5, any of (risk >= 2, trusted_flaggers >= 1)`."""
        texts = [condition.text for condition in self.when]
        if self.any_of:
            texts.append(f"any of ({', '.join(condition.text for condition in self.any_of)})")
        return ", ".join(texts)

    @property
    def least_reports(self) -> int:
        """With fewer reports the level cannot hold."""
        return max(condition.least_reports for condition in self.when)

    @property
    def minimums(self) -> tuple[Condition, ...]:
        """The conditions that do not hold without reports."""
        return tuple(condition for condition in (*self.when, *self.any_of) if condition.is_minimum)

    def holds(self, counts: WindowCounts) -> bool:
        """Return whether a window with these counts reaches the level."""
        for condition in self.when:
            if not condition.holds(counts):
                return False
        return not self.any_of or any(condition.holds(counts) for condition in self.any_of)

    def shown(self, counts: WindowCounts) -> tuple[escalation.Condition, ...]:
        """Return the conditions as an escalation shows them."""
        return (
            *(condition.shown(counts) for condition in self.when),
            *(condition.shown(counts, any_of=True) for condition in self.any_of),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. Times are in milliseconds, except `window`: the ISO 8601 duration as written (`PT1H`).

    `per_hour` is how many episodes of each level may open in an hour, None if any number. `channel_kind` is
    which reports it is judged for, None for all.
    """

    id: str
    mode: Mode
    categories: tuple[Category, ...]
    window: str
    window_ms: int
    levels: tuple[Level, ...]
    clear_below: float
    min_clear_ms: int
    cooldown_ms: int
    reason: str
    content_hash: str
    per_hour: int | None = None
    channel_kind: ChannelKind | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all levels."""
        return tuple(condition for level in self.levels for condition in (*level.when, *level.any_of))
