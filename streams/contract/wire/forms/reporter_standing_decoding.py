"""Reads a decision about a reporter from the bytes and headers of a record of `reporter-standing`."""

from typing import get_args

import msgspec

from streams.contract.events.desk_member import DeskRole
from streams.contract.events.reporter_standing import (
    REPORTER_STANDING_TYPE,
    EndReason,
    ReporterStanding,
    SanctionReason,
    StandingKind,
    StandingState,
)
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.personal_data import RefPaths, looks_like_email
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import OBJECT, PSEUDONYM, REF, TIME, ValidValues, one_of

_SANCTIONS = one_of(SanctionReason)
_ENDINGS = one_of(EndReason)

VALID_IN_STANDING: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "standing_id": REF,
    "reporter": "an object with kind and ref",
    "reporter.kind": (
        f"{one_of(StandingKind)}. The status of a trusted flagger is suspended by the Digital Services "
        "Coordinator (Regulation (EU) 2022/2065, article 22(6)), and a detector is switched off"
    ),
    "reporter.ref": PSEUDONYM,
    "report": "an object with report_id and, unless it was plain JSON, ce_source",
    "report.report_id": REF,
    "report.ce_source": "the report's ce_source: a string of at most 2048 characters, not an e-mail address",
    "state": one_of(StandingState),
    "reason": f"{_SANCTIONS} for warned and paused, {_ENDINGS} for ended",
    "rule": REF,
    "decided_at": TIME,
    "decided_by": "an object with ref and role",
    "decided_by.ref": PSEUDONYM,
    "decided_by.role": one_of(DeskRole),
    "confirmed_by": "an object with ref and role of another person than decided_by; absent for warned",
    "confirmed_by.ref": PSEUDONYM,
    "confirmed_by.role": one_of(DeskRole),
    "until": "a time after decided_at, RFC 3339 with a time zone, for paused; null or absent otherwise",
}


def _check(standing: ReporterStanding) -> None:
    check_ref("standing_id", standing.standing_id, VALID_IN_STANDING, counter=True)
    check_ref("reporter.ref", standing.reporter.ref, VALID_IN_STANDING, counter=False)
    check_ref("report.report_id", standing.report.report_id, VALID_IN_STANDING, counter=True)
    if looks_like_email(standing.report.ce_source):
        raise not_valid("pii_detected", "report.ce_source", VALID_IN_STANDING)
    check_ref("rule", standing.rule, VALID_IN_STANDING, counter=True)
    check_ref("decided_by.ref", standing.decided_by.ref, VALID_IN_STANDING, counter=False)
    confirmed = standing.confirmed_by
    if confirmed is not None:
        check_ref("confirmed_by.ref", confirmed.ref, VALID_IN_STANDING, counter=False)
    if standing.state != "warned" and (confirmed is None or confirmed.ref == standing.decided_by.ref):
        raise Rejected(
            "missing_field" if confirmed is None else "invalid_value",
            "confirmed_by",
            f"Must be an object with ref and role of another person than decided_by, as the state is "
            f"{standing.state}: two people decide it.",
        )
    fitting = EndReason if standing.state == "ended" else SanctionReason
    if standing.reason not in get_args(fitting):
        raise Rejected(
            "invalid_value", "reason", f"Must be {one_of(fitting)}, as the state is {standing.state}."
        )
    if (standing.until is None) == (standing.state == "paused") or (
        standing.until is not None and standing.until <= standing.decided_at
    ):
        raise not_valid(
            "missing_field" if standing.until is None else "invalid_value", "until", VALID_IN_STANDING
        )


FORM = EventForm(
    REPORTER_STANDING_TYPE.encode(),
    msgspec.json.Decoder(ReporterStanding),
    VALID_IN_STANDING,
    RefPaths(
        pseudonyms=("reporter.ref", "decided_by.ref", "confirmed_by.ref"),
        counters=("standing_id", "report.report_id", "report.ce_source", "rule"),
    ),
    _check,
    time_field="decided_at",
)

decode_reporter_standing = event_reader(FORM)
