"""What outcomes say of a reporter, for a stamp that the native core writes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from streams.contract.events.report import Category, ReporterKind
from streams.deciding.reporters.reporter import decode_reporter
from streams.deciding.reporters.rules import ReporterStageRules

_encode = msgspec.msgpack.Encoder().encode


class Known(NamedTuple):
    """Parts of a stamp: `trust` are its first four elements and `proof` its tags of channels, as msgpack."""

    trust_class: str
    trust: bytes
    factor: float
    first_time: bool
    vouched: bool
    proof: bytes


def known_by(rules: ReporterStageRules) -> Callable[[ReporterKind, Category, int, bytes], Known | None]:
    """Return what tells the native core of a reporter, given kind, category, day and record.

    The record is what `encode_reporter` has written. The answer is None if a person should look at the
    reporter: then the report is Python's.
    """

    def known_of(kind: ReporterKind, category: Category, day: int, record: bytes) -> Known | None:
        reporter = decode_reporter(record)
        if reporter.find_misuse(rules.trust, day) is not None:
            return None
        known = reporter.known(rules.trust, kind, rules.categories[category].code, day)
        trust: Any = known.trust
        # Without the head of the array.
        encoded = _encode((trust.trust_class, trust.mean, trust.lower, trust.outcomes))[1:]
        return Known(
            trust.trust_class, encoded, trust.factor, known.first_time, trust.vouched, _encode(known.proof)
        )

    return known_of
