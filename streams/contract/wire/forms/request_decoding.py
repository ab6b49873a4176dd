"""Reads an authority's request from the bytes and headers of a record of `authority-requests`."""

import msgspec

from streams.contract.events.authority_request import (
    AUTHORITY_REQUEST_TYPE,
    AuthorityRequest,
    AuthorityType,
    Concern,
    Demand,
    IntakeElement,
    LegalBasis,
    RequestKind,
    Target,
)
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.personal_data import RefPaths
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.refs import is_language
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import (
    CATEGORY,
    COUNTRY,
    LANGUAGE,
    OBJECT,
    PSEUDONYM,
    REF,
    TIME,
    ValidValues,
    one_of,
    or_null,
)

VALID_IN_REQUEST: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "request_id": REF,
    "kind": one_of(RequestKind),
    "legal_basis": one_of(LegalBasis),
    "received_at": TIME,
    "authority": "an object with country and type",
    "authority.country": COUNTRY,
    "authority.type": one_of(AuthorityType),
    "authority.ref": or_null(PSEUDONYM),
    "demands": "an array of 1 to 16 strings",
    "demands[]": one_of(Demand),
    "target": "an object with kind",
    "target.kind": one_of(Target.__annotations__["kind"]),
    "target.ref": or_null(PSEUDONYM),
    "target.people": "null or a whole number, 0 or more",
    "target.specific": "true or false",
    "elements": "an array of at most 32 strings",
    "elements[]": one_of(IntakeElement),
    "category": or_null(CATEGORY),
    "language": or_null(LANGUAGE),
    "emergency": "true or false",
    "concerns": "an array of at most 8 strings",
    "concerns[]": one_of(Concern),
    "enforcing_authority_notified": "null, true or false",
    "only_to_identify": "null, true or false",
    "supersedes": or_null(REF),
}


def _check_refs(request: AuthorityRequest) -> None:
    check_ref("request_id", request.request_id, VALID_IN_REQUEST, counter=True)
    check_ref("supersedes", request.supersedes, VALID_IN_REQUEST, counter=True)
    check_ref("authority.ref", request.authority.ref, VALID_IN_REQUEST, counter=False)
    check_ref("target.ref", request.target.ref, VALID_IN_REQUEST, counter=False)
    if request.supersedes == request.request_id:
        raise Rejected("invalid_value", "supersedes", "Must be the id of another request.")
    if request.language is not None and not is_language(request.language):
        raise not_valid("invalid_value", "language", VALID_IN_REQUEST)


FORM = EventForm(
    AUTHORITY_REQUEST_TYPE.encode(),
    msgspec.json.Decoder(AuthorityRequest),
    VALID_IN_REQUEST,
    RefPaths(pseudonyms=("authority.ref", "target.ref"), counters=("request_id", "supersedes")),
    _check_refs,
    time_field="received_at",
    of_category=True,
)

decode_request = event_reader(FORM)
