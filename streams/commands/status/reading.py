"""Finds the facts for `tocsin status`: from Kafka as a subscriber, with the rights of the role operator."""

from collections import Counter
from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAuthorizationFailedError

from streams.commands.dead_letters.letter import letter_of
from streams.commands.status.clocks import legal_clocks
from streams.commands.status.facts import (
    LETTERS_SINCE_MS,
    Claims,
    DeadLetters,
    Facts,
    SourceLag,
)
from streams.commands.status.own_worker import own_worker
from streams.contract.wire.times import DAY, MINUTE
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_STATE,
    CHANNEL_STATE,
    CLAIMS,
    DEAD_LETTERS,
    MESSAGE_REPORTS,
    REPORT_SOURCES,
    REPORTER_STATE,
    SourceTopics,
)
from streams.deciding.reporters.stage import SOURCES as REPORTER_SOURCES
from streams.deciding.reports.stage import SOURCES as REPORTS_STAGE_SOURCES
from streams.deciding.requests.stage import SOURCES as REQUEST_SOURCES
from streams.running.clients.kafka_reading import committed_records, partition_reader
from streams.running.clients.kept_positions import kept_positions
from streams.running.identity import consumer_group
from streams.running.log.claims import ClaimsLog
from streams.running.log.position import UnknownPositionVersion, decode_position
from streams.running.topics.group_members import members
from streams.running.topics.topic_admin import all_led, ask, check_topics, led_partitions
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.topics.topic_problems import Problem
from streams.running.worker.settings import Settings

# Not from the stages themselves: they need the rules, which a deployment's operator may not have at hand.
_STAGES: Mapping[str, tuple[str, SourceTopics]] = {
    "reports": (CHANNEL_STATE, REPORTS_STAGE_SOURCES),
    "requests": (AUTHORITY_STATE, REQUEST_SOURCES),
    "reporters": (REPORTER_STATE, REPORTER_SOURCES),
}

# As in the alert TocsinNoReports: nothing in half an hour in which there were more than so many a day before.
_SILENT_MS = 30 * MINUTE
_USUAL_LEAST = 100

# Whether each partition has a leader, by topic (with prefix) and number.
_Led = Mapping[str, Mapping[int, bool]]


async def read_facts(settings: Settings, now_ms: int) -> Facts:
    """Find the facts at `now_ms` (ms since the epoch).

    Raises KafkaError if no broker answers or a right is missing, RefusedToStart if settings of topics cannot
    be read.
    """
    prefix, group = settings.topic_prefix, consumer_group(settings.topic_prefix)
    problems, led = await ask(settings.connection(), lambda admin: _topics(settings, admin))
    left_open: tuple[str, ...] = ()
    said = ClaimsLog()
    claims: tuple[Claims, ...] | None = None
    # Before who is in the group: who joins between the two questions has claimed nothing yet.
    claims_known = all_led(led, prefix + CLAIMS)
    if claims_known:
        async for record in committed_records(settings.connection(), prefix + CLAIMS):
            said.add(record.key, record.value)
        left_open = tuple(sorted(said.left_open()))
    alive = await _members(settings, group)
    if claims_known:
        claims = _claims(said, alive, prefix)
    lags, unreadable = await _lags(settings, led)
    missing = tuple(name for name in map(prefix.__add__, load_catalogue()) if name not in led)
    return Facts(
        now_ms=now_ms,
        group=group,
        missing=missing,
        problems=tuple(problem for problem in problems if problem.topic not in missing),
        without_leader=tuple(
            (topic, number) for topic, parts in led.items() for number, leads in parts.items() if not leads
        ),
        partitions=len(led.get(prefix + MESSAGE_REPORTS, ())),
        members=len(alive),
        claims=claims,
        left_open=left_open,
        lags=lags,
        unreadable=unreadable,
        letters=await _letters(settings, led, now_ms - LETTERS_SINCE_MS),
        clocks=await legal_clocks(settings, led, now_ms),
        silent=await _silent(settings, led, now_ms),
        page=await own_worker(settings),
    )


async def _topics(settings: Settings, admin: AIOKafkaAdminClient) -> tuple[list[Problem], _Led]:
    catalogue, prefix = load_catalogue(), settings.topic_prefix
    problems = await check_topics(
        admin, catalogue, prefix, settings.replication_factor, settings.min_insync_replicas
    )
    return problems, await led_partitions(admin, catalogue, prefix)


async def _members(settings: Settings, group: str) -> Collection[str]:
    try:
        return await members(settings.connection(), group)
    except GroupCoordinatorNotAvailableError:
        # These brokers have never had a consumer group.
        return ()


def _claims(said: ClaimsLog, alive: Collection[str], prefix: str) -> tuple[Claims, ...]:
    claimed, standing = said.claims(), said.standing()
    return tuple(
        Claims(
            claimant.removeprefix(prefix),
            facts.terms.version if facts is not None else "unknown",
            facts is not None and facts.member in alive,
            tuple(sorted(claimed.get(claimant, ()))),
            facts.terms.rules_id if facts is not None and facts.terms.rules else "",
            facts.terms.rules if facts is not None else {},
            facts.time_ns // 1_000_000 if facts is not None else 0,
        )
        for claimant, facts in ((each, standing.get(each)) for each in sorted({*claimed, *standing}))
    )


async def _lags(settings: Settings, led: _Led) -> tuple[tuple[SourceLag, ...], tuple[str, ...]]:
    prefix, connection = settings.topic_prefix, settings.connection()
    next_of: dict[tuple[str, TopicPartition], int] = {}
    unreadable = []
    for stage, (state, sources) in _STAGES.items():
        with_leader = [number for number, leads in led.get(prefix + state, {}).items() if leads]
        encoded = await kept_positions(connection, prefix + state, with_leader) if with_leader else {}
        for number in with_leader:
            try:
                position = decode_position(encoded[number]) if number in encoded else {}
            except UnknownPositionVersion as error:
                unreadable.append(f"{prefix}{state} partition {number}: {error}")
                continue
            for topic in (prefix + name for name in sources):
                if led.get(topic, {}).get(number):
                    # 0: nothing is applied yet. The log may begin later.
                    next_of[stage, TopicPartition(topic, number)] = (
                        position[topic].next_offset if topic in position else 0
                    )
    if not next_of:
        return (), tuple(unreadable)
    places = [place for _, place in next_of]
    async with partition_reader(connection, places) as committed:
        begins = await committed.beginning_offsets(places)
        stable = await committed.end_offsets(places)
        starts = {place: max(begins[place], next_of[stage, place]) for stage, place in next_of}
        oldest = await _first_times(committed, starts, stable)
    async with partition_reader(connection, places, "read_uncommitted") as consumer:
        ends = await consumer.end_offsets(places)
        # At the last stable offset stands the first record of the oldest transaction that is open.
        opened = await _first_times(consumer, stable, ends)
    lags = (
        SourceLag(
            stage,
            place.topic.removeprefix(prefix),
            place.partition,
            starts[place],
            ends[place],
            oldest.get(place),
            opened.get(place),
        )
        for stage, place in next_of
    )
    return tuple(lags), tuple(unreadable)


async def _first_times(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The append times of the first records from `starts` on; without those that have none before `ends`."""
    left = [place for place in starts if starts[place] < ends[place]]
    for place in left:
        consumer.seek(place, starts[place])
    found: dict[TopicPartition, int] = {}
    while left:
        for place, records in (await consumer.getmany(*left, timeout_ms=200)).items():
            if records and records[0].offset < ends[place]:
                found[place] = records[0].timestamp
        left = [each for each in left if each not in found and await consumer.position(each) < ends[each]]
    return found


async def _letters(settings: Settings, led: _Led, since_ms: int) -> DeadLetters | None:
    prefix, connection = settings.topic_prefix, settings.connection()
    if not all_led(led, prefix + DEAD_LETTERS):
        return None
    by_reason: Counter[str] = Counter()
    requests = 0
    try:
        async for record in committed_records(connection, prefix + DEAD_LETTERS, since_ms=since_ms):
            letter = letter_of(record)
            by_reason[letter.reason] += 1
            requests += letter.source_topic == prefix + AUTHORITY_REQUESTS
    except TopicAuthorizationFailedError:
        # A worker's user, as which many commands are run, may only write there.
        return None
    places = [
        TopicPartition(prefix + name, number)
        for _, sources in _STAGES.values()
        for name in sources.external
        for number, leads in led.get(prefix + name, {}).items()
        if leads
    ]
    published = 0
    if places:
        async with partition_reader(connection, places) as consumer:
            ends = await consumer.end_offsets(places)
            begun = await consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            published = sum(ends[each] - at.offset for each, at in begun.items() if at is not None)
    return DeadLetters(dict(by_reason.most_common()), requests, published)


async def _silent(settings: Settings, led: _Led, now_ms: int) -> tuple[str, ...]:
    names = [name for name in REPORT_SOURCES if all_led(led, settings.topic_prefix + name)]
    places = [
        TopicPartition(settings.topic_prefix + name, number)
        for name in names
        for number in led[settings.topic_prefix + name]
    ]
    if not places:
        return ()
    before = now_ms - DAY
    async with partition_reader(settings.connection(), places) as consumer:
        ends = await consumer.end_offsets(places)
        at = {
            time_ms: await consumer.offsets_for_times(dict.fromkeys(places, time_ms))
            for time_ms in (before - _SILENT_MS, before, now_ms - _SILENT_MS)
        }

    def since(name: str, time_ms: int) -> int:
        """How many offsets were written since then."""
        found = at[time_ms]
        return sum(
            ends[place] - offset.offset
            for place in places
            if place.topic == settings.topic_prefix + name and (offset := found[place]) is not None
        )

    return tuple(
        name
        for name in names
        if not since(name, now_ms - _SILENT_MS)
        and since(name, before - _SILENT_MS) - since(name, before) > _USUAL_LEAST
    )
