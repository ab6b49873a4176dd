"""Checks whether a worker can start from the state."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from aiokafka import TopicPartition

from streams.commands.state.stages import AnyStage
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.clocks.store import CLOCK_RECORD
from streams.deciding.partition.moving import ByRef
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reporters.part import PART
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.state import ReporterState, record_key
from streams.deciding.reporters.tally import category_and_verdict
from streams.deciding.reports.crowd import (
    APPROVALS,
    CHANNEL_ARRIVALS,
    CHANNEL_HISTORY,
    CHANNEL_SIZE,
    LISTED_MESSAGES,
    MESSAGE_CLUSTERS,
    MESSAGE_REPORTERS,
    WATCHED_REPORTS,
)
from streams.deciding.reports.state import CHANNEL_EPISODES, ReportState
from streams.running.clients.kafka_reading import partition_count
from streams.running.errors import RefusedToStart
from streams.running.log.position import Position
from streams.running.log.restore import read_state
from streams.running.worker.settings import Settings

# At most this many problems are listed per partition.
_MAX_PROBLEMS = 5


class PartitionCheck(NamedTuple):
    """What was found in one partition of a stage: problems, and counts.

    `counts`, `episodes`, `clocks`, `duplicates` and `reporters` are numbers of state records; `applied` is
    the number of reports, requests or credits applied, `lag` the number of source offsets not applied yet.
    They are None where a problem prevents counting. `tocsin state check` shows them in this order.
    """

    stage: str
    partition: int
    problems: list[str]
    counts: int | None = None
    episodes: int | None = None
    clocks: int | None = None
    duplicates: int | None = None
    applied: int | None = None
    lag: int | None = None
    reporters: int | None = None


async def check_stage(settings: Settings, stage: AnyStage) -> list[PartitionCheck]:
    """Check every partition of a stage.

    Raises UnknownTopicOrPartitionError when a topic is missing, RefusedToStart when partition counts differ.
    """
    connection = settings.connection()
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    state_topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(connection, sources[0])
    held = await partition_count(connection, state_topic)
    if held != partitions:
        raise RefusedToStart(
            f"{state_topic} has {held} partitions and {sources[0]} {partitions}: they must be equal. Run "
            "`tocsin topics check` for details."
        )
    return [
        await _check_partition(settings, stage, sources, TopicPartition(state_topic, partition), partitions)
        for partition in range(partitions)
    ]


async def _check_partition(
    settings: Settings,
    stage: AnyStage,
    sources: list[str],
    place: TopicPartition,
    partitions: int,
) -> PartitionCheck:
    try:
        restored = await read_state(settings.connection(), place, sources, partitions)
    except RefusedToStart as error:
        return PartitionCheck(stage.name, place.partition, [str(error)])
    except (ValueError, TypeError) as error:
        problem = f"{place.topic} partition {place.partition}: the position cannot be read ({error})"
        return PartitionCheck(stage.name, place.partition, [problem])
    check = check_entries(stage, place, partitions, restored.entries)
    if check.applied is None:
        return check
    return check._replace(lag=await _lag(settings, place.partition, restored.position))


def check_entries(
    stage: AnyStage, place: TopicPartition, partitions: int, entries: Mapping[bytes, bytes]
) -> PartitionCheck:
    """Check the last value of each key in partition `place` of a state topic; does not compute `lag`."""
    where = f"{place.topic} partition {place.partition}"
    try:
        state = stage.restore(place.partition, partitions, entries.items())
    except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
        return PartitionCheck(stage.name, place.partition, [f"{where}: {type(error).__name__}: {error}"])
    problems = [
        f"{where}: {problem}" for problem in (*_unreadable(state, entries), *_gone(stage.rules, state))
    ]
    for key in entries:
        rule = stage.moves.get(key[:1])
        if isinstance(rule, ByRef):
            home = rule.home(key, partitions)
            if home != place.partition:
                problems.append(f"{where}: {_text(rule.ref(key))} belongs to partition {home}")
    if len(problems) > _MAX_PROBLEMS:
        problems = [*problems[:_MAX_PROBLEMS], f"{where}: and {len(problems) - _MAX_PROBLEMS} more"]
    kinds = Counter(key[:1] for key in entries)
    return PartitionCheck(
        stage.name,
        place.partition,
        problems,
        counts=kinds[CHANNEL_COUNTS],
        episodes=kinds[CHANNEL_EPISODES],
        clocks=kinds[CLOCK_RECORD],
        duplicates=kinds[DUPLICATES_SLOT],
        applied=state.time.applied,
        reporters=kinds[REPORTER],
    )


def _unreadable(state: object, entries: Iterable[bytes]) -> Iterator[str]:
    """Yield what is wrong with the records that a worker decodes only when it needs them."""
    finders: dict[bytes, tuple[str, Callable[[bytes], object]]] = {}
    if isinstance(state, ReportState):
        crowd = state.crowd
        finders = {
            CHANNEL_COUNTS: ("counts", state.counts.find),
            MESSAGE_REPORTERS: ("reporters of", crowd.reporters.find),
            MESSAGE_CLUSTERS: ("clusters of", crowd.clusters.find),
            CHANNEL_ARRIVALS: ("arrivals in", crowd.arrivals.find),
            LISTED_MESSAGES: ("messages of", crowd.listed.find),
            WATCHED_REPORTS: ("watched reports in", crowd.watched.find),
            APPROVALS: ("approval of", crowd.approvals.find),
            CHANNEL_SIZE: ("size of", crowd.sizes.find),
            CHANNEL_HISTORY: ("history of", crowd.histories.find),
        }
    elif isinstance(state, ReporterState):
        finders = {REPORTER: ("reporter", state.reporters.find), PART: ("part of", state.parts.find)}
    for key in entries:
        if key[:1] in finders:
            what, find = finders[key[:1]]
            try:
                find(key)
            except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
                # The cause is more specific: UnreadableCounts itself advises to run this command.
                cause = error.__cause__ or error
                name = _text(record_key(key) if key[:1] in (REPORTER, PART) else key[1:])
                yield f"{what} {name} cannot be read ({type(cause).__name__}: {cause})"


def _gone(rules: object, state: object) -> Iterator[str]:
    """Yield the codes under which trust and signs of misuse are kept, and which no category has."""
    if not (isinstance(rules, ReporterStageRules) and isinstance(state, ReporterState)):
        return
    reporters: Counter[int] = Counter()
    for key in state.reporters:
        with suppress(Exception):  # Said by `_unreadable`.
            reporter = state.reporters.find(key)
            if reporter is not None:
                reporters.update(
                    {category_and_verdict(code)[0] for code in (*reporter.sums, *reporter.numbers)}
                )
    gone = ", ".join(
        f"{code} ({number})" for code, number in sorted(reporters.items()) if code not in rules.by_code
    )
    if gone:
        yield (
            f"no category has these codes, under which outcomes of so many reporters are kept: {gone}. Put "
            "their entries back into the file of categories (TOCSIN_CATEGORIES_FILE), or give them the codes "
            "that they had"
        )


def _text(key: bytes) -> str:
    return key.decode(errors="backslashreplace").replace("\0", " ")


async def _lag(settings: Settings, partition: int, position: Position) -> int:
    places = [TopicPartition(topic, partition) for topic in position]
    async with settings.connection().reader() as consumer:
        ends = await consumer.end_offsets(places)
    # A difference of offsets, which counts transaction markers too.
    return sum(max(0, ends[place] - position[place.topic].next_offset) for place in places)
