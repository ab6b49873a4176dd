"""Renders a back-test as text and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from streams.commands.backtest.comparison import (
    BudgetUse,
    budgets_compared,
    cases_compared,
    clocks_compared,
    levels_compared,
    only_in,
    other_levels,
    questions_compared,
    why_not,
)
from streams.commands.backtest.findings import Findings, Judged, OpenedEpisode
from streams.commands.backtest.verdicts import Share, Verdict, decided, shares_of
from streams.contract.wire.envelope import rfc3339
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table
from streams.registry.rules import Rules

# As many as fit on a screen below the tables; the JSON lists all.
SHOWN_EPISODES = 10


class Comparison(NamedTuple):
    """Two sets of rules and what each made of the same reports; `name` is what the user calls the candidate.

    `verdicts` are those of desks by channel, None if none were read. `notes` say what the numbers leave out.
    """

    in_use: Judged
    candidate: Judged
    name: str
    verdicts: Mapping[str, Sequence[Verdict]] | None = None
    notes: Sequence[str] = ()


def comparison_text(compared: Comparison) -> str:
    """What most want to know, then tables, then the newest episodes that differ."""
    in_use, candidate, name, _, notes = compared
    rows = [
        (row.policy, row.mode, f"{row.level} {row.level_name}", _number(row.in_use), _number(row.candidate))
        for row in levels_compared(in_use, candidate)
    ]
    more, fewer = only_in(candidate, in_use), only_in(in_use, candidate)
    found = candidate.findings
    parts = [
        *([] if found.first is None else [_verdict(in_use, candidate, len(more), len(fewer))]),
        "\n".join([_summary(found), *notes]),
        text_table(("policy", "mode", "reached level", "in use", "candidate"), rows),
        *_questions(in_use, candidate),
        *_cases(in_use, candidate),
        *_budgets(in_use, candidate),
        *_decisions(compared, more, fewer),
        *_clocks(in_use, candidate),
        _only(f"Only with {name}", more, "in use", in_use.rules),
        _only("Only with the policies in use", fewer, "candidate", candidate.rules),
        *_other_levels(compared),
        f"In use: version {in_use.rules.policy_version}; {name}: version {candidate.rules.policy_version}.",
    ]
    return "\n\n".join(parts)


def comparison_json(compared: Comparison) -> Iterator[str]:
    """An object about the reports; then one per row of the tables, and per channel that differs."""
    in_use, candidate = compared.in_use, compared.candidate
    tables: Mapping[str, Sequence[NamedTuple]] = {
        "level": levels_compared(in_use, candidate),
        "questions": questions_compared(in_use, candidate),
        "cases": cases_compared(in_use, candidate),
        "clocks": clocks_compared(in_use, candidate),
    }
    found = candidate.findings
    yield _line(
        {
            "kind": "reports",
            "applied": found.counters.applied,
            "first": None if found.first is None else rfc3339(found.first),
            "last": None if found.last is None else rfc3339(found.last),
            "notes": compared.notes,
        }
    )
    for kind, rows in tables.items():
        for row in rows:
            yield _line({"kind": kind, **row._asdict()})
    sides = (("candidate", candidate, in_use), ("in_use", in_use, candidate))
    for row in budgets_compared(in_use, candidate):
        yield _line(
            {
                "kind": "budget",
                "policy": row.policy,
                "in_use": None if row.in_use is None else row.in_use._asdict(),
                "candidate": None if row.candidate is None else row.candidate._asdict(),
            }
        )
    for side, judged, other in sides:
        alone = only_in(judged, other)
        for policy, share in _shares(compared, judged, alone).items():
            yield _line(
                {
                    "kind": "decisions",
                    "only": side,
                    "policy": policy,
                    **share._asdict(),
                    "interval": share.interval,
                }
            )
        for episode in alone:
            more = {}
            if compared.verdicts is not None:
                verdicts = compared.verdicts.get(episode.channel, ())
                more["decided"] = decided(episode, judged.policies[episode.policy], verdicts)
            yield _line(
                {
                    "kind": "episode",
                    "only": side,
                    "episode": episode,
                    "why_not": why_not(episode, other.rules),
                    **more,
                }
            )
    for level in other_levels(in_use, candidate):
        lower = in_use if level.in_use < level.candidate else candidate
        yield _line({"kind": "other_level", **level._asdict(), "why_not": why_not(level.higher, lower.rules)})


def _line(document: Mapping[str, object]) -> str:
    return orjson.dumps(document).decode()


def _questions(in_use: Judged, candidate: Judged) -> Iterator[str]:
    """Yield about how many episodes desks would be asked, in all and a day; nothing if nobody would be."""
    rows = questions_compared(in_use, candidate)
    if rows:
        yield _daily(("questions to desks",), [(row[:1], row[1:]) for row in rows], candidate.findings)


def _cases(in_use: Judged, candidate: Judged) -> Iterator[str]:
    rows = cases_compared(in_use, candidate)
    if rows:
        yield _daily(("live cases that need",), [(row[:1], row[1:]) for row in rows], candidate.findings)


def _budgets(in_use: Judged, candidate: Judged) -> Iterator[str]:
    """Yield how the cases of an hour stand beside budgets; nothing if no policy has one."""
    rows = budgets_compared(in_use, candidate)
    if rows:
        columns = ("an hour", "busiest hour", "beyond")
        yield text_table(
            ("budget of", *(f"{side}: {column}" for side in ("in use", "candidate") for column in columns)),
            [(row.policy, *_used(row.in_use), *_used(row.candidate)) for row in rows],
        )


def _used(use: BudgetUse | None) -> tuple[str, ...]:
    return tuple(map(_number, use or (None, None, None)))


def _daily(
    header: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], tuple[int | None, ...]]],
    findings: Findings,
) -> str:
    days = max(findings.days, 1.0)
    return text_table(
        (*header, "in use", "a day", "candidate", "a day"),
        [
            (*names, *(text for side in numbers for text in (_number(side), _a_day(side, days))))
            for names, numbers in rows
        ],
    )


def _decisions(
    compared: Comparison, more: Sequence[OpenedEpisode], fewer: Sequence[OpenedEpisode]
) -> Iterator[str]:
    rows = [
        (title, policy, *map(_number, share), _interval(share))
        for title, judged, found in (("new", compared.candidate, more), ("gone", compared.in_use, fewer))
        for policy, share in _shares(compared, judged, found).items()
    ]
    if rows:
        yield text_table(
            ("episodes", "policy", "upheld by desks", "dismissed", "undecided", "share upheld, 95 %"), rows
        )


def _shares(compared: Comparison, judged: Judged, episodes: Sequence[OpenedEpisode]) -> Mapping[str, Share]:
    if compared.verdicts is None:
        return {}
    return shares_of(episodes, judged.policies, compared.verdicts)


def _interval(share: Share) -> str:
    interval = share.interval
    return "-" if interval is None else f"{interval[0]:.0%} to {interval[1]:.0%}"


def _clocks(in_use: Judged, candidate: Judged) -> Iterator[str]:
    rows = clocks_compared(in_use, candidate)
    if rows:
        yield text_table(
            ("legal clocks that differ", "step", "in use", "candidate"),
            [(row.duty, row.step, _number(row.in_use), _number(row.candidate)) for row in rows],
        )


def _a_day(number: int | None, days: float) -> str:
    return "-" if number is None else f"{number / days:.1f}"


def _verdict(in_use: Judged, candidate: Judged, more: int, fewer: int) -> str:
    """How many episodes each side opens, and what is new and gone: what most want to know."""
    before, after = len(in_use.findings.episodes), len(candidate.findings.episodes)
    return (
        f"{before:,} -> {after:,} episodes ({after - before:+,}): {more:,} in channels that are not "
        f"escalated today, and {fewer:,} of today's are gone."
    )


def _summary(findings: Findings) -> str:
    if findings.first is None or findings.last is None:
        return "No reports were evaluated; all counts are 0."
    counted = findings.counters
    unreadable = counted.dead_letters.total()
    return (
        f"{counted.applied:,} reports from {minute(rfc3339(findings.first))} to "
        f"{minute(rfc3339(findings.last))}; {counted.duplicates:,} duplicates and {unreadable:,} unreadable "
        "records were skipped."
    )


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _only(title: str, episodes: Sequence[OpenedEpisode], other: str, rules: Rules) -> str:
    if not episodes:
        return f"{title}: no episodes."
    lines = [
        f"  {minute(episode.opened_at)}  {episode.policy}, reached level {episode.level}, channel "
        f"{episode.channel}\n"
        f"{_INDENT}{episode.grounds}\n"
        f"{_INDENT}{other}: {why_not(episode, rules)}"
        for episode in episodes[:SHOWN_EPISODES]
    ]
    more = len(episodes) - len(lines)
    head = f"{title}: {len(episodes):,} episode{'s' if len(episodes) > 1 else ''}"
    return "\n".join([f"{head}, the newest {len(lines)}:" if more else f"{head}:", *lines])


def _other_levels(compared: Comparison) -> Iterator[str]:
    found = other_levels(compared.in_use, compared.candidate)
    if not found:
        return
    lines = []
    for each in found[:SHOWN_EPISODES]:
        side = "in use" if each.in_use < each.candidate else "candidate"
        lower = compared.in_use if each.in_use < each.candidate else compared.candidate
        episode = each.higher
        lines.append(
            f"  {minute(episode.opened_at)}  {episode.policy}, level {each.in_use} -> {each.candidate}, "
            f"channel {episode.channel}\n"
            f"{_INDENT}{side}: {why_not(episode, lower.rules)}"
        )
    shown = f", the newest {len(lines)}" if len(found) > len(lines) else ""
    yield "\n".join([f"Another level: {len(found):,} channel{'s' if len(found) > 1 else ''}{shown}:", *lines])


_INDENT = " " * 24
