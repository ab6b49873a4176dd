"""Builds policies from policies.yaml."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, cast

from streams.contract.events.escalation import Comparison
from streams.counting.conditions import Condition, condition
from streams.counting.measures import MeasureName
from streams.counting.usual.history import LONGEST_WINDOW_MS
from streams.counting.windows import window_ring
from streams.registry.durations import parse_duration, require_positive
from streams.registry.policy import LEGAL_CLOCK, RANDOM_SAMPLE, Level, Policy
from streams.registry.reading.document import Document, FieldPath, content_hash, read_document
from streams.registry.rules import AskRules
from streams.registry.shapes.rules import LevelRow, PoliciesFile, PolicyRow

_RESERVED: Final = {LEGAL_CLOCK: "legal clocks", RANDOM_SAMPLE: "the random sample"}

SHIPPED = Path(__file__).with_name("policies.yaml")


def load_policies(path: Path | None = None, categories: Collection[str] | None = None) -> tuple[Policy, ...]:
    """Load the policies alone, from the built-in file unless another is given.

    `categories` are those that a policy may name, None for any. Raises RegistryError, which names file, line
    and field, if anything is invalid.
    """
    document = read_document(SHIPPED if path is None else path)
    return build_policies(document, document.parse(PoliciesFile, categories))


def build_policies(document: Document, file: PoliciesFile) -> tuple[Policy, ...]:
    """Build the policies in the order of the file.

    Raises RegistryError for a duplicate id or inconsistent values.
    """
    seen: dict[str, int] = {}
    for index, row in enumerate(file.policies):
        if row.id in _RESERVED:
            document.refuse(
                ("policies", index, "id"),
                f"is reserved for the escalations of {_RESERVED[row.id]}; choose another id",
            )
        if row.id in seen:
            document.refuse(
                ("policies", index, "id"), f"is also the id of policies[{seen[row.id]}]; ids must be unique"
            )
        seen[row.id] = index
    return tuple(_policy(document, ("policies", index), row) for index, row in enumerate(file.policies))


def build_ask(document: Document, file: PoliciesFile) -> AskRules | None:
    """Build the rules for asking a desk, None if the file has none. Raises RegistryError."""
    row = file.ask
    if row is None:
        return None
    within = _duration(document, ("ask", "within"), row.within, require_positive)
    return AskRules(row.mode, row.proven_voices, row.reports, within)


def _policy(document: Document, place: FieldPath, row: PolicyRow) -> Policy:
    if len(set(row.categories)) < len(row.categories):
        document.refuse((*place, "categories"), "names a category twice")
    window_ms = _duration(document, (*place, "window"), row.window, _check_window)
    levels = _levels(document, (*place, "levels"), row.levels)
    if window_ms > LONGEST_WINDOW_MS and any(
        "surprise" in {*one.when, *(one.any_of or ())} for one in row.levels
    ):
        document.refuse((*place, "window"), "must be at most PT24H: surprise is about hours of the week")
    return Policy(
        id=row.id,
        mode=row.mode,
        categories=tuple(row.categories),
        window=row.window,
        window_ms=window_ms,
        levels=levels,
        clear_below=row.clear_below,
        min_clear_ms=_duration(document, (*place, "min_clear"), row.min_clear),
        cooldown_ms=_duration(document, (*place, "cooldown"), row.cooldown),
        reason=row.reason,
        content_hash=content_hash([row]),
        per_hour=None if row.budget is None else row.budget.per_hour,
        channel_kind=row.channel_kind,
    )


def _check_window(milliseconds: int) -> None:
    window_ring(milliseconds)


def _duration(
    document: Document, place: FieldPath, text: str, check: Callable[[int], None] | None = None
) -> int:
    try:
        milliseconds = parse_duration(text)
        if check is not None:
            check(milliseconds)
    except ValueError as error:
        document.refuse(place, str(error))
    return milliseconds


def _levels(document: Document, place: FieldPath, rows: list[LevelRow]) -> tuple[Level, ...]:
    lower: dict[tuple[MeasureName, bool], Condition] = {}
    levels = []
    for index, row in enumerate(rows):
        if row.level != index + 1:
            document.refuse(
                (*place, index, "level"),
                f"must be {index + 1}: levels are numbered from 1 in ascending order",
            )
        when = _conditions(document, (*place, index, "when"), row.when, lower)
        any_of = _conditions(document, (*place, index, "any_of"), row.any_of or {}, lower)
        if not any(condition.is_minimum for condition in when):
            document.refuse(
                (*place, index, "when"), "needs a condition with >= or >: this level holds without any report"
            )
        level = Level(row.level, row.name, when, any_of)
        _check_together(document, (*place, index), level)
        lower |= {(one.measure.name, one.is_minimum): one for one in (*when, *any_of)}
        levels.append(level)
    return tuple(levels)


def _conditions(
    document: Document,
    place: FieldPath,
    row: Mapping[MeasureName, float | str],
    lower: dict[tuple[MeasureName, bool], Condition],
) -> tuple[Condition, ...]:
    """Build the conditions of a level. `lower` are those of lower levels."""
    conditions = []
    for name, wanted in row.items():
        one = _condition(name, wanted)
        where = (*place, name)
        if one.is_idle:
            document.refuse(where, f"should be greater than 0 for {one.comparison}")
        if one.measure.scale == 1 and one.threshold != int(one.threshold):
            document.refuse(where, "is a count, so its threshold must be a whole number")
        if one.measure.unit == "share" and one.threshold > 1:
            document.refuse(where, "is a share, so its threshold must be at most 1")
        whole = one.measure.scale
        if one.measure.unit == "share" and (one.low > whole or (one.has_limit and one.high > whole)):
            document.refuse(where, f"is a share, so its threshold must be below 1 for {one.comparison}")
        before = lower.get((name, one.is_minimum), one)
        if one.low < before.low or one.high > before.high:
            bound = "at least" if one.is_minimum else "at most"
            document.refuse(
                where,
                f"must be {before.comparison}, as in a lower level"
                if one.threshold == before.threshold
                else f"must be {bound} {before.threshold:.15g}, the threshold of a lower level",
            )
        conditions.append(one)
    return tuple(conditions)


def _check_together(document: Document, place: FieldPath, level: Level) -> None:
    """Refuse a condition that never holds beside the others of its level, and an idle `any_of`."""
    least = max(level.when, key=lambda one: one.least_reports)
    of_measure = {one.measure.name: one for one in level.when}
    for field, conditions in (("when", level.when), ("any_of", level.any_of)):
        for one in conditions:
            where, beside = (*place, field, one.measure.name), of_measure.get(one.measure.name, one)
            if one.measure.name == "reports" and least.least_reports >= one.high:
                document.refuse(where, f"never holds together with {least.text}")
            if max(one.low, beside.low) >= min(one.high, beside.high):
                document.refuse(where, f"never holds together with {beside.text}")
            if one is not beside and one.low <= beside.low and one.high >= beside.high:
                document.refuse(where, f"always holds, because of {beside.text} in when")


def _condition(name: MeasureName, wanted: float | str) -> Condition:
    if isinstance(wanted, float):
        return condition(name, ">=", wanted)
    comparison, _, number = wanted.partition(" ")
    return condition(name, cast(Comparison, comparison), float(number))
