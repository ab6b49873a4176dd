"""What people are told to do with a request, in words, and when a lawyer must look at it today."""

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import Findings, RoutingDecision
from streams.deciding.requests.completeness import validation_of
from streams.deciding.requests.refusals import why_many
from streams.deciding.requests.rules import UNION
from streams.registry.obligation import Obligation


def instruction(
    request: AuthorityRequest, decision: RoutingDecision, findings: Findings, not_before: str | None
) -> str:
    """Return what to do first; `not_before` (RFC 3339, UTC) is when data may be sent, None if at any time."""
    if decision == "refused":
        return "Tell the authority that the request is refused, and why."
    if not findings.competence.competent:
        return "Tell the authority who is competent."
    reasons = []
    if findings.competence.contested:
        reasons.append("Neither follow nor refuse it before a lawyer has decided, today.")
    if decision == "incomplete":
        reasons.append(_about_missing(request, findings))
    elif not findings.competence.contested:
        reasons.append("Decide whether and how to act on the request.")
    reasons += _for_a_lawyer(request, findings)
    if validation_of(request) == "afterwards":
        reasons.append(
            "It was not validated before, which an emergency allows: ask the authority to show that it "
            "sought validation within 48 hours (Regulation (EU) 2023/1543, article 4(5))."
        )
    if not_before is not None and decision == "routed":
        reasons.append(
            f"Have the data ready, but do not send them before {not_before} (a working day later if the wait "
            "ends with a public holiday of the enforcing state), unless its authority confirms that it "
            "raises no ground for refusal."
        )
    if request.supersedes is not None and decision == "routed":
        # Only the request says so. Nobody may end another authority's clocks by naming its request.
        reasons.append(
            f"It says that it completes or corrects request {request.supersedes}: if that came from the same "
            "authority, withdraw the clocks that it still has."
        )
    return " ".join(reasons)


def _for_a_lawyer(request: AuthorityRequest, findings: Findings) -> list[str]:
    reasons = []
    if why_many(request) is not None:
        reasons.append("A lawyer looks at it today, because it is about many people.")
    if findings.questions:
        shown = ", ".join(findings.questions)
        reasons.append(f"First ask a lawyer, because the request does not show: {shown}.")
    return reasons


def _about_missing(request: AuthorityRequest, findings: Findings) -> str:
    telling = findings.telling
    if findings.competence.contested and telling is None:
        # Whether to ask for it is part of what the lawyer decides.
        return f"The lawyer should know that it lacks: {', '.join(findings.missing)}."
    if telling is None:
        return f"Ask the authority for what is missing: {', '.join(findings.missing)}."
    what = f"Tell the issuing authority by {telling.by} what is missing: {', '.join(telling.missing)}."
    if request.enforcing_authority_notified:
        # Regulation (EU) 2023/1543 art. 10(6).
        what += " Tell the enforcing authority as well."
    if not telling.paused:
        return what
    return (
        f"Paused: {', '.join(telling.paused)}. {what} When it has answered, record `resumed` for the clock. "
        "A pause of which the authority was not told does not hold."
    )


def lawyer_today(request: AuthorityRequest, findings: Findings) -> tuple[str, ...]:
    """Return why a lawyer must look at the request today, which is not refused; empty if none must."""
    reasons = []
    if findings.competence.contested:
        known = (
            f"{each.amount}; liable: {each.liable} ({each.article})."
            for each in findings.penalties
            if not each.obligation.startswith(f"{UNION}.")
        )
        reasons.append(" ".join((findings.competence.reason, *known)))
    many = why_many(request)
    if many is not None:
        reasons.append(f"{many} A lawyer decides whether each of them is a specific person of the case.")
    return tuple(reasons)


def why_lawyer_after(lapsed: Obligation) -> str | None:
    """Return why a lawyer must look at a request on the day on which the clock of a duty lapses, if so."""
    if lapsed.trigger == "unvalidated_emergency_order":
        return (
            "It was not shown in time that validation of the emergency order was sought. A lawyer asks the "
            "authority today: an order whose validation is refused is withdrawn, and its data are deleted."
        )
    if lapsed.trigger != "incomplete_order":
        return None
    if lapsed.action == "notify_authority":
        return (
            "The issuing authority was not told in time what its request lacks. Without that the pause does "
            "not hold: a lawyer decides today."
        )
    return (
        f"The issuing authority has not answered in the time that {lapsed.article} gives it, counted from "
        "the receipt of its request, and what it lacks keeps clocks paused. A lawyer decides today whether "
        "to ask again, to follow what is clear, or to withdraw these clocks."
    )
