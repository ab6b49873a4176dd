"""Renders a comparison of policies as text and as JSON."""

from collections.abc import Iterator

import orjson

from streams.commands.policy.comparison import levels_compared, only_in, questions_compared
from streams.commands.policy.trial import OpenedEpisode, Trial
from streams.contract.wire.envelope import rfc3339
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table

# As many as fit on a screen below the table; --json lists all.
SHOWN_EPISODES = 10


def comparison_text(in_use: Trial, candidate: Trial, name: str) -> str:
    """The table of levels, then the newest episodes of only one side; `name` is the candidate's file."""
    rows = [
        (row.policy, row.mode, f"{row.level} {row.level_name}", _number(row.in_use), _number(row.candidate))
        for row in levels_compared(in_use, candidate)
    ]
    more, fewer = only_in(candidate, in_use), only_in(in_use, candidate)
    parts = [
        *([] if candidate.first is None else [_verdict(in_use, candidate, len(more), len(fewer))]),
        _summary(candidate),
        text_table(("policy", "mode", "reached level", "in use", "candidate"), rows),
        *_questions(in_use, candidate),
        _only(f"Only with {name}", more),
        _only("Only with the policies in use", fewer),
        f"In use: version {in_use.rules.policy_version}; {name}: version {candidate.rules.policy_version}.",
    ]
    return "\n\n".join(parts)


def comparison_json(in_use: Trial, candidate: Trial) -> Iterator[str]:
    """One object per level, and per policy about which desks would be asked; then one per episode.

    Only episodes in channels that only one side escalates.
    """
    for row in levels_compared(in_use, candidate):
        yield orjson.dumps({"kind": "level", **row._asdict()}).decode()
    for asked in questions_compared(in_use, candidate):
        yield orjson.dumps({"kind": "questions", **asked._asdict()}).decode()
    for side, found in (("candidate", only_in(candidate, in_use)), ("in_use", only_in(in_use, candidate))):
        for episode in found:
            yield orjson.dumps({"kind": "episode", "only": side, "episode": episode}).decode()


def _questions(in_use: Trial, candidate: Trial) -> Iterator[str]:
    """Yield about how many episodes desks would be asked, in all and a day; nothing if nobody would be."""
    rows = questions_compared(in_use, candidate)
    if rows:
        days = max(candidate.days, 1.0)
        yield text_table(
            ("questions to desks", "in use", "a day", "candidate", "a day"),
            [
                (row.policy, *(text for side in row[1:] for text in (_number(side), _a_day(side, days))))
                for row in rows
            ],
        )


def _a_day(number: int | None, days: float) -> str:
    return "-" if number is None else f"{number / days:.1f}"


def _verdict(in_use: Trial, candidate: Trial, more: int, fewer: int) -> str:
    """How many episodes each side opens, and what is new and gone: what most want to know."""
    before, after = len(in_use.episodes), len(candidate.episodes)
    return (
        f"{before:,} -> {after:,} episodes ({after - before:+,}): {more:,} in channels that are not "
        f"escalated today, and {fewer:,} of today's are gone."
    )


def _summary(trial: Trial) -> str:
    if trial.first is None or trial.last is None:
        return "No reports were evaluated; all counts are 0."
    counted = trial.counters
    unreadable = counted.dead_letters.total()
    return (
        f"{counted.applied:,} reports from {minute(rfc3339(trial.first))} to {minute(rfc3339(trial.last))}; "
        f"{counted.duplicates:,} duplicates and {unreadable:,} unreadable records were skipped."
    )


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _only(title: str, episodes: list[OpenedEpisode]) -> str:
    if not episodes:
        return f"{title}: no episodes."
    lines = [
        f"  {minute(episode.opened_at)}  {episode.policy}, reached level {episode.level}, channel "
        f"{episode.channel}\n"
        f"{' ' * 24}{episode.grounds}"
        for episode in episodes[:SHOWN_EPISODES]
    ]
    more = len(episodes) - len(lines)
    head = f"{title}: {len(episodes):,} episode{'s' if len(episodes) > 1 else ''}"
    return "\n".join([f"{head}, the newest {len(lines)}:" if more else f"{head}:", *lines])
