"""One escalation in detail: what a trust and safety desk gets to see."""

from streams.commands.demo.tally import Tally
from streams.commands.scenario.storylines import DEEPFAKE_WAVE
from streams.events.escalation import Escalation
from streams.events.obligation import EscalatedObligation


def most_telling(tally: Tally) -> Escalation | None:
    """The escalation of the deepfake wave at the highest level, and among those the one with most duties."""
    candidates = (escalation for escalation in tally.escalations if tally.story(escalation) == DEEPFAKE_WAVE)
    return max(
        candidates, key=lambda row: (row.level, len(row.obligations), row.counts.reports), default=None
    )


def portrait(escalation: Escalation) -> str:
    """A block of lines, each a name and what the escalation holds under it."""
    counts = escalation.counts
    counted = (
        f"{counts.reports} reports by {counts.distinct_reporters} reporters with a pseudonym, "
        f"trusted flaggers {counts.trusted_flaggers}, detectors {counts.automated}, risk {escalation.score.value:.2f}"
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
    return "\n".join(f"  {name:<12} {text}" for name, text in rows)


def _duty(obligation: EscalatedObligation) -> str:
    known = [
        obligation.standard,
        obligation.authority,
        f"clock {obligation.clock_status}",
        obligation.source_url,
    ]
    return f"{obligation.id}: {', '.join(part for part in known if part)}"
