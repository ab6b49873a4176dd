"""A new worker takes over state that the code before the new layout wrote, and continues from it.

On a real broker, the state, source and internal topics are restored to what they held when the old worker
stopped, with the same offsets and append times. Then the source topics receive the rest of the recording in
the same lumps, because each partition's owner must apply it in the same order.
"""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from confluent_kafka import Producer

from streams.partition.daily_counters import OWN_DAY_COUNTERS
from streams.runtime.position import POSITION_KEY, SourcePosition, decode_position
from tests.fixtures.code_under_test import NO_TICKS, OLD_RECORDS, SOURCES_FILE
from tests.fixtures.comparison import (
    SLASHES_WITH_OWN_DAY,
    as_refused_now,
    check_same,
    check_same_in_any_order,
    check_same_state,
    without_hashes,
)
from tests.fixtures.recorded import RecordedTopics, compacted, load
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import (
    COUNTERS,
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    INTERNAL,
    OUTCOMES,
    REQUESTS,
    REQUESTS_INTERNAL,
    REQUESTS_STATE,
    ROUTING,
    SHADOW,
    SOURCE,
    STATE,
    TOPICS,
    VERIFIED,
    Deployment,
)
from tests.kafka.harness.reader import Row
from tests.kafka.harness.replay import TIME_BYTES, TIME_KEY
from tests.kafka.harness.workers import changed_worker

SOURCES = (SOURCE, OUTCOMES, REQUESTS)
INTERNALS = (INTERNAL, REQUESTS_INTERNAL)
STATES = (STATE, REQUESTS_STATE)


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


@pytest.fixture
def recording():
    return load()


@pytest.fixture
def deployment(kafka, recording, tmp_path):
    # Events name the topics of their sources, so the prefix must be the same.
    operator = Operator(kafka)
    rules = recording.write_rules(tmp_path / "rules")
    settings = {
        "TOCSIN_POLICIES_FILE": rules / "policies.yaml",
        "TOCSIN_SCORING_FILE": rules / "scoring.yaml",
        "TOCSIN_CATEGORIES_FILE": rules / "categories.yaml",
        "TOCSIN_LAW_FOLDER": rules / "law",
        "TOCSIN_SOURCES_FILE": SOURCES_FILE,
    }
    deployment = Deployment(
        kafka,
        recording.prefix,
        tmp_path,
        partitions=recording.partitions,
        settings={name: str(path) for name, path in settings.items()},
    )
    try:
        yield deployment
    finally:
        deployment.end()
        print(deployment.fleet.tails())
        for topic in TOPICS:
            operator.delete(deployment.name(topic))


def test_a_new_worker_takes_over_the_old_state_and_continues(kafka, deployment, recording):
    old = RecordedTopics(recording)
    operator, copier = Operator(kafka), Copier(kafka, recording.prefix)
    partitions = range(recording.partitions)

    def recorded(topic, n, start, end):
        """The recorded records of a partition from the offsets `start` up to the offsets `end`."""
        first, after = (0 if start is None else start[topic][n]), end[topic][n]
        return [row for row in old.rows[deployment.name(topic)][n] if first <= row.offset < after]

    for topic in (*SOURCES, *INTERNALS, *STATES):
        operator.set(deployment.name(topic), "message.timestamp.type", "CreateTime")
        operator.set(deployment.name(topic), "retention.ms", "-1")
    for n in partitions:
        for topic in SOURCES:
            copier.append(recorded(topic, n, None, recording.before))
        for topic in (*INTERNALS, *STATES):
            copier.write_transactions(recorded(topic, n, None, recording.before))
    for topic in (*INTERNALS, *STATES):
        operator.set(deployment.name(topic), "message.timestamp.type", "LogAppendTime")
    loaded = deployment.outputs()
    for topic in (*SOURCES, *INTERNALS, *STATES):
        for n in partitions:
            assert loaded.rows[deployment.name(topic)][n] == recorded(topic, n, None, recording.before)

    worker = deployment.fleet.start(changed_worker(NO_TICKS + OLD_RECORDS))
    deployment.fleet.wait_for(lambda: "owns partitions [" in worker.text, 60, "the takeover")
    for start, end in pairwise([recording.before, *recording.lumps]):
        for topic in SOURCES:
            for n in partitions:
                copier.append(recorded(topic, n, start, end))
        deployment.wait_until_applied(60)
    worker.terminate()
    deployment.fleet.tend()
    assert deployment.fleet.exit_codes == [0]

    new = deployment.outputs()
    for n in partitions:
        for topic in (ENRICHED, ESCALATIONS, SHADOW, ROUTING, DEAD_LETTERS, *INTERNALS):
            found = new.rows[deployment.name(topic)][n]
            if topic in INTERNALS:
                found = [row for row in found if row.offset >= recording.before[topic][n]]
            expected = recorded(topic, n, recording.before, recording.between)
            check = check_same_in_any_order if topic in (DEAD_LETTERS, *INTERNALS) else check_same
            ours, theirs = ([(r.key, r.value, r.headers) for r in rows] for rows in (found, expected))
            if topic == DEAD_LETTERS:
                theirs = [as_refused_now(row) for row in theirs]
            check(f"{topic} {n}", ours, theirs)
        # Counters are published once per batch, and the batches differ here: only the last value is the same.
        counted = recorded(COUNTERS, n, recording.before, recording.between)
        assert counted
        # The old version counted nothing for a day of its own.
        latest = new.latest(deployment.name(COUNTERS), n)
        latest = {key: value for key, value in latest.items() if key.count(b"/") < SLASHES_WITH_OWN_DAY}
        assert latest == compacted((row.key, row.value) for row in counted)
        for topic in STATES:
            kept = new.latest(deployment.name(topic), n)
            kept = {key: value for key, value in kept.items() if key[:1] != OWN_DAY_COUNTERS}
            expected = old.latest(deployment.name(topic), n, recording.between[topic][n])
            positions = [decode_position(view.pop(POSITION_KEY)) for view in (kept, expected)]
            for source in SOURCES:
                here, there = (position.get(deployment.name(source)) for position in positions)
                assert here == there
            if topic == STATE:
                # The recorded state knows nothing of this topic: it is read from its beginning.
                new_source = deployment.name(VERIFIED)
                assert new_source not in positions[1]
                assert positions[0][new_source] == SourcePosition(0, recording.partitions, None)
            for view in (kept, expected):
                # The flood window follows, which also counts records re-keyed in the meantime.
                view[TIME_KEY] = view[TIME_KEY][:TIME_BYTES]
            # The worker moved reporters over to its key, which the recorded one did not have.
            check_same_state(f"{topic} {n}", without_hashes(kept), without_hashes(expected))
