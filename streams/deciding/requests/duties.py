"""The duties that follow from a request, and which of their clocks it starts."""

from collections.abc import Collection
from datetime import date
from typing import Final, NamedTuple

from streams.contract.events.authority_request import AuthorityRequest
from streams.deciding.law.applicability import binds, holds_in, in_force
from streams.deciding.law.arming import strictest, why_not_armed
from streams.deciding.law.duty import Duty, due_ms
from streams.deciding.requests.completeness import validation_of
from streams.deciding.requests.rules import RequestRules, country_of
from streams.registry.obligation import Obligation, Trigger
from streams.registry.obligations import FROM_ITS_CONTENT

INSUFFICIENT: Final = "insufficient_information"
"""The ground of a pause, in `pausable_for` of a row, for a request that lacks something."""


class Judged(NamedTuple):
    """The duties of a request, and the ids of those whose clocks are paused from the start."""

    duties: tuple[Duty, ...]
    paused: frozenset[str]


def triggers_met(request: AuthorityRequest, rules: RequestRules) -> frozenset[Trigger]:
    """The triggers of duties that a request meets by its kind, and as an emergency to be validated."""
    met = rules.registry.triggers.met_by_request[request.kind]
    if validation_of(request) == "afterwards":
        met |= {"unvalidated_emergency_order"}
    return met


def duties_of(
    request: AuthorityRequest, received: date, triggers: Collection[Trigger], rules: RequestRules
) -> tuple[Obligation, ...]:
    """Return the duties with one of `triggers` that follow from a request received on a day (UTC).

    They are in the registry's order.

    A request without a category may concern any. A duty about public content is listed for every target,
    because a request does not say whether its target is public. A row without a legal basis follows from any
    basis if it is of the Union or global, and from national law alone if it is a country's. If it is not
    known whether the enforcing authority was notified, both the duties of the one case and those of the other
    follow.
    """
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
) -> Judged:
    """Return each duty with the reason why its clock is not armed, None if it is.

    A request starts no clock if its authority is not competent. If an element that a law requires is missing,
    the clocks are paused whose rows allow that, and the others are not started, except of duties that follow
    from what is missing. A retention duty has a clock too: it shows until when the data are kept. One that
    runs from another duty is armed if that is, because it may be resumed.
    """
    shortest = strictest(duties, rules.registry.targets)
    judged: list[Duty] = []
    paused: set[str] = set()
    for duty in duties:
        reason = why_not_armed(duty, met, present, rules.registry.calendars, keeps=True)
        # That a row is advisory is the last reason why its clock does not run.
        by_itself = reason is None or (reason == "unverified" and duty.advisory)
        if by_itself and not complete and duty.trigger not in FROM_ITS_CONTENT:
            reason = "elements_missing"
        if reason == "elements_missing" and _may_pause(duty):
            paused.add(duty.id)
            by_itself, reason = True, None
        if by_itself and reason != "elements_missing" and due_ms(duty, received_ms, rules.registry) is None:
            reason = "no_holiday_calendar"
        judged.append(Duty(duty, reason, duty.id in shortest))
    started = {duty.obligation.id for duty in judged if duty.not_armed is None}
    return Judged(
        tuple(
            duty._replace(not_armed=None)
            if duty.not_armed == "elements_missing"
            and not duty.obligation.advisory
            and duty.obligation.runs_from in started
            and due_ms(duty.obligation, received_ms, rules.registry) is not None
            else duty
            for duty in judged
        ),
        frozenset(paused & started),
    )


def _may_pause(duty: Obligation) -> bool:
    return INSUFFICIENT in duty.pausable_for and not duty.advisory


def _follows_from(duty: Obligation, request: AuthorityRequest, country: str) -> bool:
    if duty.legal_bases:
        return request.legal_basis in duty.legal_bases
    return request.legal_basis == "national_law" or duty.jurisdiction != country
