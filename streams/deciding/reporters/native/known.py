"""What outcomes say of a reporter, for a stamp that the native core writes."""

from collections.abc import Callable, Sequence

from streams.contract.events.report import Category, ReporterKind
from streams.contract.wire.times import DAY
from streams.deciding.reporters.part import decode_part
from streams.deciding.reporters.reporter import Known, decode_reporter
from streams.deciding.reporters.rules import ReporterStageRules

Knows = Callable[[ReporterKind, Category, int, bytes, Sequence[bytes]], Known | None]


def known_by(rules: ReporterStageRules) -> Knows:
    """Return what tells the native core of a reporter, given kind, category, day, record, and those of parts.

    Records are what `encode_reporter` and `encode_part` have written. Parts are those of a detector, from
    broad to narrow, that found the message: then trust is that of the narrowest, and `vouched` that of the
    whole. The answer is None if a person should look at the reporter: then the report is Python's.
    """

    def known_of(
        kind: ReporterKind, category: Category, day: int, record: bytes, parts: Sequence[bytes]
    ) -> Known | None:
        reporter = decode_reporter(record)
        if reporter.find_misuse(rules.trust, day) is not None:
            return None
        code = rules.categories[category].code
        known = reporter.known(rules.trust, kind, code, day)
        whole = trust = known.trust
        for part in map(decode_part, parts):
            trust = part.trust(rules.trust, trust, day * DAY, code)
        factor = trust.factor if whole.factor else 0.0
        return known._replace(trust=trust._replace(factor=factor, vouched=whole.vouched))

    return known_of
