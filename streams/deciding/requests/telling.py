"""What the issuing authority must be told, and by when, if its request lacks something."""

from collections.abc import Collection, Sequence

from streams.contract.events.authority_request import RequestElement
from streams.contract.events.authority_routing import Telling
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import moment_ms


def telling_of(
    missing: tuple[RequestElement, ...],
    duties: Sequence[EscalatedObligation],
    paused: Collection[str],
    received_ms: int,
) -> Telling | None:
    """Return it, None if no law says that the authority be told and none lets a clock pause.

    A law that says "without undue delay" has no number: then the platform's own target counts, but no more
    time than a paused clock had. `duties` are those of the request as published; a pause whose authority was
    never told does not hold.
    """
    to_tell = [
        duty for duty in duties if duty.trigger == "incomplete_order" and duty.action == "notify_authority"
    ]
    ends = [moment_ms(duty.due_at) for duty in duties if duty.id in paused and duty.due_at is not None]
    for duty in to_tell:
        by = duty.due_at or duty.target_at
        if by is not None:
            ends.append(moment_ms(by))
    if not missing or not ends:
        return None
    return Telling(
        missing=missing,
        by=rfc3339(max(received_ms, min(ends))),
        paused=tuple(duty.id for duty in duties if duty.id in paused),
        obligation=to_tell[0].id if to_tell else None,
    )
