"""Explains why bytes are not the event they should be: the slow path, taken only when decoding failed."""

import re
from collections.abc import Mapping
from typing import get_args

import msgspec

from streams.events.dead_letter import DeadLetterReason
from streams.events.report import (
    AccountAge,
    Category,
    EvidenceBasis,
    NoticeElement,
    ReporterKind,
    ReportKind,
    Visibility,
)
from streams.wire.dead_letter import Rejected

# Path of the whole record in `Rejected.field`.
WHOLE_VALUE = "value"

_REF = "a string of 1 to 128 characters out of A-Z, a-z, 0-9 and . _ : ~ -"
_PSEUDONYM = f"{_REF}, not a telephone number or an e-mail address"
_TIME = "an RFC 3339 time with a zone, from 1970 on, such as 2026-03-01T12:00:00Z; seconds run from 00 to 59"
_COUNTRY = "an ISO 3166-1 alpha-2 code in capitals, or XK, XX, EL or UK"
_PROBABILITY = "a number from 0 to 1"


def _one_of(literal: object) -> str:
    return "one of " + ", ".join(get_args(literal))


# What is valid at each path of a report; `[]` stands for any index.
VALID = {
    WHOLE_VALUE: "a JSON object",
    "report_id": _REF,
    "kind": _one_of(ReportKind),
    "occurred_at": _TIME,
    "received_at": f"null or {_TIME}",
    "channel": "an object with ref and visibility",
    "channel.ref": _PSEUDONYM,
    "channel.visibility": _one_of(Visibility),
    "channel.country": f"null or {_COUNTRY}",
    "channel.language": "null or a BCP 47 language tag such as pt or pt-BR",
    "message_ref": f"null or {_PSEUDONYM}",
    "category": _one_of(Category),
    "reporter": "null or an object with kind",
    "reporter.kind": _one_of(ReporterKind),
    "reporter.ref": f"null or {_PSEUDONYM}",
    "reporter.country": f"null or {_COUNTRY}",
    "reporter.member": "null, true or false",
    "reporter.account_age": f"null or {_one_of(AccountAge)}",
    "classifier": "null or an object with name, version and score",
    "classifier.name": _REF,
    "classifier.version": _REF,
    "classifier.score": _PROBABILITY,
    "evidence": "an array of at most 32 objects",
    "evidence[]": "an object with country, basis and confidence",
    "evidence[].country": _COUNTRY,
    "evidence[].basis": _one_of(EvidenceBasis),
    "evidence[].confidence": _PROBABILITY,
    "notice": "null or an object with elements",
    "notice.elements": "an array of at most 16 strings",
    "notice.elements[]": _one_of(NoticeElement),
}

# msgspec ends a message with the path. What comes before may quote the record, so the match is tied to the end.
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[a-z_.\[\]0-9]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[a-z_0-9]+)`")
_INDEX = re.compile(r"\[\d+\]")


def not_valid(reason: DeadLetterReason, path: str, valid: Mapping[str, str] = VALID) -> Rejected:
    """The rejection of what stands at `path` of an event; `valid` says what is valid where, in a report by default."""
    return Rejected(reason, path, f"Must be {valid[_INDEX.sub('[]', path)]}.")


def explain(error: Exception, valid: Mapping[str, str] = VALID) -> Rejected:
    """The rejection that an exception of the decoder means; `valid`: see not_valid. The messages relied upon have a contract test."""
    if isinstance(error, Rejected):
        return error
    if isinstance(error, msgspec.ValidationError):
        return _explain_schema(str(error), valid)
    if isinstance(error, UnicodeDecodeError):
        return Rejected(
            "invalid_utf8", WHOLE_VALUE, "Must be UTF-8 throughout, in fields that nobody reads too."
        )
    # The decoder raises nothing else for malformed input; what else it might raise still means unreadable bytes.
    return Rejected("not_json", WHOLE_VALUE, "Must be one JSON object in UTF-8, without a byte order mark.")


def _explain_schema(message: str, valid: Mapping[str, str]) -> Rejected:
    match = _MESSAGE.fullmatch(message)
    assert match is not None
    what, path = match["what"], match["path"] or ""
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        return not_valid("missing_field", f"{path}.{missing['name']}" if path else missing["name"], valid)
    return not_valid(_reason(what, path), path or WHOLE_VALUE, valid)


def _reason(what: str, path: str) -> DeadLetterReason:
    if what.startswith("Invalid enum value"):
        if path.endswith("country"):
            return "invalid_country"
        return "unknown_category" if path == "category" else "invalid_value"
    if what.startswith(("Invalid RFC3339", "Expected `datetime` with a timezone")):
        return "invalid_time"
    if what.startswith("Expected ") and ", got `" in what:
        return "wrong_type"
    return "invalid_value"
