"""Builds policies from policies.yaml."""

from collections.abc import Callable, Collection
from pathlib import Path

from streams.counting.measures import MEASURES, MeasureName
from streams.counting.windows import window_ring
from streams.registry.document import Document, Place, read_document
from streams.registry.durations import parse_duration
from streams.registry.hashing import content_hash
from streams.registry.rules import LEGAL_CLOCK, Level, Policy
from streams.registry.shapes import LevelRow, PoliciesFile, PolicyRow

SHIPPED = Path(__file__).with_name("policies.yaml")


def load_policies(path: Path | None = None, categories: Collection[str] | None = None) -> tuple[Policy, ...]:
    """Load the policies alone, from the built-in file unless another is given.

    `categories` are those that a policy may name, None for any. Raises RegistryError, which names file, line and field, if anything is invalid.
    """
    document = read_document(SHIPPED if path is None else path)
    return build_policies(document, document.parse(PoliciesFile, categories))


def build_policies(document: Document, file: PoliciesFile) -> tuple[Policy, ...]:
    """Build the policies in the order of the file. Raises RegistryError for a duplicate id or inconsistent values."""
    seen: dict[str, int] = {}
    for index, row in enumerate(file.policies):
        if row.id == LEGAL_CLOCK:
            document.refuse(
                ("policies", index, "id"),
                "is reserved for the escalations of legal clocks; choose another id",
            )
        if row.id in seen:
            document.refuse(
                ("policies", index, "id"), f"is also the id of policies[{seen[row.id]}]; ids must be unique"
            )
        seen[row.id] = index
    return tuple(_policy(document, ("policies", index), row) for index, row in enumerate(file.policies))


def _policy(document: Document, place: Place, row: PolicyRow) -> Policy:
    if len(set(row.categories)) < len(row.categories):
        document.refuse((*place, "categories"), "names a category twice")
    return Policy(
        id=row.id,
        mode=row.mode,
        categories=tuple(row.categories),
        window=row.window,
        window_ms=_duration(document, (*place, "window"), row.window, _check_window),
        levels=_levels(document, (*place, "levels"), row.levels),
        clear_below=row.clear_below,
        min_clear_ms=_duration(document, (*place, "min_clear"), row.min_clear),
        cooldown_ms=_duration(document, (*place, "cooldown"), row.cooldown),
        reason=row.reason,
        content_hash=content_hash([row]),
    )


def _check_window(milliseconds: int) -> None:
    window_ring(milliseconds)


def _duration(document: Document, place: Place, text: str, check: Callable[[int], None] | None = None) -> int:
    try:
        milliseconds = parse_duration(text)
        if check is not None:
            check(milliseconds)
    except ValueError as error:
        document.refuse(place, str(error))
    return milliseconds


def _levels(document: Document, place: Place, rows: list[LevelRow]) -> tuple[Level, ...]:
    highest: dict[MeasureName, float] = {}
    for index, row in enumerate(rows):
        if row.level != index + 1:
            document.refuse(
                (*place, index, "level"),
                f"must be {index + 1}: levels are numbered from 1 in ascending order",
            )
        for measure, threshold in row.when.items():
            where = (*place, index, "when", measure)
            if MEASURES[measure].scale == 1 and threshold != int(threshold):
                document.refuse(where, "is a count, so its threshold must be a whole number")
            if MEASURES[measure].unit == "share" and threshold > 1:
                document.refuse(where, "is a share, so its threshold must be at most 1")
            if threshold < highest.get(measure, 0.0):
                document.refuse(
                    where, f"must be at least {highest[measure]:g}, the threshold of a lower level"
                )
            highest[measure] = threshold
    return tuple(Level(level=row.level, name=row.name, when=dict(row.when)) for row in rows)
