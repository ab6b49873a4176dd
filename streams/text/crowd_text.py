"""Voices, trust, coordination and priority of an escalation in words."""

import msgspec

from streams.events.escalation import Counts
from streams.events.integrity import IntegrityFinding, IntegritySignal
from streams.events.priority import Priority

_Rows = list[tuple[str, str]]

SIGNALS: dict[IntegritySignal, str] = {
    "linked_reporters": "some reported the same messages before",
    "burst": "far more reports than usual",
    "first_time_reporters": "most have no earlier outcome",
    "young_accounts": "most accounts are under a week old",
    "non_members": "most are not members",
    "category_disagreement": "they name different harms",
    "same_hour_raid": "most reported many messages within an hour",
}
"""Signs of coordination in words."""


def voices_rows(counts: Counts) -> _Rows:
    """As how many voices the reporters count, and how far they are trusted; nothing without the stage of reporters."""
    if counts.voices is msgspec.UNSET:
        return []
    trusted = counts.trusted_voices or 0
    return [
        (
            "voices",
            f"{counts.voices:.1f} of {counts.distinct_reporters} reporters; {counts.linked or 0} of them report together",
        ),
        ("trust", f"{trusted} with medium or high trust, from outcomes of earlier reports"),
    ]


def finding_rows(finding: IntegrityFinding | msgspec.UnsetType) -> _Rows:
    """What was found of coordination, and by which signs; nothing if nothing was."""
    if finding is msgspec.UNSET:
        return []
    signs = "; ".join(SIGNALS[signal] for signal in finding.signals)
    return [
        ("coordinated", f"{finding.members} reporters, score {finding.score:.2f}: {signs}"),
        ("", finding.sentence),
    ]


def priority_text(priority: Priority) -> str:
    """The priority as in `57 of 100: clock 24, level 17, risk 9, voices 7, age 0`."""
    parts = ", ".join(
        f"{name} {getattr(priority.components, name)}" for name in priority.components.__struct_fields__
    )
    return f"{priority.value} of 100: {parts}"
