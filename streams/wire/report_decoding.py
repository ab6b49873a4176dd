"""Reads a report from the bytes and headers of a record of `message-reports` or `verified-reports`."""

import msgspec

from streams.events.report import (
    REPORT_TYPE,
    AccountAge,
    Category,
    EvidenceBasis,
    MessageReport,
    NoticeElement,
    ReporterKind,
    ReportKind,
    Visibility,
)
from streams.wire.dead_letter import WHOLE_VALUE
from streams.wire.personal_data import RefPaths, looks_like_phone
from streams.wire.reading import EventForm, event_reader
from streams.wire.refs import all_in_alphabet, is_language, is_ref
from streams.wire.rejection import not_valid
from streams.wire.valid_values import (
    COUNTRY,
    LANGUAGE,
    OBJECT,
    PROBABILITY,
    PSEUDONYM,
    REF,
    TIME,
    ValidValues,
    one_of,
    or_null,
)

VALID_IN_REPORT: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "report_id": REF,
    "kind": one_of(ReportKind),
    "occurred_at": TIME,
    "received_at": or_null(TIME),
    "channel": "an object with ref and visibility",
    "channel.ref": PSEUDONYM,
    "channel.visibility": one_of(Visibility),
    "channel.country": or_null(COUNTRY),
    "channel.language": or_null(LANGUAGE),
    "message_ref": or_null(PSEUDONYM),
    "category": one_of(Category),
    "reporter": "null or an object with kind",
    "reporter.kind": one_of(ReporterKind),
    "reporter.ref": or_null(PSEUDONYM),
    "reporter.country": or_null(COUNTRY),
    "reporter.member": "null, true or false",
    "reporter.account_age": or_null(one_of(AccountAge)),
    "classifier": "null or an object with name, version and score",
    "classifier.name": REF,
    "classifier.version": REF,
    "classifier.score": PROBABILITY,
    "evidence": "an array of at most 32 objects",
    "evidence[]": "an object with country, basis and confidence",
    "evidence[].country": COUNTRY,
    "evidence[].basis": one_of(EvidenceBasis),
    "evidence[].confidence": PROBABILITY,
    "notice": "null or an object with elements",
    "notice.elements": "an array of at most 16 strings",
    "notice.elements[]": one_of(NoticeElement),
}

# The characters of the ref alphabet that a telephone number can consist of.
_PHONE_CHARACTERS = "0123456789-.telTEL:"


def _check_refs(report: MessageReport) -> None:
    """Raise Rejected for a malformed ref, a ref that reads as a telephone number, or a malformed language tag.

    For speed, one regular expression checks all refs joined; only if it fails is the wrong ref looked for.
    """
    channel = report.channel
    message_ref = report.message_ref
    reporter = report.reporter
    classifier = report.classifier
    text = report.report_id + channel.ref
    if not channel.ref.strip(_PHONE_CHARACTERS):
        _refuse_phone("channel.ref", channel.ref)
    if message_ref is not None:
        text += message_ref
        if not message_ref.strip(_PHONE_CHARACTERS):
            _refuse_phone("message_ref", message_ref)
    if reporter is not None and reporter.ref is not None:
        text += reporter.ref
        if not reporter.ref.strip(_PHONE_CHARACTERS):
            _refuse_phone("reporter.ref", reporter.ref)
    if classifier is not None:
        text += classifier.name + classifier.version
    if all_in_alphabet(text) is None:
        raise not_valid("invalid_value", _first_outside_alphabet(report), VALID_IN_REPORT)
    if channel.language is not None and not is_language(channel.language):
        raise not_valid("invalid_value", "channel.language", VALID_IN_REPORT)


def _refuse_phone(path: str, ref: str) -> None:
    if looks_like_phone(ref):
        raise not_valid("pii_detected", path, VALID_IN_REPORT)


def _first_outside_alphabet(report: MessageReport) -> str:
    reporter, classifier = report.reporter, report.classifier
    refs = {
        "report_id": report.report_id,
        "channel.ref": report.channel.ref,
        "message_ref": report.message_ref,
        "reporter.ref": reporter.ref if reporter else None,
        "classifier.name": classifier.name if classifier else None,
        "classifier.version": classifier.version if classifier else None,
    }
    return next(path for path, ref in refs.items() if ref is not None and not is_ref(ref))


FORM = EventForm(
    REPORT_TYPE.encode(),
    msgspec.json.Decoder(MessageReport),
    VALID_IN_REPORT,
    RefPaths(
        pseudonyms=("channel.ref", "message_ref", "reporter.ref"),
        counters=("report_id", "classifier.name", "classifier.version"),
    ),
    _check_refs,
    time_field="occurred_at",
    optional_time_field="received_at",
)

decode_report = event_reader(FORM)
