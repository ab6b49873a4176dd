"""One escalation, one legal clock and one refusal in detail, as a desk receives them."""

from collections.abc import Iterable

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.escalation import Escalation
from streams.contract.events.obligation import EscalatedObligation
from streams.desk.text.routing_text import minute
from tocsin_demo.demo.results import Tally
from tocsin_demo.demo.running_program import running_program
from tocsin_demo.scenario.storylines import DEEPFAKE_WAVE


def most_telling(tally: Tally) -> Escalation | None:
    """The escalation of the deepfake wave with the highest level, then most duties, then most reports."""
    candidates = (escalation for escalation in tally.escalations if tally.story(escalation) == DEEPFAKE_WAVE)
    return max(
        candidates, key=lambda row: (row.level, len(row.obligations), row.counts.reports), default=None
    )


def most_pressing(tally: Tally) -> Escalation | None:
    """The newest event of the open legal clock with the highest level, that is, the least time left."""
    newest = [events[-1] for events in tally.clocks().values() if events[-1].status == "open"]
    return max(newest, key=lambda row: (row.level, -row.sequence), default=None)


def refused(tally: Tally) -> AuthorityRouting | None:
    """A request that was refused, or None."""
    return next((step for step in tally.routings if step.decision == "refused"), None)


def portrait(escalation: Escalation) -> str:
    """An escalation as lines, each with a name and a value."""
    counts = escalation.counts
    counted = (
        f"{counts.reports} reports by {counts.distinct_reporters} reporters with a pseudonym, "
        f"trusted flaggers {counts.trusted_flaggers}, detectors {counts.automated}, "
        f"risk {escalation.score.value:.2f}"
    )
    what = f"{escalation.policy} level {escalation.level}, {escalation.level_name}, {escalation.dsa_category}"
    where = (f"{row.code} {row.confidence} ({row.basis})" for row in escalation.jurisdictions)
    rows = [
        ("what", what),
        ("channel", escalation.channel_ref),
        ("messages", ", ".join(escalation.message_refs)),
        ("counts", counted),
        ("where", ", ".join(where)),
        *(("duty", _duty(obligation)) for obligation in escalation.obligations),
        *(("goes to", f"{route.recipient}, gate: {route.gate}") for route in escalation.routing),
        ("rule of law", f"{escalation.rule_of_law.tier}, {escalation.rule_of_law.decision}"),
        ("because", escalation.policy_reason),
    ]
    return _block(rows)


def clock_portrait(event: Escalation) -> str:
    """A legal clock as lines, each with a name and a value."""
    clock = event.clock
    assert clock is not None
    where = (f"{row.code} {row.confidence} ({row.basis})" for row in event.jurisdictions)
    return _block(
        [
            ("duty", f"{clock.obligation}: {event.policy_reason}"),
            ("source", event.obligations[0].source_url),
            ("requires", f"{event.obligations[0].action}, of {', '.join(event.message_refs)}"),
            ("started", f"{minute(clock.started_at)}, by a {event.obligations[0].trigger}"),
            ("due", f"{minute(clock.due_at)}, {clock.status}"),
            ("where", ", ".join(where)),
            *(("goes to", f"{route.recipient}, gate: {route.gate}") for route in event.routing),
            ("rule of law", f"{event.rule_of_law.tier}, {event.rule_of_law.decision}"),
            ("stop it", f"{running_program()} clock {clock.clock_id} fulfilled --actor me"),
        ]
    )


def refusal_portrait(routing: AuthorityRouting) -> str:
    """A refused request as lines, each with a name and a value."""
    assert routing.findings is not None
    law = routing.findings.rule_of_law
    rows = [
        ("from", f"{routing.authority.country} {routing.authority.type}, citing {routing.legal_basis}"),
        ("demands", ", ".join(routing.demands)),
    ]
    for refusal in routing.findings.refusals:
        rows.append(("refused", f"{refusal.code}: {refusal.reason}"))
        rows += [("norm", f"{norm.title}, {norm.url}") for norm in refusal.norms]
    rows += [("goes to", f"{route.recipient}, gate: {route.gate}") for route in routing.recipients]
    rows.append(("rule of law", f"{law.tier}, {law.decision}"))
    return _block(rows)


def _block(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"  {name:<12} {text}" for name, text in rows)


def _duty(obligation: EscalatedObligation) -> str:
    clock = f"clock {obligation.clock_status}"
    if obligation.not_armed_reason:
        clock += f" ({obligation.not_armed_reason})"
    if obligation.target_at:
        clock += f", internal target {minute(obligation.target_at)}"
    known = [obligation.standard, obligation.authority, clock, obligation.source_url]
    return f"{obligation.id}: {', '.join(part for part in known if part)}"
