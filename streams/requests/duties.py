"""The duties that a request brings with it, and which of their clocks it starts."""

from collections.abc import Collection
from datetime import date

from streams.events.authority_request import AuthorityRequest
from streams.law.applicability import holds_in, in_force
from streams.law.arming import strictest, why_not_armed
from streams.law.duty import Duty, due_ms
from streams.registry.rules import Obligation
from streams.requests.rules import RequestRules, country_of


def duties_of(request: AuthorityRequest, received: date, rules: RequestRules) -> tuple[Obligation, ...]:
    """The duties that follow from such a request of such an authority on a day (UTC), in the registry's order.

    A request that names no category may be about any, and a duty for what is public is shown whatever the target:
    a request does not say. A row that names no legal basis follows from any if it is of the Union or global, and from
    national law alone if it is a country's.
    """
    triggers = rules.rules.triggers.met_by_request[request.kind]
    country = country_of(request.authority.country)
    return tuple(
        duty
        for duty in rules.rules.obligations
        if duty.trigger in triggers
        and (request.category is None or request.category in duty.categories)
        and duty.emergency in (None, request.emergency)
        and _follows_from(duty, request, country)
        and in_force(duty, received)
        and holds_in(duty, country, rules.rules.jurisdictions)
    )


def judged_duties(
    request: AuthorityRequest,
    duties: tuple[Obligation, ...],
    present: Collection[str],
    received_ms: int,
    rules: RequestRules,
    *,
    competent: bool,
    complete: bool,
) -> tuple[Duty, ...]:
    """Each duty with the reason why its clock is not armed, None where it is.

    An authority without the power to ask starts no clock, and neither does an order that lacks what a law asks for.
    What must be kept for a time has a clock too: it says until when.
    """
    met = rules.rules.triggers.met_by_request[request.kind] if competent else frozenset()
    shortest = strictest(duties, rules.rules.targets)
    judged = []
    for duty in duties:
        reason = why_not_armed(duty, met, present, rules.rules.calendars, keeps=True)
        if reason is None and not complete:
            reason = "elements_missing"
        if reason is None and due_ms(duty, received_ms, rules.rules) is None:
            reason = "no_holiday_calendar"
        judged.append(Duty(duty, reason, duty.id in shortest))
    return tuple(judged)


def _follows_from(duty: Obligation, request: AuthorityRequest, country: str) -> bool:
    if duty.legal_bases:
        return request.legal_basis in duty.legal_bases
    return request.legal_basis == "national_law" or duty.jurisdiction != country
