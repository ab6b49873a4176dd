"""Finds the reporter of a record that is not a report."""

from streams.contract.wire.records import SourceRecord
from streams.deciding.partition.rekey import require_home
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.reporter import Reporter
from streams.deciding.reporters.state import state_key


def reporter_of(
    batch: ReporterBatch, record: SourceRecord, record_key: bytes | None = None
) -> tuple[bytes, Reporter]:
    """Return the state key and the reporter of a record, a new one if nothing is known.

    `record_key` is who it is about, if that is not the record's own key.

    Raises NotAtHome if the partition is not the reporter's home: the number of partitions was changed.
    """
    state = batch.state
    record_key = record_key or record.key or b""
    key = state_key(record_key)
    reporter = state.reporters.find(key)
    if reporter is None:
        # Those who are known here are at home.
        require_home(state, record, state.homes.of_key(record_key))
        reporter = Reporter()
    return key, reporter
