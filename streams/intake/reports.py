"""From the body of a request to events for Kafka: with pseudonyms, without unknown fields, and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from streams.contract.events.report import REPORT_TYPE, MessageReport
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import SPECVERSION
from streams.contract.wire.reading import ReadEvent, too_deep
from streams.deciding.reports.claims import Sources
from streams.intake.mapping import MOST_REPORTS, Unmappable
from streams.intake.refs import with_pseudonyms
from streams.intake.sources import IntakeSource
from streams.running.clients.published_event import Event, published_report

_CLOUDEVENT: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"


class NotReadable(Exception):
    """A body holds no reports at all. The message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A report that can be published, with the refs by which a desk will speak of it."""

    event: Event
    report: MessageReport


@dataclass(frozen=True, slots=True)
class Refused:
    """A report that is not published: which one of the body, and what is wrong.

    `path` is where the mapping looks for the field, empty without one.
    """

    index: int
    field: str
    path: str
    reason: str
    detail: str


@dataclass(slots=True)
class Reading:
    """What became of the reports of a body; `is_other`: it holds none, says the mapping."""

    is_other: bool
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReportReader:
    """Reads the bodies of requests.

    `key` makes pseudonyms; `rights` and `read` are those of the worker's rules.
    """

    key: bytes
    rights: Sources
    read: ReadEvent[MessageReport]

    def reports(self, source: IntakeSource, body: bytes, headers: Mapping[str, str], now_ms: int) -> Reading:
        """Read a body of `source`; header names in lower case.

        Raises NotReadable for what is no JSON, or no list of reports.
        """
        return self._read(source, _documents(source, body, headers), now_ms)

    def of_documents(self, source: IntakeSource, documents: Sequence[Any], now_ms: int) -> Reading:
        """Read reports that `source` was asked for, each by its mapping."""
        assert source.mapping is not None
        wanted: list[Any] = []
        unfit = 0
        for document in documents:
            try:
                wanted += source.mapping.documents(document)
            except ValueError:
                unfit += 1
        reading = self._read(source, [(each, None) for each in wanted], now_ms)
        whole = Refused(0, WHOLE_VALUE, "only_if", "invalid_value", "The document does not fit the mapping.")
        reading.refused += [whole] * unfit
        return reading

    def _read(
        self, source: IntakeSource, documents: Sequence[tuple[Any, str | None]], now_ms: int
    ) -> Reading:
        mapping = source.mapping
        reading = Reading(mapping is not None and not documents)
        for index, (document, said_source) in enumerate(documents):
            try:
                if said_source not in (None, source.ce_source):
                    raise Rejected("not_allowed_here", "ce_source", f"Must be {source.ce_source}.")
                reading.accepted.append(self._accepted(source, document, now_ms))
            except Unmappable as error:
                reading.refused.append(
                    Refused(index, error.field, error.path, "invalid_value", f"The document {error.why}.")
                )
            except Rejected as rejected:
                path = "" if mapping is None else mapping.path_of(rejected.field)
                reading.refused.append(Refused(index, rejected.field, path, rejected.reason, rejected.detail))
        return reading

    def _accepted(self, source: IntakeSource, document: Any, now_ms: int) -> Accepted:
        report = document if source.mapping is None else source.mapping.report(document)
        if not isinstance(report, dict):
            raise Rejected("wrong_type", WHOLE_VALUE, "Must be an object.")
        try:
            value = orjson.dumps(with_pseudonyms(report, self.key, source.tenant))
        except orjson.JSONEncodeError:
            # It loads what is nested four times as deep as it writes.
            raise too_deep() from None
        decoded = self.read(value, (), now_ms)
        # Encoded anew: a field that nobody knows could hold anything, and stops here.
        value = encode(decoded.event)
        return Accepted(
            published_report(self.rights, source.topic, value, source.ce_source, decoded), decoded.event
        )


def _documents(
    source: IntakeSource, body: bytes, headers: Mapping[str, str]
) -> Sequence[tuple[Any, str | None]]:
    """The documents in a body, each with the ce_source that its envelope names, None without one."""
    document = _parsed(body)
    if source.mapping is not None:
        try:
            mapped = source.mapping.documents(document)
        except ValueError as error:
            raise NotReadable(str(error)) from None
        return [(each, None) for each in mapped]
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == _BATCH and not isinstance(document, list):
        raise NotReadable("a batch of CloudEvents must be an array")
    listed = document if isinstance(document, list) else [document]
    if len(listed) > MOST_REPORTS:
        raise NotReadable(f"there are more than {MOST_REPORTS:,} reports in one request")
    if content_type in (_BATCH, _CLOUDEVENT):
        return [_opened(each) for each in listed]
    return [(each, headers.get("ce-source")) for each in listed]


def _opened(event: Any) -> tuple[Any, str | None]:
    """The report in a CloudEvent, and its source. Raises NotReadable for what is none."""
    if not isinstance(event, dict):
        raise NotReadable("a CloudEvent must be an object")
    for name, expected in (("specversion", SPECVERSION.decode()), ("type", REPORT_TYPE)):
        if event.get(name) != expected:
            raise NotReadable(f"{name} of a CloudEvent must be {expected}")
    said = event.get("source")
    if not isinstance(said, str) or not said:
        raise NotReadable("source of a CloudEvent must be a text")
    return event.get("data"), said


def _parsed(body: bytes) -> Any:
    if not body:
        raise NotReadable("the body is empty")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Its message quotes the text.
        raise NotReadable("the body is not JSON, or is nested too deeply") from None
