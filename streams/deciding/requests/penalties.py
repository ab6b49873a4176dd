"""What threatens whom if the duties that follow from a request are not fulfilled."""

from collections.abc import Iterable

from streams.contract.events.authority_routing import PossiblePenalty
from streams.registry.obligation import Obligation


def penalties_of(duties: Iterable[Obligation]) -> tuple[PossiblePenalty, ...]:
    """Return the penalties in the registry's rows of these duties, in their order."""
    return tuple(
        PossiblePenalty(duty.id, penalty.amount, penalty.liable, penalty.article)
        for duty in duties
        for penalty in duty.penalties
    )
