"""Finds out, part by part, why a row of law starts a clock for a case or not.

The deciding code is asked, not imitated: it judges the case by the registry in which everything about the row
is loosened except one part. What it then says of the row is what that part does to the case.
"""

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from streams.commands.registry.case_file import Case
from streams.contract.events.obligation import EscalatedObligation, NotArmedReason
from streams.deciding.law.applicability import GLOBAL
from streams.registry.obligation import Obligation, Trigger
from streams.registry.row_of_law import Marks
from streams.registry.rules import Rules


class Part(NamedTuple):
    """A part of a row. `fields` are those that belong to it; a part that `arms` decides only about the clock.

    The law behind a legal basis depends on the place too, so it can only be asked where the place fits
    (`after`).
    """

    name: str
    fields: tuple[str, ...]
    arms: bool = False
    after: str | None = None


PARTS = (
    Part("dates", ("in_force_from", "in_force_until")),
    Part("place", ("jurisdiction", "except_in")),
    Part("size", ("exempt_sizes",)),
    Part("visibility", ("public_only",)),
    Part("category", ("categories",)),
    Part("legal basis", ("legal_bases", "jurisdiction"), after="place"),
    Part("demands", ("demands",)),
    Part("urgency", ("emergency",)),
    Part("notification", ("enforcing_authority_notified",)),
    Part("trigger", ("trigger",), arms=True),
    Part("marks", ("marks", "secondary_arms"), arms=True),
    Part("time", ("duration", "meaning", "calendar", "holiday_calendar"), arms=True),
    Part("elements", ("required_elements",), arms=True),
)


class PartVerdict(NamedTuple):
    """Whether a part of the row fits the case; None if it was not asked, because something before it failed.

    `reason` is what the deciding code gives for a clock that this part alone keeps from running; None if the
    part keeps the duty from applying at all.
    """

    part: Part
    fits: bool | None
    reason: NotArmedReason | None


class RowVerdict(NamedTuple):
    """What becomes of a row for a case.

    `duty` is the duty as it would be published, None if it does not apply. `paused`: its clock is paused from
    the start. `case_reason` is why the case
    starts no clock whatever the row says: None if one could start. `case_applies`: whether any duty could
    follow from the case; none follows from a refused request.
    """

    duty: EscalatedObligation | None
    case_applies: bool
    case_reason: NotArmedReason | None
    parts: tuple[PartVerdict, ...]
    paused: bool

    @property
    def armed(self) -> bool:
        """Whether there is a clock, which runs or is paused."""
        return self.duty is not None and self.duty.clock_status == "armed"


def verdict(rules: Rules, row: Obligation, case: Case) -> RowVerdict:
    """Judge a case by `rules`, of which `row` is one, as a whole and by each part of the row."""
    met = case.triggers(rules)
    loosened = {each: _judged(rules, _loose(rules, row, each), case) for each in sorted({row.trigger, *met})}
    freest = max(loosened.values(), key=_freedom)
    base = loosened[row.trigger] if row.trigger in met else freest
    parts: dict[str, PartVerdict] = {}
    for part in PARTS:
        # An order that lacks something starts no clock, whatever else a row asks for: what the row itself
        # asks for is seen with a trigger for which that does not hold.
        loose, found = freest if part.name == "elements" else base
        reason = None if found is None else found.not_armed_reason
        # Of several reasons the first is given, and missing elements come last.
        seen = reason is None or (reason == "elements_missing" and part.name != "elements")
        hidden = part.arms and not seen
        if found is None or hidden or (part.after is not None and not parts[part.after].fits):
            parts[part.name] = PartVerdict(part, None, None)
            continue
        fields = {name: getattr(row, name) for name in part.fields}
        _, alone = _judged(rules, dataclasses.replace(loose, **fields), case)
        why = None if alone is None else alone.not_armed_reason
        parts[part.name] = PartVerdict(part, alone is not None and why in (None, reason), why)
    found = base[1]
    return RowVerdict(
        duty=case.duty(rules, row),
        case_applies=found is not None,
        case_reason=None if found is None else found.not_armed_reason,
        parts=tuple(parts.values()),
        paused=row.id in case.paused(rules),
    )


_Judged = tuple[Obligation, EscalatedObligation | None]
"""A row, and what a case makes of it."""


def _judged(rules: Rules, row: Obligation, case: Case) -> _Judged:
    return row, case.duty(rules, row)


def _freedom(judged: _Judged) -> tuple[bool, bool]:
    duty = judged[1]
    return duty is not None and duty.clock_status == "armed", duty is not None


def _loose(rules: Rules, row: Obligation, trigger: Trigger) -> Obligation:
    """The row with everything loosened, and with this trigger."""
    return dataclasses.replace(row, **_LOOSE, categories=tuple(rules.categories), trigger=trigger)


_LOOSE: Mapping[str, Any] = {
    "in_force_from": date.min,
    "in_force_until": None,
    "jurisdiction": GLOBAL,
    "except_in": (),
    "exempt_sizes": (),
    "public_only": False,
    "legal_bases": (),
    "demands": (),
    "emergency": None,
    "enforcing_authority_notified": None,
    "marks": Marks("verified", "verified", "verified", "verified", "verified"),
    "duration": "PT1H",
    "meaning": "deadline",
    "calendar": "elapsed",
    "holiday_calendar": None,
    "required_elements": (),
    "pausable_for": (),
    "runs_from": None,
    "after_pause": "continues",
}
