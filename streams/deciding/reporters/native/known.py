"""What outcomes say of a reporter, for a stamp that the native core writes."""

from collections.abc import Callable

from streams.contract.events.report import Category, ReporterKind
from streams.deciding.reporters.reporter import Known, decode_reporter
from streams.deciding.reporters.rules import ReporterStageRules


def known_by(rules: ReporterStageRules) -> Callable[[ReporterKind, Category, int, bytes], Known | None]:
    """Return what tells the native core of a reporter, given kind, category, day and record.

    The record is what `encode_reporter` has written. The answer is None if a person should look at the
    reporter: then the report is Python's.
    """

    def known_of(kind: ReporterKind, category: Category, day: int, record: bytes) -> Known | None:
        reporter = decode_reporter(record)
        if reporter.find_misuse(rules.trust, day) is not None:
            return None
        return reporter.known(rules.trust, kind, rules.categories[category].code, day)

    return known_of
