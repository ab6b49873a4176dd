"""The reporters of a partition, and how long they are remembered."""

from typing import Final

from streams.contract.wire.times import DAY
from streams.counting.record_store import RecordStore
from streams.deciding.partition.stores import MakeRecordStore
from streams.deciding.reporters.reporter import Reporter, decode_reporter, encode_reporter

# Without an outcome nothing of a reporter matters any more after this time: the signature holds two weeks, a
# target is open for one, and activity is counted for one. So forgetting changes no stamp.
QUIET_DAYS: Final = 22

# Four periods of 90 days: the newest outcome then counts for a sixteenth. It must be longer than an outcome
# can be superseded (180 days, counting/attribution.py) and its credit wait in a topic (14 days): what a
# credit takes back must still be there.
SILENT_DAYS: Final = 360

# Few reporters report twice within a batch, so objects are kept for what a batch has changed and no longer:
# each takes some ten times the memory of its bytes.
_GENERATION: Final = 1


ReporterStore = RecordStore[Reporter]
"""Reporters by state key."""


def reporter_store(records: MakeRecordStore = RecordStore) -> ReporterStore:
    """Return an empty store."""
    return records(encode_reporter, decode_reporter, _GENERATION)


def keep(store: ReporterStore, key: bytes, reporter: Reporter, now_ms: int) -> None:
    """Store a reporter, found or new, who reported or was credited at `now_ms`, the partition's time."""
    # Where credits are to follow is needed as long as there may be credits.
    days = SILENT_DAYS if reporter.sums or reporter.moved_to else QUIET_DAYS
    until = (now_ms // DAY + days) * DAY
    if reporter.standing is not None:
        until = max(until, reporter.standing.needed_until())
    store.put(key, reporter, until)


def turn_back(store: ReporterStore, now_ms: int) -> None:
    """Bring every reporter back to `now_ms`, to which time was set back. Decodes each, some 3 us."""
    for key in sorted(store):
        reporter = store.find(key)
        assert reporter is not None
        if reporter.turn_back(now_ms):
            keep(store, key, reporter, now_ms)
