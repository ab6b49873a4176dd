"""Authorities' requests and what became of them, as text."""

from collections.abc import Iterator

import msgspec

from streams.contract.events.authority_routing import AuthorityRouting, Findings, Telling
from streams.contract.events.clock import ClockView
from streams.contract.wire.forms.request_decoding import decode_request
from streams.contract.wire.records import SourceRecord
from streams.desk.text.duty_words import marks_words, penalty_words

_ROUTING = msgspec.json.Decoder(AuthorityRouting)


def decode_routing(record: SourceRecord) -> AuthorityRouting:
    """Decode the step of a request in a record. Raises msgspec.DecodeError if it holds something else."""
    return _ROUTING.decode(record.value or b"")


def routing_text(routing: AuthorityRouting) -> str:
    """What happened, as in `12:00:00 routed   removal_order of DE police, tco_art3: gate human_review`."""
    authority = f"{routing.authority.country} {routing.authority.type}"
    what = routing.decision if routing.type == "routed" else routing.reason
    return (
        f"{routing.at[11:19]} {what:<8} {routing.kind} of {authority}, {routing.legal_basis}: gate "
        f"{routing.gate}"
    )


def routing_grounds(routing: AuthorityRouting) -> list[str]:
    """Why, a line per finding: norms of refusals, or competence, elements, language, territory, a wait.

    First what cannot wait: that a lawyer must look today, and what to tell the authority by when.
    """
    lines = [f"a lawyer, today: {reason}" for reason in routing.lawyer_today]
    if routing.findings is not None:
        lines += _found(routing.findings)
    if routing.supersedes is not None:
        lines.append(f"completes or corrects request {routing.supersedes}, by its own words")
    if routing.not_before is not None:
        lines.append(f"do not send data before {minute(routing.not_before)}")
    return lines


def _found(findings: Findings) -> Iterator[str]:
    for refusal in findings.refusals:
        yield f"{refusal.code}: {refusal.norms[0].title}"
    if findings.refusals or not findings.competence.competent:
        yield from map(penalty_words, findings.penalties)
    if findings.refusals:
        return
    for other in findings.belongs_to:
        competent = other.authority or other.jurisdiction
        yield f"belongs to {competent}" if competent else other.reason
    if findings.telling is not None:
        yield telling_text(findings.telling)
    elif findings.missing:
        yield f"missing: {', '.join(findings.missing)}"
    if findings.questions:
        yield f"ask a lawyer, because it does not show: {', '.join(findings.questions)}"
    if findings.language.verdict == "not_accepted":
        yield f"language {findings.language.language} is not accepted"
    if findings.territory.codes:
        yield f"takes effect in {' '.join(findings.territory.codes)}"


def telling_text(telling: Telling) -> str:
    """What to tell the issuing authority by when, as in `paused: tell the issuing authority by ...: ...`."""
    paused = "paused: " if telling.paused else ""
    missing = ", ".join(telling.missing)
    return f"{paused}tell the issuing authority by {minute(telling.by)} what is missing: {missing}"


def clock_text(clock: ClockView) -> str:
    """A clock in a few words, as in `EU.tco.art3-3 running, due 2026-11-24 13:00 UTC`.

    Of a wait it says `not before` instead of `due`, of a clock paused from its start the ground.
    """
    until = "due" if clock.not_before is None else "not before"
    ground = "" if clock.pause_reason is None else f" for {clock.pause_reason}"
    marks = f" ({marks_words(clock.marks)})" if clock.marks else ""
    return f"{clock.obligation} {clock.status}{ground}, {until} {minute(clock.due_at)}{marks}"


def minute(moment: str) -> str:
    """A published time (RFC 3339, UTC) to the minute, as in `2026-11-24 13:00 UTC`."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def routing_line(record: SourceRecord) -> str:
    """A record of authority-routing, with one line for each finding and for each clock and its id.

    Raises msgspec.DecodeError if the record holds something else.
    """
    routing = decode_routing(record)
    lines = [f"{routing_text(routing)}, request {routing.request_id}", *routing_grounds(routing)]
    for clock in routing.clocks:
        actor = f", by {clock.actor}" if clock.actor else ""
        lines.append(f"{clock_text(clock)}, clock {clock.clock_id}{actor}")
    return "\n         ".join(lines)


def request_line(record: SourceRecord) -> str:
    """Two lines for a record of authority-requests. Raises Rejected if a worker would refuse it."""
    request = decode_request(record.value, record.headers, record.timestamp).event
    authority = f"{request.authority.country} {request.authority.type}"
    return (
        f"{request.received_at:%H:%M:%S} {request.kind} of {authority}, {request.legal_basis}, request "
        f"{request.request_id}\n"
        f"         {', '.join(request.demands)}: {request.category or 'no category'}; elements: "
        f"{', '.join(request.elements) or 'none'}"
    )
