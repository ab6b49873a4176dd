"""What `tocsin status` prints: a verdict and tables for people, or one JSON object."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from streams.commands.clocks import time_left
from streams.commands.status.facts import Facts
from streams.commands.status.verdict import STAGES, Finding, numbers_text, unowned, working
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table


def as_text(facts: Facts, found: Sequence[Finding]) -> str:
    """The verdict in the first line, what else is wrong in lines after it, and the tables."""
    return "\n".join([*_verdict(facts, found), *_tables(facts)])


def as_document(facts: Facts, found: Sequence[Finding]) -> dict[str, Any]:
    """The same for --json, with every source of every partition."""
    document: dict[str, Any] = {"healthy": not found}
    document["findings"] = msgspec.to_builtins(found)
    document |= {name: value for name, value in msgspec.to_builtins(facts).items() if name != "lags"}
    # As objects: to_builtins makes lists of named tuples.
    document["problems"] = [problem._asdict() for problem in facts.problems]
    document["claims"] = (
        None
        if facts.claims is None
        else [
            {**msgspec.to_builtins(each), "partitions": [place._asdict() for place in each.partitions]}
            for each in facts.claims
        ]
    )
    document["without_owner"] = (
        [place._asdict() for place in unowned(facts)] if facts.claims is not None else None
    )
    document["sources"] = [{**msgspec.to_builtins(each), "waiting": each.waiting} for each in facts.lags]
    return document


def _verdict(facts: Facts, found: Sequence[Finding]) -> Iterator[str]:
    if not found:
        workers = "1 worker" if facts.members == 1 else f"{facts.members} workers"
        yield f"healthy: {workers}, every partition has an owner, nothing waits for longer than a minute"
    for number, finding in enumerate(found):
        yield f"{'also' if number else 'not healthy'}: {finding.what} ({finding.see})"


def _tables(facts: Facts) -> Iterator[str]:
    yield ""
    if facts.claims is None:
        yield "who owns what is unknown: the topic of claims cannot be read"
    elif facts.claims:
        rows = [
            (
                each.transactional_id,
                each.version,
                each.rules_id or "unknown",
                "in the group" if each.in_group else "gone",
                *(
                    numbers_text(place.partition for place in each.partitions if place.stage == stage)
                    for stage in STAGES
                ),
            )
            for each in facts.claims
        ]
        yield text_table(("worker", "version", "rules", "", *STAGES), rows)
        yield _agreement(facts)
    else:
        yield "no worker claims a partition"
    if (spare := facts.members - sum(each.in_group for each in facts.claims or ())) > 0 and facts.claims:
        yield f"{spare} more in the group without a claim"
    yield from _sources(facts)
    yield from _clocks(facts)
    yield from _letters(facts)
    for problem in facts.problems:
        yield f"{problem}"
    if facts.page is not None and not facts.page.answers:
        yield f"no worker answers at {facts.page.address}; all of this is from Kafka"


def _agreement(facts: Facts) -> str:
    if len({(each.version, each.rules_id) for each in working(facts)}) <= 1:
        return "all workers have the same version and rules"
    return "workers differ in version or rules: a rolling restart is under way, or was left half done"


def _clocks(facts: Facts) -> Iterator[str]:
    yield ""
    clocks = facts.clocks
    if clocks is None:
        yield "legal clocks are unknown: a topic with state is missing or has no leader"
    elif clocks.by_status is None:
        yield (
            f"legal clocks are not looked at, as the state has {clocks.records:,} records: "
            "`tocsin clocks --due-within PT1H` does it"
        )
    elif not clocks.by_status:
        yield "no legal clock is open"
    else:
        if clocks.first:
            rows = [
                (each.duty, each.of, each.status, minute(each.due_at), time_left(each.left_ms))
                for each in clocks.first
            ]
            yield text_table(("first deadlines", "started by", "status", "due", "left"), rows)
        yield "legal clocks: " + ", ".join(f"{number:,} {name}" for name, number in clocks.by_status.items())
    if clocks is not None and clocks.unreadable:
        yield f"{clocks.unreadable:,} more cannot be read: `tocsin state check` gives details"


def _sources(facts: Facts) -> Iterator[str]:
    rows = [
        (
            each.stage,
            each.topic,
            str(each.partition),
            f"{each.waiting:,}",
            "-" if each.oldest_ms is None else time_left(max(0, facts.now_ms - each.oldest_ms)),
            "-" if each.open_ms is None else time_left(max(0, facts.now_ms - each.open_ms)),
        )
        for each in facts.lags
        if each.waiting
    ]
    yield ""
    if rows:
        yield text_table(("stage", "topic", "partition", "waiting", "oldest", "open transaction"), rows)
    if others := len(facts.lags) - len(rows):
        noun = "partition" if others == 1 else "partitions"
        yield f"nothing waits in {others:,}{' more' if rows else ''} {noun} of source topics"


def _letters(facts: Facts) -> Iterator[str]:
    yield ""
    if facts.letters is None:
        yield "dead letters are unknown: their topic has no leader, or this user may not read it"
    elif facts.letters.by_reason:
        rows = [(reason, f"{number:,}") for reason, number in facts.letters.by_reason.items()]
        yield text_table(("dead letters of the last hour", "number"), rows)
    else:
        yield "no dead letters in the last hour"
