"""Requests of authorities and what becomes of them, as a person reads them."""

from collections.abc import Iterator

import msgspec

from streams.events.authority_routing import AuthorityRouting, Findings
from streams.events.clock import ClockView
from streams.wire.records import SourceRecord
from streams.wire.request_decoding import decode_request

_ROUTING = msgspec.json.Decoder(AuthorityRouting)


def decode_routing(record: SourceRecord) -> AuthorityRouting:
    """The step of a request in a record. Raises msgspec.DecodeError when it holds something else."""
    return _ROUTING.decode(record.value or b"")


def routing_text(routing: AuthorityRouting) -> str:
    """What happened to whose request: `12:00:00 routed   removal_order of DE police, tco_art3: gate human_review`."""
    asker = f"{routing.authority.country} {routing.authority.type}"
    what = routing.decision if routing.type == "routed" else routing.reason
    return (
        f"{routing.at[11:19]} {what:<8} {routing.kind} of {asker}, {routing.legal_basis}: gate {routing.gate}"
    )


def routing_grounds(routing: AuthorityRouting) -> list[str]:
    """Why, one remark each: the norm of a refusal; or whom it belongs to, what is missing, where it takes effect."""
    return [] if routing.findings is None else list(_found(routing.findings))


def _found(findings: Findings) -> Iterator[str]:
    for refusal in findings.refusals:
        yield f"{refusal.code}: {refusal.norms[0].title}"
    if findings.refusals:
        return
    for other in findings.belongs_to:
        who = other.authority or other.jurisdiction
        yield f"belongs to {who}" if who else other.reason
    if findings.missing:
        yield f"missing: {', '.join(findings.missing)}"
    if findings.language.verdict == "not_accepted":
        yield f"language {findings.language.language} is not accepted"
    if findings.territory.codes:
        yield f"takes effect in {' '.join(findings.territory.codes)}"


def clock_text(clock: ClockView) -> str:
    """A clock in a few words: `EU.tco.art3-3 running, due 2026-11-24 13:00 UTC`."""
    return f"{clock.obligation} {clock.status}, due {minute(clock.due_at)}"


def minute(moment: str) -> str:
    """A published time (RFC 3339, UTC) without what nobody reads."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def routing_line(record: SourceRecord) -> str:
    """A record of authority-routing, one line more for each clock, whose id an outcome names.

    Raises msgspec.DecodeError.
    """
    routing = decode_routing(record)
    lines = [f"{routing_text(routing)}, request {routing.request_id}", *routing_grounds(routing)]
    lines += [f"{clock_text(clock)}, clock {clock.clock_id}" for clock in routing.clocks]
    return "\n         ".join(lines)


def request_line(record: SourceRecord) -> str:
    """Two lines for a record of authority-requests. Raises Rejected."""
    request = decode_request(record.value, record.headers, record.timestamp).request
    asker = f"{request.authority.country} {request.authority.type}"
    return (
        f"{request.received_at:%H:%M:%S} {request.kind} of {asker}, {request.legal_basis}, "
        f"request {request.request_id}\n         {', '.join(request.demands)}: {request.category or 'no category'}; "
        f"elements: {', '.join(request.elements) or 'none'}"
    )
