"""The duties that follow from a request, and which of their clocks it starts."""

from collections.abc import Collection
from datetime import date

from streams.contract.events.authority_request import AuthorityRequest
from streams.deciding.law.applicability import binds, holds_in, in_force
from streams.deciding.law.arming import strictest, why_not_armed
from streams.deciding.law.duty import Duty, due_ms
from streams.deciding.requests.rules import RequestRules, country_of
from streams.registry.rules import Obligation, Trigger


def triggers_met(request: AuthorityRequest, rules: RequestRules) -> frozenset[Trigger]:
    """The triggers of duties that a request of this kind meets by itself."""
    return rules.registry.triggers.met_by_request[request.kind]


def duties_of(request: AuthorityRequest, received: date, rules: RequestRules) -> tuple[Obligation, ...]:
    """Return the duties that follow from a request received on a day (UTC), in the registry's order.

    A request without a category may concern any. A duty about public content is listed for every target,
    because a request does not say whether its target is public. A row without a legal basis follows from any
    basis if it is of the Union or global, and from national law alone if it is a country's. If it is not
    known whether the enforcing authority was notified, both the duties of the one case and those of the other
    follow.
    """
    triggers = triggers_met(request, rules)
    country = country_of(request.authority.country)
    return tuple(
        duty
        for duty in rules.registry.obligations
        if duty.trigger in triggers
        and (request.category is None or request.category in duty.categories)
        and duty.emergency in (None, request.emergency)
        and (
            request.enforcing_authority_notified is None
            or duty.enforcing_authority_notified in (None, request.enforcing_authority_notified)
        )
        and binds(duty, rules.registry.platform)
        and _follows_from(duty, request, country)
        and (not duty.demands or not set(duty.demands).isdisjoint(request.demands))
        and in_force(duty, received)
        and holds_in(duty, country, rules.registry.jurisdictions)
    )


def judged_duties(
    duties: tuple[Obligation, ...],
    met: Collection[Trigger],
    present: Collection[str],
    received_ms: int,
    rules: RequestRules,
    *,
    complete: bool,
) -> tuple[Duty, ...]:
    """Return each duty with the reason why its clock is not armed, None if it is.

    A request starts no clock if its authority is not competent or if an element that a law requires is
    missing. A retention duty has a clock too: it shows until when the data are kept.
    """
    shortest = strictest(duties, rules.registry.targets)
    judged = []
    for duty in duties:
        reason = why_not_armed(duty, met, present, rules.registry.calendars, keeps=True)
        by_itself = reason is None or (reason == "unverified" and duty.advisory)
        if by_itself and not complete:
            reason = "elements_missing"
        elif by_itself and due_ms(duty, received_ms, rules.registry) is None:
            reason = "no_holiday_calendar"
        judged.append(Duty(duty, reason, duty.id in shortest))
    return tuple(judged)


def _follows_from(duty: Obligation, request: AuthorityRequest, country: str) -> bool:
    if duty.legal_bases:
        return request.legal_basis in duty.legal_bases
    return request.legal_basis == "national_law" or duty.jurisdiction != country
