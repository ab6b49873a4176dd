"""Reads the state of one channel and measures it with the functions that workers use."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR
from streams.contract.wire.topics import CHANNEL_STATE
from streams.counting.categories import shares_of
from streams.counting.confirmation import proven_voices
from streams.counting.coordination.clusters import voices_millionths
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.counting.measures import MILLION
from streams.counting.sums import WindowCounts
from streams.counting.windows import WindowSpec, window_spec
from streams.deciding.clocks.clock import clock_view
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.reports.escalation.episodes import LATENESS_MS, Episode, Open, resolution_time
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.state import CHANNEL_EPISODES, ReportState, restore_reports
from streams.running.clients.kept_state import state_of
from streams.running.worker.settings import Settings

# Of the fields of a window's counts, those that are a pane's alone.
_OF_A_PANE = ("start", "kept", "weight", "tier")

# Windows shown for every category, in addition to those of its policies.
_SHOWN = (window_spec(HOUR, "PT1H"), window_spec(DAY, "PT24H"), window_spec(7 * DAY, "P7D"))


class ChannelState(NamedTuple):
    """The state of a channel: windows by category, episodes by policy and mode, clocks.

    `partition` is the channel's home partition, `now` that partition's time (ms since the epoch).
    """

    channel: str
    partition: int
    now: int
    windows: list[tuple[str, str, WindowCounts]]
    episodes: list[tuple[str, str, Episode]]
    clocks: list[ClockView]


async def read_channel(settings: Settings, rules: ReportRules, channel: str) -> ChannelState:
    """Read the committed state of a channel. Raises UnknownStateVersion if another version wrote it."""
    key = channel.encode()
    whole = (PARTITION_TIME, CHANNEL_EPISODES + key)
    begun = (CHANNEL_COUNTS + key + b"\0", CLOCK_RECORD + key + b"\0")
    found = await state_of(settings, CHANNEL_STATE, key, lambda name: name in whole or name.startswith(begun))
    state = restore_reports(found.partition, found.partitions, rules, found.entries.items())
    return ChannelState(
        channel,
        found.partition,
        state.time.now,
        list(_windows(state, rules, key)),
        [(*names, episode) for names, episode in sorted(state.episodes.get(channel, {}).items())],
        [
            clock_view(kept.clock, name.clock_id, kept.obligation, state.time.now)
            for name, kept in sorted(state.clocks)
        ],
    )


def _windows(state: ReportState, rules: ReportRules, key: bytes) -> Iterator[tuple[str, str, WindowCounts]]:
    for category, plan in rules.plans.items():
        by_length: dict[tuple[int, int], WindowSpec] = {}
        for spec in sorted((*_SHOWN, *plan.windows)):
            by_length.setdefault(spec[:2], spec)
        for spec in by_length.values():
            for part in shares_of(state.counts, key, (category,), spec, state.time.now):
                yield category, spec.text, part.counts


def as_document(found: ChannelState, rules: ReportRules) -> dict[str, Any]:
    """The channel's state as JSON; times are RFC 3339, risk is in units, not millionths."""
    return {
        "channel": found.channel,
        "partition": found.partition,
        "now": rfc3339(found.now),
        "windows": [
            {"category": category, "window": window}
            | {
                name: value
                for name, value in msgspec.structs.asdict(measures).items()
                if name not in _OF_A_PANE
            }
            | {
                "risk_millionths": measures.risk,
                "risk": measures.risk / MILLION,
                "stamped": measures.stamped.stamped,
                "voices": voices_millionths(measures.stamped.sums) / MILLION,
                "proven_voices": proven_voices(measures.stamped.proven),
            }
            for category, window, measures in found.windows
        ],
        "episodes": [
            {"policy": policy, "mode": mode} | _episode(episode, rules, policy, mode)
            for policy, mode, episode in found.episodes
        ],
        "clocks": msgspec.to_builtins(found.clocks),
    }


def _episode(episode: Episode, rules: ReportRules, policy: str, mode: str) -> dict[str, Any]:
    if not isinstance(episode, Open):
        return {"status": "cooldown", "last_level": episode.last_level, "until": rfc3339(episode.until)}
    compiled = rules.policies.get((policy, mode))
    resolves = None if compiled is None else resolution_time(episode, compiled.timing)
    return {
        "status": "open",
        "escalation_id": episode.escalation_id,
        "level": episode.level,
        "sequence": episode.sequence,
        "first_report_id": episode.first_report_id,
        "last_report_id": episode.cause.report_id,
        "clear_since": None if episode.clear_since is None else rfc3339(episode.clear_since),
        # The episode resolves when the partition's time reaches this, if the channel stays clear.
        "resolves_at": None if resolves is None else rfc3339(resolves + LATENESS_MS),
    }
