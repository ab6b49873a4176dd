"""Judges what `tocsin status` has found: what is wrong, the most urgent first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial

import msgspec

from streams.commands.clocks import time_left
from streams.commands.shared.first_names import first_names
from streams.commands.status.facts import Claims, Facts, SourceLag
from streams.contract.wire.times import HOUR
from streams.running.log.claims import StatePartition

STAGES = ("reports", "requests", "reporters")

# As in the alert TocsinLagging: healthy workers apply a record within a second.
LATE_MS = 60_000
# As in the alert TocsinDeadLetterRatio. Fewer records are a publisher's test.
LETTERS_SHARE = 0.05
LETTERS_LEAST = 100

# As in the alert TocsinFleetMixed: an upgrade of one worker after the other takes less.
MIXED_MS = HOUR

# Of names in a line.
_some = partial(first_names, most=6)


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong, and the page that says what to do, as a path of the repository."""

    what: str
    see: str


def findings(facts: Facts) -> list[Finding]:
    """What is wrong, the most urgent first; empty if the deployment is healthy.

    What follows from another finding is left out: records wait in a partition that nobody owns.
    """
    return [finding for check in _CHECKS for finding in check(facts)]


def working(facts: Facts) -> list[Claims]:
    """Who claims partitions and is in the group."""
    return [each for each in facts.claims or () if each.in_group]


def unowned(facts: Facts) -> list[StatePartition]:
    """The partitions that no member of the group claims."""
    owned = {place for each in working(facts) for place in each.partitions}
    every = (StatePartition(stage, number) for stage in STAGES for number in range(facts.partitions))
    return [place for place in every if place not in owned]


def places_text(places: Iterable[StatePartition]) -> str:
    """Partitions by stage, for a person: `reports 0-3, requests 1`."""
    by_stage: dict[str, list[int]] = defaultdict(list)
    for stage, partition in places:
        by_stage[stage].append(partition)
    return ", ".join(f"{stage} {numbers_text(numbers)}" for stage, numbers in by_stage.items())


def numbers_text(numbers: Iterable[int]) -> str:
    """Numbers, for a person: `0-3 7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return " ".join("-".join(map(str, run)) for run in runs)


def _without_leader(facts: Facts) -> Iterator[Finding]:
    if facts.without_leader:
        named = [f"{topic} partition {number}" for topic, number in facts.without_leader]
        yield _finding(f"without a leader: {_some(named)}", "TocsinDestinationInTrouble")


def _missing_topics(facts: Facts) -> Iterator[Finding]:
    if facts.missing:
        named = _some(facts.missing)
        yield _finding(
            f"missing, or not to be seen by this user: {named}; `tocsin topics create` creates topics",
            "TocsinDestinationInTrouble",
        )


def _no_worker(facts: Facts) -> Iterator[Finding]:
    if not facts.members:
        yield _finding(f"no worker is in the group {facts.group}", "TocsinWorkerDown")


def _without_owner(facts: Facts) -> Iterator[Finding]:
    if facts.members and facts.claims is not None and (places := unowned(facts)):
        yield _finding(f"partitions without an owner: {places_text(places)}", "TocsinWithoutOwner")


def _unreadable(facts: Facts) -> Iterator[Finding]:
    if facts.unreadable:
        yield Finding(_some(facts.unreadable), "docs/operations-emergencies.md")


def _not_ready(facts: Facts) -> Iterator[Finding]:
    if facts.page is not None and facts.page.reason is not None:
        yield _finding(
            f"the worker at {facts.page.address} is not ready: {facts.page.reason}", "TocsinNotReady"
        )


def _set_aside(facts: Facts) -> Iterator[Finding]:
    aside = facts.page.set_aside if facts.page is not None else ()
    failed = [StatePartition(each.stage, each.partition) for each in aside if not each.waits_for]
    if failed:
        yield _finding(f"partitions set aside: {places_text(failed)}", "TocsinPartitionSetAside")
    for each in aside:
        if each.waits_for:
            what = f"{each.stage} {each.partition} waits for a destination: {each.waits_for}"
            yield _finding(what, "TocsinDestinationInTrouble")


def _open_transactions(facts: Facts) -> Iterator[Finding]:
    late = [each for each in facts.lags if _is_late(facts, each.open_ms)]
    if late:
        yield _finding(
            f"a transaction has been open for {_longest(facts, [each.open_ms for each in late])} in "
            f"{_some(_source_names(late))}",
            "TocsinStuck",
        )


def _lagging(facts: Facts) -> Iterator[Finding]:
    nobodys = set(unowned(facts)) if facts.members and facts.claims is not None else set()
    late = [
        each
        for each in facts.lags
        if _is_late(facts, each.oldest_ms) and each.place not in nobodys and facts.members
    ]
    if late:
        waiting = sum(each.waiting for each in late)
        yield _finding(
            f"{waiting:,} {'record waits' if waiting == 1 else 'records wait'}, the oldest for "
            f"{_longest(facts, [each.oldest_ms for each in late])}, in {_some(_source_names(late))}",
            "TocsinLagging",
        )


def _resting(facts: Facts) -> Iterator[Finding]:
    for stage, partition, topic, why in facts.page.resting if facts.page is not None else ():
        yield _finding(f"{topic} rests in {stage} {partition}: {why}", "TocsinSourceResting")


def _clocks_lapsed(facts: Facts) -> Iterator[Finding]:
    number = facts.clocks.lapsed_lately if facts.clocks is not None else 0
    if number:
        noun = "legal clock has" if number == 1 else "legal clocks have"
        yield _finding(f"{number:,} {noun} lapsed in the last hour without an outcome", "TocsinClockLapsed")


def _clocks_nearly_due(facts: Facts) -> Iterator[Finding]:
    if facts.clocks is not None and (number := facts.clocks.nearly_due):
        first = next((each for each in facts.clocks.first if each.nearly_due), None)
        when = "" if first is None else f", the first in {time_left(first.left_ms)}"
        noun = "legal clock is" if number == 1 else "legal clocks are"
        yield _finding(f"{number:,} {noun} nearly due{when}", "TocsinClockNearlyDue")


def _fleet_mixed(facts: Facts) -> Iterator[Finding]:
    said = {(each.version, each.rules_id) for each in working(facts)}
    # Younger, it is a restart or an upgrade of one worker after the other.
    if len(said) > 1 and facts.now_ms - max(each.said_ms for each in working(facts)) > MIXED_MS:
        named = [f"{version} with rules {rules or 'unknown'}" for version, rules in sorted(said)]
        yield _finding(
            f"workers differ, and none was replaced for an hour: {_some(named)}", "TocsinFleetMixed"
        )


def _silent(facts: Facts) -> Iterator[Finding]:
    if facts.silent:
        yield _finding(
            f"no record for half an hour, unlike a day before: {_some(facts.silent)}", "TocsinNoReports"
        )


def _unread_requests(facts: Facts) -> Iterator[Finding]:
    number = facts.letters.requests if facts.letters is not None else 0
    if number:
        noun = "request of an authority" if number == 1 else "requests of authorities"
        yield _finding(f"{number:,} {noun} could not be read in the last hour", "TocsinUnreadableRequest")


def _newcomers(facts: Facts) -> Iterator[Finding]:
    number = facts.letters.by_reason.get("too_many_new", 0) if facts.letters is not None else 0
    if number:
        noun = "report was" if number == 1 else "reports were"
        yield _finding(
            f"{number:,} {noun} refused in the last hour because of too many newcomers",
            "TocsinNewcomersRefused",
        )


def _dead_letters(facts: Facts) -> Iterator[Finding]:
    if facts.letters is None:
        return
    number = sum(facts.letters.by_reason.values())
    published = max(facts.letters.published, number)
    if published >= LETTERS_LEAST and number > LETTERS_SHARE * published:
        yield _finding(
            f"{number:,} of {published:,} records of the last hour are dead letters", "TocsinDeadLetterRatio"
        )


def _left_open(facts: Facts) -> Iterator[Finding]:
    if facts.left_open:
        yield _finding(
            f"transactions that no worker has ended yet may be open: {_some(facts.left_open)}", "TocsinStuck"
        )


def _differing_topics(facts: Facts) -> Iterator[Finding]:
    if facts.problems:
        named = sorted({problem.topic for problem in facts.problems})
        # Those who run go on; who starts meanwhile refuses.
        yield Finding(
            f"not as in the catalogue, so no worker can start: {_some(named)}; see `tocsin topics check`",
            "docs/operations-emergencies.md",
        )


_CHECKS = (
    _without_leader,
    _missing_topics,
    _no_worker,
    _without_owner,
    _unreadable,
    _not_ready,
    _set_aside,
    _open_transactions,
    _lagging,
    _silent,
    _clocks_lapsed,
    _clocks_nearly_due,
    _unread_requests,
    _resting,
    _newcomers,
    _left_open,
    _fleet_mixed,
    _differing_topics,
    _dead_letters,
)
"""In the order of urgency: what is the cause of others first, and what harms nobody yet last."""


def _finding(what: str, runbook: str) -> Finding:
    return Finding(what, f"docs/runbooks/{runbook}.md")


def _is_late(facts: Facts, since_ms: int | None) -> bool:
    return since_ms is not None and facts.now_ms - since_ms > LATE_MS


def _longest(facts: Facts, since: Iterable[int | None]) -> str:
    return time_left(max(facts.now_ms - each for each in since if each is not None))


def _source_names(lags: Iterable[SourceLag]) -> list[str]:
    by_topic: dict[str, list[int]] = defaultdict(list)
    for each in lags:
        by_topic[each.topic].append(each.partition)
    return [f"{topic} {numbers_text(numbers)}" for topic, numbers in by_topic.items()]
