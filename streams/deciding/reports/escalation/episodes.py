"""The life of an episode: none -> open -> cooldown -> none, in event time.

The functions take a result ("level 2 holds", "is clear") and a time, and do not depend on counts: the same
state machine runs on counts of reports and on a series of scores.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from streams.contract.events.enriched_report import JurisdictionBasis
from streams.contract.events.obligation import NotArmedReason
from streams.contract.events.report import Category, ReporterKind, ReportKind
from streams.deciding.reports.escalation.question import Question
from streams.registry.jurisdiction import RuleOfLawTier

# Allowed lateness. Reports travel from a phone through a platform's queues; five minutes cover all but a few,
# which are still counted. It delays resolutions only, never an opening.
LATENESS_MS = 300_000

CANDIDATE: Final = "candidate"
"""The mode of the episodes of a candidate in shadow, beside those of the rules in force."""

EpisodeMode = Literal["live", "shadow", "candidate"]


class EpisodeKey(NamedTuple):
    """There is at most one episode per key. Steps due at the same time are taken in the order of fields."""

    channel: str
    policy: str
    mode: str


class CausingReport(msgspec.Struct, frozen=True, array_like=True):
    """The report that last raised an episode, reduced to what later events need.

    `received_ms` is when the platform received it (ms since the epoch). `certain` are the codes of the
    countries that are concerned with reasonable certainty. `obligations` are (id, why no clock was armed,
    whether it was among the strictest).
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
    """What the policy counts, stored for an episode that outlives its policy."""

    categories: tuple[Category, ...]
    window_ms: int
    level_name: str


class Open(msgspec.Struct, array_like=True, tag=1):
    """An open episode. `clear_since` is the time (ms) at which it became clear, None while it is not.

    `held` is the index of the most protective tier that the episode has had, without those of unknown places.
    Its gate must not loosen when the reports that called for it leave the window, nor when a country's tier
    changes. `opened` is when it opened (ms). `suspected`: a case about a suspected brigade was published.
    `question` is the last one that a desk was asked about it.
    """

    escalation_id: str
    level: int
    sequence: int
    clear_since: int | None
    first_report_id: str
    cause: CausingReport
    scope: Scope
    # State of earlier versions has none of these.
    held: int = 0
    opened: int = 0
    suspected: bool = False
    question: Question | None = None


class Cooldown(msgspec.Struct, array_like=True, tag=2):
    """The time after a resolution: before `until` (ms) only a level above `last_level` opens an episode."""

    until: int
    last_level: int


Episode = Open | Cooldown


class Timing(NamedTuple):
    """The durations of a policy's episodes, in milliseconds. `pane` is that of the policy's window."""

    pane: int
    min_clear: int
    cooldown: int


def rise(episode: Episode | None, level: int) -> Literal["opened", "updated"] | None:
    """Return what a report does to an episode if `level` (0: none) holds; None if it does nothing."""
    if episode is None:
        return "opened" if level else None
    if level <= level_reached(episode):
        return None
    return "updated" if isinstance(episode, Open) else "opened"


def level_reached(episode: Episode) -> int:
    """Return the level that a further one must exceed: of the open episode, or the last one in a cooldown."""
    return episode.level if isinstance(episode, Open) else episode.last_level


def note_clear(episode: Open, time: int, *, clear: bool) -> None:
    """Record whether the episode is clear at `time`; `clear_since` keeps the beginning of a clear period."""
    if clear != (episode.clear_since is not None):
        episode.clear_since = time if clear else None


def resolution_time(episode: Open, timing: Timing) -> int | None:
    """Return when the episode resolves if it stays clear: when it happens, not when it is noticed."""
    return None if episode.clear_since is None else episode.clear_since + timing.min_clear


def after_resolution(episode: Open, resolved_at: int, timing: Timing) -> Cooldown:
    """Return the cooldown that follows the resolution at `resolved_at` (ms)."""
    return Cooldown(until=resolved_at + timing.cooldown, last_level=episode.level)


def next_change_time(episode: Episode, now: int, timing: Timing) -> int:
    """Return the next time (ms of the partition's time) at which something may happen without a report.

    An open episode that is not clear can become clear only when counts fall, at the next pane boundary. A
    clear one resolves when the watermark reaches its resolution time. A question becomes overdue. A cooldown
    ends at `until`.
    """
    if isinstance(episode, Cooldown):
        return episode.until
    resolves = resolution_time(episode, timing)
    time = (now // timing.pane + 1) * timing.pane if resolves is None else resolves + LATENESS_MS
    overdue = None if episode.question is None else episode.question.next_due
    return time if overdue is None else min(time, overdue)
