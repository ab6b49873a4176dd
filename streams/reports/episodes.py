"""The life of an episode: none -> open -> cooldown -> none, in event time.

Every function takes what was found ("level 2 holds", "is clear") and a time, and knows nothing of counts: the same
machine runs on counts of reports and on a series of scores.
"""

from typing import Literal, NamedTuple

import msgspec

from streams.events.enriched_report import JurisdictionBasis
from streams.events.obligation import NotArmedReason
from streams.events.report import Category, ReporterKind, ReportKind
from streams.registry.rules import RuleOfLawTier

# Allowed lateness. Reports travel from a phone over a platform's queues; five minutes holds all but the strays, which
# still count. It delays resolutions only, never an opening.
LATENESS_MS = 300_000


class EpisodeKey(NamedTuple):
    """There is at most one episode per key. Equal due times are served in the order of the fields."""

    channel: str
    policy: str
    mode: str


class CausingReport(msgspec.Struct, frozen=True, array_like=True):
    """The report behind an episode's last rise, as far as later events must speak of it.

    `received_ms` is when the platform received it (ms since the epoch). `certain` are the codes of the countries that
    are concerned with reasonable certainty. `obligations` are (id, why no clock was armed, whether it was among the
    strictest).
    """

    report_id: str
    kind: ReportKind
    reporter: ReporterKind | None
    category: Category
    received_ms: int
    topic: str
    partition: int
    offset: int
    jurisdictions: tuple[tuple[str, float, JurisdictionBasis], ...]
    certain: tuple[str, ...]
    obligations: tuple[tuple[str, NotArmedReason | None, bool], ...]
    tier: RuleOfLawTier


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """What the policy counted, kept for an episode that outlives its policy."""

    categories: tuple[Category, ...]
    window_ms: int
    level_name: str


class Open(msgspec.Struct, array_like=True, tag=1):
    """An open episode. `clear_since` is the time (ms) at which it became clear, None while it is not."""

    escalation_id: str
    level: int
    sequence: int
    clear_since: int | None
    first_report_id: str
    cause: CausingReport
    scope: Scope


class Cooldown(msgspec.Struct, array_like=True, tag=2):
    """After resolution: up to `until` (ms, exclusive) only a level above `last_level` opens."""

    until: int
    last_level: int


Episode = Open | Cooldown


class Timing(NamedTuple):
    """When an episode of a policy moves by itself; all in milliseconds. `pane` is that of the policy's window."""

    pane: int
    min_clear: int
    cooldown: int


def rise(episode: Episode | None, level: int) -> Literal["opened", "updated"] | None:
    """What a report that finds `level` (0: none) holding does to an episode."""
    if isinstance(episode, Open):
        return "updated" if level > episode.level else None
    last_level = 0 if episode is None else episode.last_level
    return "opened" if level > last_level else None


def note_clear(episode: Open, time: int, *, clear: bool) -> None:
    """Note whether the episode is clear at `time`; it stays clear since when it became so."""
    if clear != (episode.clear_since is not None):
        episode.clear_since = time if clear else None


def resolution_time(episode: Open, timing: Timing) -> int | None:
    """When the episode resolves if it stays clear: the time of that transition, not of its being noticed."""
    return None if episode.clear_since is None else episode.clear_since + timing.min_clear


def after_resolution(episode: Open, resolved_at: int, timing: Timing) -> Cooldown:
    """The cooldown that follows."""
    return Cooldown(until=resolved_at + timing.cooldown, last_level=episode.level)


def due_time(episode: Episode, now: int, timing: Timing) -> int:
    """The next time (ms, in terms of the partition's time) at which something may happen without a report.

    An open episode that is not clear can only become so when counts fall, at the next pane boundary. One that is
    clear resolves when the watermark has come to its resolution. A cooldown ends.
    """
    if isinstance(episode, Cooldown):
        return episode.until
    resolves = resolution_time(episode, timing)
    if resolves is None:
        return (now // timing.pane + 1) * timing.pane
    return resolves + LATENESS_MS
