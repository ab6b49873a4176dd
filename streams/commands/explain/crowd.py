"""What an event says about the crowd behind it: voices, trust and signs of coordination, and its priority, in words."""

from collections.abc import Mapping

import msgspec

from streams.events.escalation import Counts, Integrity
from streams.events.integrity import IntegritySignal
from streams.events.priority import Priority

Rows = list[tuple[str, str]]

_SIGNALS: Mapping[IntegritySignal, str] = {
    "linked_reporters": "reporters who reported the same messages before",
    "burst": "far more reports than this channel usually has",
    "first_time_reporters": "reporters without any earlier outcome",
    "young_accounts": "accounts under a week old",
    "non_members": "people who are not members",
    "category_disagreement": "reporters who name different harms",
    "same_hour_raid": "reporters with many messages within an hour",
}

_COMPONENTS = ("clock", "level", "risk", "voices", "age")


def voices_rows(counts: Counts) -> Rows:
    """How many voices the reporters count as, and how many are trusted; nothing if no report passed the stage of reporters."""
    if isinstance(counts.voices, msgspec.UnsetType):
        return []
    rows = [("voices", f"{_short(counts.voices)}, counting reporters who report together as few")]
    if isinstance(counts.linked, int):
        rows.append(("linked", f"{counts.linked} {_reporters(counts.linked)} who report together"))
    if isinstance(counts.trusted_voices, int):
        trusted = counts.trusted_voices
        rows.append(
            ("trust", f"{trusted} of these voices {'is' if trusted == 1 else 'are'} of class medium or high")
        )
    return rows


def coordination_rows(integrity: Integrity) -> Rows:
    """What was found about coordinated reporting; nothing if nothing was."""
    found = integrity.finding
    if isinstance(found, msgspec.UnsetType):
        return []
    signals = ", ".join(_SIGNALS[name] for name in found.signals)
    return [
        ("together", found.sentence),
        (
            "signs",
            f"{signals or 'none'}; score {_short(found.score)}, {found.members} {_reporters(found.members)}",
        ),
    ]


def priority_rows(priority: Priority | msgspec.UnsetType) -> Rows:
    """The priority and the points it is made of; nothing for an event of an earlier version."""
    if isinstance(priority, msgspec.UnsetType):
        return []
    parts = [(name, getattr(priority.components, name)) for name in _COMPONENTS]
    made_of = ", ".join(f"{name} {points}" for name, points in parts if points)
    return [("priority", f"{priority.value} of 100{f' = {made_of}' if made_of else ''}")]


def _reporters(number: int) -> str:
    return "reporter" if number == 1 else "reporters"


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
