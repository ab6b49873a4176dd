"""Whether a worker may work beside the others of its group: they must have their terms alike (log/terms.py).

A worker asks before it joins the group (joining.py), so who differs costs the others nothing. Workers that
start at the same moment find nobody to ask. Then their claims decide: whoever comes second sees the first.
"""

from collections.abc import Mapping

from streams.running.errors import RefusedToStart
from streams.running.log.claims import ClaimFacts
from streams.running.log.terms import Difference, Terms, differences


def juniors_to_fence(own: ClaimFacts, before: Mapping[str, ClaimFacts]) -> list[str]:
    """Return who must not go on beside this worker, of those who have claimed `before` it.

    Of two that differ, the one stays that has worked for longer, and fences the other; of two newcomers the
    one that claimed first. Two that differ cannot have begun to work in the same generation, as the second
    one would have seen the first. Raises RefusedToStart if this worker has to give way.
    """
    fenced = []
    for name, facts in before.items():
        found = differences(own.terms, facts.terms) if facts.generation == own.generation else []
        if found and own.since is not None and (facts.since is None or own.since < facts.since):
            fenced.append(name)
        elif found:
            raise RefusedToStart(disagreement(name, found, own.terms, facts.terms))
    return fenced


def disagreement(other: str, found: list[Difference], own: Terms, others: Terms) -> str:
    """Say what differs and what to do."""
    listed = "; ".join(map(str, found))
    text = (
        f"this worker does not join the others: it has other settings than {other}, which is working "
        f"({listed}). "
    )
    if any(not each.of_rules for each in found):
        return (
            text + "Give all workers the same, or stop all others first: see docs/operations.md, 'What all "
            "workers must have alike'."
        )
    return text + (
        f"If it is to replace their rules by a rolling restart, set TOCSIN_REPLACES_RULES={others.rules_id} "
        f"for the workers with the new rules (theirs have the id {own.rules_id}); otherwise give all workers "
        "the same rules. See docs/operations.md, 'What all workers must have alike'."
    )
