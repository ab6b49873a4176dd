"""What the native core is told of the rules to read reports as `read_report` and `check_claims` do."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from streams.contract.events.countries import COUNTRIES
from streams.contract.events.report import (
    REPORTER_KINDS,
    AccountAge,
    Category,
    EvidenceBasis,
    NoticeDeclaration,
    NoticeElement,
    ReportKind,
    Visibility,
)
from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import MAX_AHEAD_MS
from streams.contract.wire.topics import REPORT_SOURCES, without_prefix
from streams.deciding.reports.rules import ReportRules

_KINDS: Final[Sequence[str]] = get_args(ReportKind)


def reading_rules(rules: ReportRules) -> dict[str, Any]:
    """Return them by the names that native/src/intake.rs knows."""
    keys = rules.hash_keys
    return {
        "vocabulary": vocabulary(rules.registry.categories),
        "event_type": FORM.type,
        "max_ahead_ms": MAX_AHEAD_MS,
        "sources": [_rights(rules, number) for number in range(len(REPORT_SOURCES))],
        "source_of": _source_of,
        "hash_key": keys.current.secret,
        "earlier_hash_key": None if keys.previous is None else keys.previous.secret,
    }


def vocabulary(categories: Iterable[Category]) -> dict[str, Sequence[str]]:
    """Return the words that a report may have, by the fields of native/src/vocabulary.rs."""
    return {
        "kinds": _KINDS,
        "categories": list(categories),
        "visibilities": get_args(Visibility),
        "reporters": REPORTER_KINDS,
        "ages": get_args(AccountAge),
        "bases": get_args(EvidenceBasis),
        "elements": get_args(NoticeElement),
        "declarations": get_args(NoticeDeclaration),
        "countries": sorted(COUNTRIES),
    }


def _source_of(topic: str) -> int | None:
    """Return the place in REPORT_SOURCES of the topic of a record; None if its records are read otherwise."""
    name = without_prefix(topic)
    return REPORT_SOURCES.index(name) if name in REPORT_SOURCES else None


def _rights(rules: ReportRules, number: int) -> tuple[list[bool], list[bool], set[str] | None]:
    rights = rules.registry.sources[REPORT_SOURCES[number]]
    kinds = [kind in rights.kinds for kind in _KINDS]
    reporters = [kind in rights.reporters for kind in REPORTER_KINDS]
    return kinds, reporters, None if rights.ce_sources is None else set(rights.ce_sources)
