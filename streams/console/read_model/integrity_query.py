"""Lists cases about the integrity of reporting, the newest first."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import msgspec

from streams.console.read_model.paging import equal, given_in, page_of, parameters_of, require
from streams.events.integrity_case import CaseForReview, IntegrityCaseKind

_CASE = msgspec.json.Decoder(CaseForReview)


@dataclass(frozen=True, slots=True)
class IntegrityFilter:
    """Which cases a view shows. None filters nothing."""

    kind: IntegrityCaseKind | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "IntegrityFilter":
        """The filter that the parameters of an address say. Raises BadFilter."""
        values = given_in(cls, given)
        require(values, "kind", get_args(IntegrityCaseKind))
        return cls(**values)  # type: ignore[arg-type]

    def parameters(self) -> dict[str, str]:
        """The parameters of an address that say this filter, without those that filter nothing."""
        return parameters_of(self, IntegrityFilter())


class IntegrityPage(NamedTuple):
    """Cases in order, and where the next page begins; None if there are no more."""

    cases: Sequence[CaseForReview]
    after: str | None


def integrity_page(
    reader: sqlite3.Connection, shown: IntegrityFilter, after: str | None = None
) -> IntegrityPage:
    """A page of cases. Raises BadFilter if `after` is not what an earlier page said."""
    where, values = ["1 = 1"], list[str | int]()
    equal(where, values, {"kind": shown.kind})
    # SQLite also takes the name of a result in a condition.
    select = "SELECT case_id, event, -at_ms AS newest_first FROM integrity_case"
    page = page_of(reader, select, where, values, ("newest_first", "case_id"), after)
    return IntegrityPage([_CASE.decode(row["event"]) for row in page.rows], page.after)
