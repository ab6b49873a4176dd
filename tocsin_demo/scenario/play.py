"""Combines storylines, background, duplicates and garbage into records, in the order of publication."""

import heapq
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Literal, NamedTuple

import orjson

from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.wire.times import HOUR
from streams.contract.wire.topics import AUTHORITY_REQUESTS, MESSAGE_REPORTS, MODERATION_OUTCOMES
from streams.registry.sources import load_sources
from streams.running.clients.published_event import Headers, published_event, published_report
from tocsin_demo.scenario.authorities import INTAKE, authority_requests
from tocsin_demo.scenario.background import background
from tocsin_demo.scenario.bad_records import REASONS, spoil
from tocsin_demo.scenario.crowds import CROWDS_SPAN_MS, Planned, PlannedOutcome, crowds
from tocsin_demo.scenario.returning import brigade_history
from tocsin_demo.scenario.storylines import DEMO_STORYLINES, STORYLINES
from tocsin_demo.scenario.world import SOURCES, PlannedReport, World

SPAN_MS = 6 * HOUR

# The storylines and one record of each kind of garbage need about 1,000 records. The rest is background to
# hide them.
MINIMUM_COUNT = 2_000

# One report in 200 is sent twice: publishers repeat, seconds later, what was not confirmed in time.
_REPORTS_PER_DUPLICATE = 200
_RESEND_MS = (1_000, 30_000)

# One unreadable record of each reason per this many records.
_RECORDS_PER_ROUND_OF_GARBAGE = 25_000

# Made-up traffic follows the shipped file, whatever the deployment allows: the same seed gives the same
# records.
_sources = cache(load_sources)

# The ce_source of outcomes.
_DESK = "/platform/desk"

Fate = Literal["report", "duplicate", "garbage", "request", "outcome"]


class ScenarioRecord(NamedTuple):
    """A record for one of the source topics (without prefix). `fate` is how Tocsin should treat it.

    `storyline` is the storyline of a report or outcome, or the description of a request.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    storyline: str
    fate: Fate


def play(
    seed: int, count: int, end_ms: int, storylines: Iterable[str] = DEMO_STORYLINES
) -> Iterator[ScenarioRecord]:
    """Exactly `count` records (at least 2,000) from the six hours before `end_ms` (ms since the epoch).

    They mix the storylines with background, duplicates and garbage. The same arguments give the same bytes.
    Only garbage has times after `end_ms`. Raises ValueError if `count` is too small.
    """
    if count < MINIMUM_COUNT:
        raise ValueError(f"a scenario has at least {MINIMUM_COUNT} records, not {count}")
    world = World(seed)
    stories = _stories(world, storylines, end_ms - SPAN_MS)
    duplicates = count // _REPORTS_PER_DUPLICATE
    garbage = len(REASONS) * max(1, count // _RECORDS_PER_ROUND_OF_GARBAGE)
    noise = background(world, count - len(stories) - duplicates - garbage, end_ms - SPAN_MS, end_ms)
    reports = heapq.merge(stories, noise, key=_published_at)
    resent = _with_duplicates(
        world.randomness("duplicates"), reports, count - duplicates - garbage, duplicates
    )
    yield from _with_garbage(world, resent, count - garbage, garbage, end_ms)


def play_alone(seed: int, end_ms: int, storylines: Iterable[str]) -> Iterator[ScenarioRecord]:
    """Only the reports of these storylines, the same ones as in `play`."""
    yield from map(_encoded, _stories(World(seed), storylines, end_ms - SPAN_MS))


def play_requests(seed: int, end_ms: int) -> Iterator[ScenarioRecord]:
    """The records for `authority-requests` from the six hours before `end_ms` (ms since the epoch)."""
    for request in authority_requests(World(seed), end_ms - SPAN_MS):
        event = published_event(AUTHORITY_REQUESTS, orjson.dumps(request.payload), INTAKE, end_ms)
        yield ScenarioRecord(*event, request.description, "request")


def play_crowds(seed: int, end_ms: int) -> Iterator[ScenarioRecord]:
    """Reports and outcomes of the ten days before `end_ms` (ms since the epoch), by time of publication.

    They are brigades, vigilant communities and a genuine wave among other reports, all of fraud.
    """
    yield from _with_outcomes(crowds(World(seed), end_ms - CROWDS_SPAN_MS), end_ms)


def play_history(seed: int, end_ms: int) -> Iterator[ScenarioRecord]:
    """Reports and outcomes of the days before the six hours that end at `end_ms`, by time of publication.

    With the stage of reporters, they are why the returning brigade counts as few.
    """
    yield from _with_outcomes(brigade_history(World(seed), end_ms - SPAN_MS), end_ms)


def _with_outcomes(planned: Iterable[Planned], now_ms: int) -> Iterator[ScenarioRecord]:
    for each in sorted(planned, key=_published_at):
        if isinstance(each, PlannedOutcome):
            event = published_event(MODERATION_OUTCOMES, orjson.dumps(each.payload), _DESK, now_ms)
            yield ScenarioRecord(*event, each.storyline, "outcome")
        else:
            yield _encoded(each)


def _stories(world: World, storylines: Iterable[str], start_ms: int) -> list[PlannedReport]:
    planned = (report for name in storylines for report in STORYLINES[name].plan(world, start_ms))
    return sorted(planned, key=_published_at)


def _published_at(planned: Planned) -> int:
    return planned.published_at


def _with_duplicates(
    random: Random, reports: Iterator[PlannedReport], count: int, duplicates: int
) -> Iterator[ScenarioRecord]:
    chosen = set(random.sample(range(count), duplicates))
    waiting: list[tuple[int, int, ScenarioRecord]] = []
    for number, planned in enumerate(reports):
        while waiting and waiting[0][0] <= planned.published_at:
            yield heapq.heappop(waiting)[2]
        record = _encoded(planned)
        yield record
        if number in chosen:
            due = planned.published_at + random.randrange(*_RESEND_MS)
            heapq.heappush(waiting, (due, number, record._replace(fate="duplicate")))
    yield from (heapq.heappop(waiting)[2] for _ in range(len(waiting)))


def _encoded(planned: PlannedReport) -> ScenarioRecord:
    source = SOURCES[planned.payload["kind"]]
    value = orjson.dumps(planned.payload)
    decoded = decode_report(value, (), planned.published_at)
    event = published_report(_sources(), None, value, source, decoded)
    return ScenarioRecord(*event, planned.storyline, "report")


def _with_garbage(
    world: World, records: Iterator[ScenarioRecord], count: int, garbage: int, end_ms: int
) -> Iterator[ScenarioRecord]:
    # Another seed makes channels and people that appear nowhere else.
    models = background(World(world.seed + 1), garbage, end_ms - HOUR, end_ms)
    interval = count // garbage
    for number, model in enumerate(models):
        good = _encoded(model)
        value, headers = spoil(REASONS[number % len(REASONS)], model.payload, good.headers, end_ms)
        # All of it by the report button: elsewhere a claim that is not allowed there would be valid.
        yield good._replace(
            topic=MESSAGE_REPORTS, value=value, headers=headers, fate="garbage", storyline="garbage"
        )
        yield from islice(records, interval)
    yield from records
