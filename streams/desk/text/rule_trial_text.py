"""What is counted of a candidate on trial, in words."""

from streams.contract.wire.envelope import rfc3339
from streams.desk.text.text_table import text_table
from streams.registry.changes.halting import TrialNumbers
from streams.registry.changes.history import OnTrial, short


def trial_text(trial: OnTrial, numbers: TrialNumbers) -> str:
    """Return what was counted of a candidate on trial, beside the rules in force."""
    judges = f"judges {trial.share} % of channels" if trial.share else "in shadow"
    reports = numbers.reports
    counted = (
        f"reports judged, in steps of 500 for each partition: {reports.in_force:,} by the rules in force, "
        f"{reports.candidate:,} by the candidate"
    )
    lines = [f"on trial: {short(trial.rule_set)}, {judges} since {rfc3339(trial.since_ms)}", counted]
    rows = [
        (policy, str(level), f"{sides.in_force:,}", f"{sides.candidate:,}")
        for (policy, level), sides in numbers.episodes.items()
    ]
    if rows:
        lines += ["", text_table(("policy", "level", "channels, in force", "channels, candidate"), rows)]
    return "\n".join(lines)
