"""Stamps that say anything of reporters, so that a history reaches what takes weeks of outcomes otherwise."""

import random
import zlib
from typing import get_args

from streams.contract.events.internal.passed_report import StampedReport, StoredStamp
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from tests.unit.traffic import Record

_BITS = 512
# Reporters of one kind have targets in common, and link to each other.
_ALIKE = tuple(random.Random(number).getrandbits(_BITS) for number in range(4))
# So few channels prove reporters right that some share them.
_CHANNELS = range(1, 9)


def with_any_stamps(record: Record) -> Record:
    """Return a bundle with other stamps, drawn from its bytes; anything else as it is."""
    if not STAMPED_REPORTS.is_bundle(record):
        return record
    partitions, entries = STAMPED_REPORTS.read(record)
    chance = random.Random(zlib.crc32(record.value or b""))
    changed = [
        StampedReport(entry.report, _any_stamp(chance)) if entry.stamp and chance.random() < 0.7 else entry
        for entry in entries
    ]
    value = STAMPED_REPORTS.record(record.partition, partitions, changed).value
    return record._replace(value=value)


def _any_stamp(chance: random.Random) -> StoredStamp:
    signature = chance.choice(_ALIKE)
    for _ in range(chance.choice((0, 3, 20))):
        signature ^= 1 << chance.randrange(_BITS)
    return StoredStamp(
        reporter_class=chance.choice((*get_args(TrustClass), "low")),
        mean=0.5,
        lower=0.3,
        outcomes=2.0,
        factor=chance.choice((1.0, 1.0, 0.5, 0.0)),
        first_time=chance.random() < 0.3,
        over_limit=chance.random() < 0.05,
        signature=signature.to_bytes(_BITS // 8, "little") if chance.random() < 0.7 else b"",
        needed=chance.choice((5, 10, 40)),
        proof=tuple(chance.sample(_CHANNELS, chance.choice((0, 1, 2, 2, 3, 4)))),
        paused=chance.random() < 0.03,
        watched=chance.random() < 0.2,
        channels=chance.choice((0, 2, 8, 50)),
    )
