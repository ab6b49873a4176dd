"""Reads a report from the bytes and headers of a record of `message-reports` or `verified-reports`."""

import msgspec

from streams.contract.events.report import (
    MOST_MEMBERS,
    REPORT_TYPE,
    AccountAge,
    ChannelKind,
    EvidenceBasis,
    MessageReport,
    NoticeDeclaration,
    NoticeElement,
    ReporterKind,
    ReportKind,
    Visibility,
)
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE
from streams.contract.wire.personal_data import RefPaths
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.refs import (
    is_language,
    usual_counter_and_pseudonym,
    usual_counter_and_three_pseudonyms,
    usual_counter_and_two_pseudonyms,
    usual_counters,
)
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import (
    CATEGORY,
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
    "channel.members": f"null or a whole number from 1 to {MOST_MEMBERS}",
    "channel.kind": one_of(ChannelKind),
    "message_ref": or_null(PSEUDONYM),
    "category": CATEGORY,
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
    "match": "null, or of an automated reporter an object with list",
    "match.list": REF,
    "match.signal": or_null(REF),
    "match.version": or_null(REF),
    "evidence": "an array of at most 32 objects",
    "evidence[]": "an object with country, basis and confidence",
    "evidence[].country": COUNTRY,
    "evidence[].basis": one_of(EvidenceBasis),
    "evidence[].confidence": PROBABILITY,
    "notice": "null or an object with elements",
    "notice.elements": "an array of at most 16 strings",
    "notice.elements[]": one_of(NoticeElement),
    "notice.declares": "an array of at most 8 strings",
    "notice.declares[]": one_of(NoticeDeclaration),
    "message_version": or_null(f"{PSEUDONYM}; only with a message_ref"),
}
_REFS = RefPaths(
    pseudonyms=("channel.ref", "message_ref", "reporter.ref", "message_version"),
    counters=(
        "report_id",
        "classifier.name",
        "classifier.version",
        "match.list",
        "match.signal",
        "match.version",
    ),
)


def _check_refs(report: MessageReport) -> None:
    """Raise Rejected for a ref that is malformed or names a person, a malformed language tag, or a match.

    A match is of detectors alone.
    """
    channel, message_ref, reporter = report.channel, report.message_ref, report.reporter
    reporter_ref = None if reporter is None else reporter.ref
    if message_ref is None:
        if reporter_ref is None:
            usual = usual_counter_and_pseudonym(f"{report.report_id} {channel.ref}")
        else:
            usual = usual_counter_and_two_pseudonyms(f"{report.report_id} {channel.ref} {reporter_ref}")
    elif reporter_ref is None:
        usual = usual_counter_and_two_pseudonyms(f"{report.report_id} {channel.ref} {message_ref}")
    else:
        usual = usual_counter_and_three_pseudonyms(
            f"{report.report_id} {channel.ref} {message_ref} {reporter_ref}"
        )
    classifier = report.classifier
    if (
        usual is None
        or (classifier is not None and usual_counters(f"{classifier.name} {classifier.version}") is None)
        or report.match is not None
    ):
        _check_each_ref(report)
    if report.match is not None and (reporter is None or reporter.kind != "automated"):
        raise not_valid("invalid_value", "match", VALID_IN_REPORT)
    version = report.message_version
    if version is not None:
        if message_ref is None:
            raise not_valid("invalid_value", "message_version", VALID_IN_REPORT)
        check_ref("message_version", version, VALID_IN_REPORT, counter=False)
    if channel.language is not None and not is_language(channel.language):
        raise not_valid("invalid_value", "channel.language", VALID_IN_REPORT)


def _check_each_ref(report: MessageReport) -> None:
    reporter, classifier, match = report.reporter, report.classifier, report.match
    refs = {
        "report_id": report.report_id,
        "channel.ref": report.channel.ref,
        "message_ref": report.message_ref,
        "reporter.ref": reporter.ref if reporter else None,
        "classifier.name": classifier.name if classifier else None,
        "classifier.version": classifier.version if classifier else None,
        "match.list": match.list if match else None,
        "match.signal": match.signal if match else None,
        "match.version": match.version if match else None,
    }
    for path, ref in refs.items():
        check_ref(path, ref, VALID_IN_REPORT, counter=path in _REFS.counters)


FORM = EventForm(
    REPORT_TYPE.encode(),
    msgspec.json.Decoder(MessageReport),
    VALID_IN_REPORT,
    _REFS,
    _check_refs,
    time_field="occurred_at",
    optional_time_field="received_at",
    of_category=True,
)

decode_report = event_reader(FORM)
