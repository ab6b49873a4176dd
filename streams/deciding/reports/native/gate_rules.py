"""What the native core is told of the rules to read reports as `read_report` and `check_claims` do."""

from collections.abc import Iterable, Sequence
from typing import Final, get_args

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
from streams.contract.wire.topics import REPORT_SOURCES, ReportSource, without_prefix
from streams.deciding.partition.native.handed_over import HandedOver, Secret
from streams.deciding.reports.rules import ReportRules

_KINDS: Final[Sequence[str]] = get_args(ReportKind)


class Vocabulary(HandedOver, frozen=True):
    """The words that a report may have, by what they say. `ages` are of accounts, `bases` of evidence.

    `elements` and `declarations` are of notices. `countries` are codes of two capital letters.
    """

    kinds: Sequence[str]
    categories: Sequence[str]
    visibilities: Sequence[str]
    reporters: Sequence[str]
    ages: Sequence[str]
    bases: Sequence[str]
    elements: Sequence[str]
    declarations: Sequence[str]
    countries: Sequence[str]


class Source(HandedOver, frozen=True):
    """What the reports of a topic may claim (SourceRights). `topic` is its name without a prefix.

    `ce_sources` are the publishers who may write there; null if that is not limited.
    """

    topic: str
    kinds: Sequence[str]
    reporters: Sequence[str]
    ce_sources: Sequence[str] | None


class GateRules(HandedOver, frozen=True):
    """The document for the gate.

    `event_type` is what `ce_type` has to be, and `max_ahead_ms` how far the times of a report may be ahead of
    its append time. Refs of reporters are hashed under `hash_key`, and under `earlier_hash_key` too if there
    is one.
    """

    vocabulary: Vocabulary
    event_type: str
    max_ahead_ms: int
    sources: Sequence[Source]
    hash_key: Secret
    earlier_hash_key: Secret | None


def gate_rules(rules: ReportRules) -> GateRules:
    """Return the document of these rules."""
    keys = rules.hash_keys
    return GateRules(
        vocabulary=vocabulary(rules.registry.categories),
        event_type=FORM.type.decode(),
        max_ahead_ms=MAX_AHEAD_MS,
        sources=[_source(rules, topic) for topic in REPORT_SOURCES],
        hash_key=Secret(base64=keys.current.secret),
        earlier_hash_key=None if keys.previous is None else Secret(base64=keys.previous.secret),
    )


def vocabulary(categories: Iterable[Category]) -> Vocabulary:
    """Return the words that a report may have where there are these categories."""
    return Vocabulary(
        kinds=_KINDS,
        categories=list(categories),
        visibilities=get_args(Visibility),
        reporters=REPORTER_KINDS,
        ages=get_args(AccountAge),
        bases=get_args(EvidenceBasis),
        elements=get_args(NoticeElement),
        declarations=get_args(NoticeDeclaration),
        countries=sorted(COUNTRIES),
    )


def source_of(topic: str) -> str | None:
    """Return the name that a record's topic has in the document; None if its records are read otherwise."""
    name = without_prefix(topic)
    return name if name in REPORT_SOURCES else None


def _source(rules: ReportRules, topic: ReportSource) -> Source:
    rights = rules.registry.sources[topic]
    return Source(
        topic=topic,
        kinds=[kind for kind in _KINDS if kind in rights.kinds],
        reporters=[kind for kind in REPORTER_KINDS if kind in rights.reporters],
        ce_sources=None if rights.ce_sources is None else sorted(rights.ce_sources),
    )
