"""Reads what the stage of reporters keeps of one reporter."""

from typing import NamedTuple

from streams.contract.wire.topics import CHANNEL_STATE, REPORTER_STATE
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.reporters.reporter import Reporter
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.state import restore_reporters, state_key
from streams.deciding.reports.reporter_keys import REPORTER_KEYS, current_key_id
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.clients.kept_state import state_of
from streams.running.worker.settings import Settings


class KeptReporter(NamedTuple):
    """`reporter` is None if nothing is known.

    `now` is the time of the home partition, in ms since the epoch.
    """

    partition: int
    now: int
    reporter: Reporter | None


async def read_reporter(settings: Settings, rules: ReporterStageRules, ref: str) -> KeptReporter:
    """Read the committed state of a reporter; `rules` have the key under which `ref` is hashed.

    Raises UnknownStateVersion or msgspec.DecodeError if it cannot be read.
    """
    record_key = f"{rules.hash_key.reporter_hash(ref):016x}".encode()
    key = state_key(record_key)
    found = await state_of(settings, REPORTER_STATE, record_key, (PARTITION_TIME, key).__contains__)
    state = restore_reporters(found.partition, found.partitions, rules, found.entries.items())
    return KeptReporter(found.partition, state.time.now, state.reporters.find(key))


async def key_in_use(settings: Settings, partition: int) -> str | None:
    """Return the id of the key for reporters that the counts of a partition name; None if they name none.

    Raises UnknownStateVersion or msgspec.DecodeError if it cannot be read.
    """
    topic = settings.topic_prefix + CHANNEL_STATE
    if partition >= await partition_count(settings.connection(), topic):
        return None
    newest: bytes | None = None
    async for record in committed_records(settings.connection(), topic, partition=partition):
        if record.key == REPORTER_KEYS:
            newest = record.value
    return None if newest is None else current_key_id(newest)
