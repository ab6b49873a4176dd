"""Reports that a set of rules brings along, with the levels that they must reach."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from streams.contract.events.rules.rule_set import RuleSet
from streams.registry.reading.document import Row, read_document
from streams.registry.reading.text_path import folder_in_memory

GOLDEN_REPORTS: Final = "golden_reports.yaml"

# What one person could want to see, and what a worker tries within seconds.
_MOST_CASES: Final = 200
_MOST_PEOPLE: Final = 1_000


class GoldenRow(Row):
    """So many people make the same report in one channel; each policy then reaches a level, others none."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    people: Annotated[int, Field(ge=1, le=_MOST_PEOPLE)]
    report: dict[str, Any]
    levels: dict[str, Annotated[int, Field(ge=1)]] | None = None


class GoldenFile(Row):
    """golden_reports.yaml."""

    cases: Annotated[list[GoldenRow], Field(max_length=_MOST_CASES)]


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """What is played, and the highest level of each policy that must come of it; None if any may."""

    name: str
    people: int
    report: Mapping[str, Any]
    levels: Mapping[str, int] | None


def golden_cases(rules: RuleSet, policies: Collection[str]) -> Sequence[GoldenCase]:
    """Return the cases of a set, none if it has no such file. Raises RegistryError for an invalid file.

    `policies` are those that there are.
    """
    path = folder_in_memory({file.name: file.text for file in rules.files}) / GOLDEN_REPORTS
    if not path.exists():
        return ()
    document = read_document(path)
    rows = document.parse(GoldenFile).cases
    for number, row in enumerate(rows):
        for policy in row.levels or ():
            if policy not in policies:
                document.refuse(("cases", number, "levels", policy), "is no policy of this set")
    return [GoldenCase(row.name, row.people, row.report, row.levels) for row in rows]
