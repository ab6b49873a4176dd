"""Publishes that a detector, a list or a part of it is held, so that a person looks."""

from typing import Any, Final, NamedTuple

from streams.contract.events.integrity_case import (
    DetectorCase,
    DetectorCaseKind,
    ExampleReport,
    HeldClassifier,
)
from streams.contract.events.internal.passed_report import CheckedReport
from streams.contract.events.report import ListMatch
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.checked_report import rest_of
from streams.contract.wire.forms.integrity_case import encode_integrity_case
from streams.contract.wire.ids import stable_id
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.state import record_key
from streams.deciding.reporters.watch import Change, WhyHeld

_KINDS: Final[dict[WhyHeld, DetectorCaseKind]] = {
    "volume": "detector_volume",
    "dismissals": "detector_dismissals",
}
_EFFECT: Final = "Until that is over, or somebody ends it, its findings are counted and add no risk."


class _Named(NamedTuple):
    text: str
    match: ListMatch | None
    classifier: HeldClassifier | None


def publish_held(
    batch: ReporterBatch, source_key: bytes, part: int, report: CheckedReport[Any], change: Change
) -> None:
    """Publish that the source of a report, or a part of it, is held from now on.

    `source_key` is the state key of the whole, `part` the hash of the part.
    """
    now = batch.state.time.now
    assert change.why is not None
    named = _named(report, change.place)
    if change.why == "volume":
        found = f"{change.findings} findings within an hour, and at most {change.band} are usual"
    else:
        found = "its findings are dismissed more often than they were"
    key = record_key(source_key)
    case_id = stable_id(
        "detector-case",
        key.decode(),
        str(change.place),
        report.channel_ref,
        report.report_id,
        report.ce_source,
    )
    case = DetectorCase(
        case_id=case_id,
        kind=_KINDS[change.why],
        at=rfc3339(now),
        sentence=f"{named.text}: {found}. {_EFFECT}",
        examples=(ExampleReport(report.report_id, report.ce_source),),
        match=named.match,
        classifier=named.classifier,
        findings=change.findings,
        usual_at_most=change.band,
        part=f"{part:016x}",
    )
    batch.outputs.append(encode_integrity_case(key, case, now))


def _named(report: CheckedReport[Any], index: int) -> _Named:
    """Return the names of the source of a report, down to the part at `index` (0: the whole)."""
    rest = rest_of(report)
    match, classifier = rest.match, rest.classifier
    if match is not None:
        names = [("entry", match.signal), ("version", match.version)]
        kept = [(kind, name) for kind, name in names if name is not None][:index]
        part = dict(kept)
        text = " ".join(["List", match.list, *(f"{kind} {name}" for kind, name in kept)])
        return _Named(text, ListMatch(match.list, part.get("entry"), part.get("version")), None)
    if classifier is None or (rest.reporter_ref is not None and not index):
        return _Named("A detector", None, None)
    # With a ref the whole is the detector, otherwise the classifier is.
    whole = index < (1 if rest.reporter_ref is None else 2)
    version = None if whole else classifier.version
    text = f"Classifier {classifier.name}" if whole else f"Classifier {classifier.name} version {version}"
    return _Named(text, None, HeldClassifier(classifier.name, version))
