"""Cases about the integrity of reporting: written as they come, listed with their state, newest first."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import msgspec

from streams.contract.events.integrity_case import (
    CaseForReview,
    DetectorCase,
    DetectorCaseKind,
    IntegrityCaseKind,
)
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import moment_ms
from streams.desk.console.casework.work import IntegrityWork
from streams.desk.console.read_model.acts import work_on_integrity
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.paging import ListFilter, page_of
from streams.desk.console.read_model.statements import SQL

AnyCaseKind = IntegrityCaseKind | DetectorCaseKind
"""The kinds of both events that `integrity-cases` holds."""

_CASE = msgspec.json.Decoder(CaseForReview)
_DETECTOR_CASE = msgspec.json.Decoder(DetectorCase)


def apply_integrity_case(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add a case. Raises msgspec.DecodeError if the record holds something else."""
    case = _read(record.value or b"")
    writer.execute(
        SQL["put_integrity_case"],
        (case.case_id, case.kind, moment_ms(case.at), record.value),
    )
    changes.integrity_cases.add(case.case_id)


@dataclass(frozen=True)
class IntegrityFilter(ListFilter):
    """Which cases a view shows. None filters nothing. A case is closed once somebody said what was found."""

    listed: Literal["open", "closed", "all"] = "open"
    kind: AnyCaseKind | None = None


class IntegrityCase(NamedTuple):
    """A case, and what people did with it."""

    found: CaseForReview | DetectorCase
    work: IntegrityWork


class IntegrityPage(NamedTuple):
    """Cases in order, and where the next page begins; None if there are no more."""

    cases: Sequence[IntegrityCase]
    after: str | None


def integrity_page(
    reader: sqlite3.Connection, shown: IntegrityFilter, after: str | None = None
) -> IntegrityPage:
    """A page of cases. Raises BadFilter if `after` is not what an earlier page said."""
    page = page_of(reader, "integrity_cases", shown, ("newest_first", "case_id"), after)
    cases = [
        IntegrityCase(_read(row["event"]), work_on_integrity(reader, row["case_id"])) for row in page.rows
    ]
    return IntegrityPage(cases, page.after)


def integrity_case(reader: sqlite3.Connection, case_id: str) -> IntegrityCase | None:
    """The case of this id; None if there is none."""
    row = reader.execute(SQL["integrity_case"], (case_id,)).fetchone()
    return None if row is None else IntegrityCase(_read(row["event"]), work_on_integrity(reader, case_id))


class _Kind(msgspec.Struct):
    kind: AnyCaseKind


_KIND = msgspec.json.Decoder(_Kind)


def _read(event: bytes) -> CaseForReview | DetectorCase:
    of_detector = _KIND.decode(event).kind in get_args(DetectorCaseKind)
    return (_DETECTOR_CASE if of_detector else _CASE).decode(event)
