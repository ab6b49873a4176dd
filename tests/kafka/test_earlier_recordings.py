"""A new worker takes over state that an earlier version wrote, in each mode, and continues from it.

On a real broker, the state, source and internal topics are restored to what they held when the old worker
stopped, with the same offsets and append times. Then the source topics receive the rest of the recording in
the same lumps. What a worker with the stage of reporters wrote then is compared byte for byte. One without it
counted reports that now go through that stage first, in another order: of these, which reports count and how
far each escalation rises.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
import pytest
from confluent_kafka import Producer

from streams.deciding.partition.duplicates import SLOT_HEAD, SLOT_VERSIONS
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.running.log.position import POSITION_KEY, SourcePosition, decode_position
from tests.fixtures.code_under_test import NO_TICKS, OLD_RECORDS, SOURCES_FILE, WORKERS_KEYS
from tests.fixtures.comparison import Comparison
from tests.fixtures.differences import LATE_CROWD, VERSION_0_2
from tests.fixtures.passed_reports import entry_by_entry
from tests.fixtures.recorded import (
    RecordedTopics,
    Recording,
    compacted,
    load_earlier_layout,
    load_version_0_2,
)
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import (
    COUNTERS,
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    INTEGRITY,
    NOTICES,
    REPORTERS_STATE,
    ROUTING,
    SHADOW,
    STAGES,
    STATE,
    VERIFIED,
    Deployment,
)
from tests.kafka.harness.reader import Row
from tests.kafka.harness.replay import TIME_BYTES, TIME_KEY
from tests.kafka.harness.workers import changed_worker

KEY = WORKERS_KEYS.current

# Where the record of a partition's time has that number of 8 bytes, after a version and two others.
NEWEST_APPEND = 17

# Topics whose partitions have a single writer, and topics that several owners write to.
OWN = (ENRICHED, ESCALATIONS, SHADOW, ROUTING)
SHARED = (DEAD_LETTERS, NOTICES, INTEGRITY)


class Past(NamedTuple):
    """What an earlier version wrote, and how it is compared if it had the stage of reporters.

    Escalations (policy and channel) that rise less far than without that stage are `lower`, those that rise
    further `higher`.
    """

    recording: Recording
    comparison: Comparison | None = None
    lower: frozenset[tuple[str, str]] = frozenset()
    higher: frozenset[tuple[str, str]] = frozenset()


class Copier:
    """Writes recorded records with their original offsets and append times."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        base = {"bootstrap.servers": bootstrap, "log_level": 0, "message.max.bytes": 20_000_000}
        self._plain = Producer({**base, "enable.idempotence": True})
        self._transactional = Producer({**base, "transactional.id": f"{prefix}copier"})
        self._transactional.init_transactions(30)

    def append(self, rows: Sequence[Row]) -> None:
        """Append records of a log without gaps."""
        for row in rows:
            self._produce(self._plain, row)
        assert self._plain.flush(30) == 0

    def write_transactions(self, rows: Sequence[Row]) -> None:
        """Write a log that transactions wrote. Each gap in the offsets is a transaction marker."""
        begun = False
        for n, row in enumerate(rows):
            if not begun:
                self._transactional.begin_transaction()
                begun = True
            self._produce(self._transactional, row)
            gap = 1 if n + 1 == len(rows) else rows[n + 1].offset - row.offset - 1
            assert gap < 2, f"{row.topic} {row.partition}: more than one marker after offset {row.offset}"
            if gap:
                self._transactional.commit_transaction(30)
                begun = False

    def _produce(self, producer: Producer, row: Row) -> None:
        producer.produce(
            row.topic,
            row.value,
            row.key,
            row.partition,
            timestamp=row.timestamp,
            headers=list(row.headers),
        )


PASTS: Mapping[str, Callable[[], Past]] = {
    # The worker moves reporters over to its key, which the recorded one did not have.
    "earlier layout": lambda: Past(load_earlier_layout()),
    # A brigade, which stays at internal review; and a crowd whose reports come an hour late, which are judged in
    # their own windows now (tests/fixtures/differences.py).
    "0.2 without reporters": lambda: Past(
        load_version_0_2("off"),
        lower=frozenset({("fraud", "crowd-14")}),
        higher=frozenset({("spam-flood", LATE_CROWD.decode())}),
    ),
    "0.2 with reporters": lambda: Past(load_version_0_2("on"), VERSION_0_2["on"]),
}


@pytest.fixture(params=list(PASTS))
def past(request):
    return PASTS[request.param]()


@pytest.fixture
def deployment(kafka, past, tmp_path):
    # Events name the topics of their sources, so the prefix must be the same.
    recording = past.recording
    rules = recording.write_rules(tmp_path / "rules")
    own_sources = rules / "sources.yaml"
    files = {
        "TOCSIN_POLICIES_FILE": rules / "policies.yaml",
        "TOCSIN_SCORING_FILE": rules / "scoring.yaml",
        "TOCSIN_CATEGORIES_FILE": rules / "categories.yaml",
        "TOCSIN_LAW_FOLDER": rules / "law",
        "TOCSIN_PLATFORM_FILE": rules / "law" / "platform.yaml",
        "TOCSIN_SOURCES_FILE": own_sources if own_sources.exists() else SOURCES_FILE,
    }
    deployment = Deployment(
        kafka,
        recording.prefix,
        tmp_path,
        partitions=recording.partitions,
        # What is changed in a worker to write what 0.2 wrote is Python's.
        settings={"TOCSIN_CORE": "python", **{name: str(path) for name, path in files.items()}},
    )
    try:
        yield deployment
    finally:
        deployment.end()
        print(deployment.fleet.tails())


def test_a_new_worker_takes_over_the_old_state_and_continues(kafka, deployment, past):
    recording, comparison, lower, higher = past
    old = RecordedTopics(recording)
    operator, copier = Operator(kafka), Copier(kafka, recording.prefix)
    partitions = range(recording.partitions)
    sources = list(recording.lumps[0])
    states, _, internals = zip(*STAGES, strict=True)

    def recorded(topic, n, start, end):
        """The recorded records of a partition from the offsets `start` up to the offsets `end`."""
        if topic not in end:
            return []
        first, after = (0 if start is None else start[topic][n]), end[topic][n]
        return [row for row in old.rows[deployment.name(topic)][n] if first <= row.offset < after]

    for topic in (*sources, *internals, *states):
        operator.set(deployment.name(topic), "message.timestamp.type", "CreateTime")
        operator.set(deployment.name(topic), "retention.ms", "-1")
    for n in partitions:
        for topic in sources:
            copier.append(recorded(topic, n, None, recording.before))
        for topic in (*internals, *states):
            copier.write_transactions(recorded(topic, n, None, recording.before))
    for topic in (*internals, *states):
        operator.set(deployment.name(topic), "message.timestamp.type", "LogAppendTime")
    loaded = deployment.outputs()
    for topic in (*sources, *internals, *states):
        for n in partitions:
            assert loaded.rows[deployment.name(topic)][n] == recorded(topic, n, None, recording.before)

    worker = deployment.fleet.start(changed_worker(NO_TICKS + OLD_RECORDS))
    deployment.fleet.wait_for(lambda: "owns partitions [" in worker.text, 60, "the takeover")
    for start, end in pairwise([recording.before, *recording.lumps]):
        for topic in sources:
            for n in partitions:
                copier.append(recorded(topic, n, start, end))
        deployment.wait_until_applied(60)
    worker.terminate()
    deployment.fleet.tend()
    assert deployment.fleet.exit_codes == [0]

    new = deployment.outputs()

    def sides(topic, n):
        """The records that this worker wrote to a partition, and those that the recorded one did."""
        found = new.rows[deployment.name(topic)][n]
        if topic in internals:
            found = [row for row in found if row.offset >= recording.before[topic][n]]
        return found, recorded(topic, n, recording.before, recording.between)

    if comparison is None:
        assert sum(len(sides(ENRICHED, n)[0]) for n in partitions) > 80
        for n in partitions:
            enriched, then = (Counter(map(report_id, rows)) for rows in sides(ENRICHED, n))
            assert enriched == then
            escalated, then = (levels(rows) for rows in sides(ESCALATIONS, n))
            assert {each for each in then if each not in escalated or escalated[each] < then[each]} <= lower
            assert {each for each in escalated if escalated[each] > then.get(each, 0)} <= higher
    else:
        compare_bytes(comparison, sides, internals, partitions)
    for n in partitions:
        # Then there may have been no stage of reporters.
        for topic in [state for state in states if old.latest(deployment.name(state), n)]:
            kept = new.latest(deployment.name(topic), n)
            expected = old.latest(deployment.name(topic), n, recording.between[topic][n])
            positions = [decode_position(view.pop(POSITION_KEY)) for view in (kept, expected)]
            for source in sources:
                here, there = (position.get(deployment.name(source)) for position in positions)
                assert here == there
            new_source = deployment.name(VERIFIED)
            if topic == STATE and VERIFIED not in sources:
                # The recorded state knows nothing of this topic: it is read from its beginning.
                assert new_source not in positions[1]
                assert positions[0][new_source] == SourcePosition(0, recording.partitions, None)
            if comparison is None:
                continue
            for view in (kept, expected):
                # The dead letter breaker follows, which also counts records re-keyed in the meantime.
                view[TIME_KEY] = view[TIME_KEY][:TIME_BYTES]
                if topic == REPORTERS_STATE:
                    # Credits have come to count as if they had been appended when it was decided.
                    view[TIME_KEY] = view[TIME_KEY][:NEWEST_APPEND] + view[TIME_KEY][NEWEST_APPEND + 8 :]
            # They are in other slots.
            assert take_ids(kept) == take_ids(expected)
            comparison.check_state(f"{topic} {n}", kept, expected)


def compare_bytes(comparison, sides, internals, partitions):
    """Compare what was written to the output and internal topics, record by record."""
    for n in partitions:
        for topic in (*OWN, *SHARED, *internals):
            found, then = map(written, sides(topic, n))
            if topic in internals:
                # Then each report was a record; now they travel in bundles.
                found, then = (entry_by_entry(topic, rows, KEY) for rows in (found, then))
            comparison.check(topic, n, found, then, in_order=topic in OWN)
        # Counters are published once per batch, and the batches differ here: only the last value is the same.
        views = comparison.sides(COUNTERS, *map(written, sides(COUNTERS, n)))
        found, then = (compacted((key, value) for key, value, _ in rows) for rows in views)
        assert found == then
        assert then


def take_ids(view):
    """Take the hashes of applied ids out of a state; slots of 0.2 have no times before them."""
    slots = [view.pop(key) for key in sorted(view) if key[:1] == DUPLICATES_SLOT]
    heads = [SLOT_HEAD if slot[0] == SLOT_VERSIONS[-1][0] else 1 for slot in slots]
    return sorted(
        slot[at : at + 8] for slot, head in zip(slots, heads, strict=True) for at in range(head, len(slot), 8)
    )


def report_id(row):
    return orjson.loads(row.value)["report"]["report_id"]


def levels(rows):
    """The highest level of each policy in each channel."""
    reached = defaultdict(int)
    for row in rows:
        event = orjson.loads(row.value)
        place = event["policy"], event["channel_ref"]
        reached[place] = max(reached[place], event["level"])
    return reached


def written(rows: Sequence[Row]) -> list[Any]:
    """What was written, without its place."""
    return [(row.key, row.value, row.headers) for row in rows]
