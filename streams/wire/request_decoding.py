"""From the bytes and headers of a record to an authority's request, or to the reason why it is none."""

from collections.abc import Mapping
from typing import NamedTuple, get_args

import msgspec

from streams.events.authority_request import (
    AUTHORITY_REQUEST_TYPE,
    AuthorityRequest,
    AuthorityType,
    Concern,
    Demand,
    LegalBasis,
    RequestElement,
    RequestKind,
    Target,
)
from streams.wire.personal_data import RefPaths, looks_like_phone
from streams.wire.reading import EventForm, read_event
from streams.wire.records import Headers
from streams.wire.refs import is_language, is_ref
from streams.wire.rejection import VALID, WHOLE_VALUE, not_valid


def _one_of(literal: object) -> str:
    return "one of " + ", ".join(get_args(literal))


# What is valid at each path of a request; `[]` stands for any index.
VALID_IN_REQUEST: Mapping[str, str] = {
    WHOLE_VALUE: VALID[WHOLE_VALUE],
    "request_id": VALID["report_id"],
    "kind": _one_of(RequestKind),
    "legal_basis": _one_of(LegalBasis),
    "received_at": VALID["occurred_at"],
    "authority": "an object with country and type",
    "authority.country": VALID["evidence[].country"],
    "authority.type": _one_of(AuthorityType),
    "authority.ref": VALID["message_ref"],
    "demands": "an array of 1 to 16 strings",
    "demands[]": _one_of(Demand),
    "target": "an object with kind",
    "target.kind": _one_of(Target.__annotations__["kind"]),
    "target.ref": VALID["message_ref"],
    "target.people": "null or a whole number from 0 on",
    "target.specific": "true or false",
    "elements": "an array of at most 32 strings",
    "elements[]": _one_of(RequestElement),
    "category": f"null or {VALID['category']}",
    "language": VALID["channel.language"],
    "emergency": "true or false",
    "concerns": "an array of at most 8 strings",
    "concerns[]": _one_of(Concern),
}


class DecodedRequest(NamedTuple):
    """A request, the `source` of its CloudEvent (empty for plain JSON), and received_at in ms since the epoch."""

    request: AuthorityRequest
    ce_source: str
    received_ms: int


def decode_request(value: bytes | None, headers: Headers, append_time_ms: int) -> DecodedRequest:
    """Read a request in the forms in which a report may come, by the same rules (see decoding.decode_report).

    Raises Rejected and nothing else, whatever the bytes and headers are.
    """
    return DecodedRequest(*read_event(_FORM, value, headers, append_time_ms))


def _check_refs(request: AuthorityRequest) -> None:
    refs = {"authority.ref": request.authority.ref, "target.ref": request.target.ref}
    for path, ref in refs.items():
        if ref is not None and looks_like_phone(ref):
            raise not_valid("pii_detected", path, VALID_IN_REQUEST)
    for path, ref in {"request_id": request.request_id, **refs}.items():
        if ref is not None and not is_ref(ref):
            raise not_valid("invalid_value", path, VALID_IN_REQUEST)
    if request.language is not None and not is_language(request.language):
        raise not_valid("invalid_value", "language", VALID_IN_REQUEST)


_FORM = EventForm(
    AUTHORITY_REQUEST_TYPE.encode(),
    msgspec.json.Decoder(AuthorityRequest),
    VALID_IN_REQUEST,
    RefPaths(pseudonyms=("authority.ref", "target.ref"), counters=("request_id",)),
    _check_refs,
    "received_at",
)
