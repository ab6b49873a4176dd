"""Builds legal duties from the files in the law folder."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import get_args

from streams.contract.events.authority_request import RequestElement
from streams.contract.events.report import Category, NoticeDeclaration, NoticeElement
from streams.registry.calendars import national_calendar
from streams.registry.durations import parse_legal_duration
from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.jurisdictions import check_authority
from streams.registry.lawbook import Lawbook
from streams.registry.obligation import Obligation, Trigger
from streams.registry.overlaps import refuse_overlaps
from streams.registry.reading.document import Document, FieldPath
from streams.registry.row_of_law import LawSource, Marks, NextDay, Penalty, Signature, WatchedRow, weakest
from streams.registry.rules import HolidayCalendar, PlatformFacts
from streams.registry.shapes.law import JurisdictionFile
from streams.registry.shapes.obligation import ObligationRow

# What an authority's request says and lacks, not its kind, meets these.
FROM_ITS_CONTENT: frozenset[Trigger] = frozenset(("incomplete_order", "unvalidated_emergency_order"))
# Only an authority's request meets these.
ORDER_TRIGGERS: frozenset[Trigger] = FROM_ITS_CONTENT | {
    "authority_order",
    "regulator_notice",
    "data_order",
}
_NOTICE_ELEMENTS = frozenset((*get_args(NoticeElement), *get_args(NoticeDeclaration)))
_REQUEST_ELEMENTS = frozenset(get_args(RequestElement))


def build_obligations(
    book: Lawbook,
    jurisdictions: dict[str, JurisdictionRules],
    authorities: dict[str, Authority],
    calendars: Mapping[str, HolidayCalendar],
    platform: PlatformFacts,
    categories: Collection[Category],
    hashes: Mapping[str, str],
    signatures: Mapping[str, Signature],
) -> tuple[tuple[Obligation, ...], tuple[WatchedRow, ...]]:
    """Build the duties, and the rows whose law is not in force.

    Both are ordered GLOBAL, then regions, then countries, each in the order of its file.

    Regulation 1182/71 counts the holidays of the Member State in which the act is to be done (art. 2(1)): for
    a row without `holiday_calendar`, that of the platform's establishment, or else of its legal
    representative. `categories` are those that there are, `hashes` those of all rows
    (`row_hash`), `signatures` those that hold, by row.

    Raises RegistryError for a duty that refers to something unknown, contradicts itself, or overlaps another.
    """
    seen: dict[str, str] = {}
    home = national_calendar(platform.establishment or platform.legal_representative, calendars)
    duties = []
    watched = []
    for document, file in book:
        for index, row in enumerate(file.obligations):
            place = ("obligations", index)
            if row.id in seen:
                document.refuse((*place, "id"), f"is also an id in {seen[row.id]}; ids must be unique")
            seen[row.id] = document.path.name
            if not row.id.startswith(f"{file.code}."):
                document.refuse((*place, "id"), f"must begin with {file.code}.")
            check_authority(
                document,
                (*place, "authority"),
                row.authority,
                file.code,
                jurisdictions[file.code].regions,
                authorities,
            )
            _check_times(document, place, row, calendars)
            _check_start(document, place, row, file)
            _check_reach(document, place, row)
            _check_places(document, place, row, file, jurisdictions)
            if row.watched:
                watched.append(_watched(row, file.code))
            else:
                signed = signatures.get(row.id)
                sha256 = hashes[row.id]
                duties.append(_obligation(row, file.code, home, tuple(categories), platform, sha256, signed))
        refuse_overlaps(document, file.obligations)
    return tuple(duties), tuple(watched)


def _check_times(
    document: Document, place: FieldPath, row: ObligationRow, calendars: Collection[str]
) -> None:
    if row.in_force_until is not None and row.in_force_until < (row.in_force_from or date.min):
        document.refuse((*place, "in_force_until"), "must not be before in_force_from")
    if row.holiday_calendar is not None and row.holiday_calendar not in calendars:
        document.refuse((*place, "holiday_calendar"), f"{row.holiday_calendar} is not in calendars.yaml")
    if row.holiday_calendar is not None and row.calendar == "elapsed":
        document.refuse(
            (*place, "holiday_calendar"),
            "is only valid with calendar: business_days or calendar: regulation_1182_71",
        )
    if row.meaning != "deadline" and row.duration is None:
        document.refuse((*place, "meaning"), f"{row.meaning} needs a duration")
    if row.meaning == "not_before" and row.trigger not in ORDER_TRIGGERS:
        document.refuse((*place, "meaning"), "not_before is only valid for what an authority's request asks")
    if row.after_pause == "restarts" and (row.meaning != "deadline" or not row.pausable_for):
        document.refuse(
            (*place, "after_pause"), "restarts needs a deadline that pausable_for allows to pause"
        )
    if row.duration is None:
        return
    try:
        months, milliseconds = parse_legal_duration(row.duration)
    except ValueError as error:
        document.refuse((*place, "duration"), str(error))
    kept = row.calendar == "regulation_1182_71" and row.meaning == "retention"
    if row.calendar != "elapsed" and ((months and not kept) or milliseconds % 86_400_000):
        document.refuse(
            (*place, "duration"), f"must be whole days with calendar: {row.calendar}, such as P5D"
        )


def _check_start(document: Document, place: FieldPath, row: ObligationRow, file: JurisdictionFile) -> None:
    if row.runs_from is None:
        return
    if row.meaning != "retention" or row.trigger not in ORDER_TRIGGERS:
        document.refuse(
            (*place, "runs_from"), "is only valid for a retention period that an authority's request starts"
        )
    start = next((other for other in file.obligations if other.id == row.runs_from), None)
    if start is None or start.trigger != row.trigger or start.duration is None:
        document.refuse(
            (*place, "runs_from"),
            f"{row.runs_from} is not a duty of this file with the trigger {row.trigger} and a duration",
        )


def _check_reach(document: Document, place: FieldPath, row: ObligationRow) -> None:
    if isinstance(row.categories, list) and len(set(row.categories)) < len(row.categories):
        document.refuse((*place, "categories"), "names a category twice")
    of_request = row.trigger in ORDER_TRIGGERS
    allowed = _REQUEST_ELEMENTS if of_request else _NOTICE_ELEMENTS
    for index, element in enumerate(row.required_elements):
        if element not in allowed:
            source = "an authority's request" if of_request else "a report"
            document.refuse(
                (*place, "required_elements", index),
                f"{element} is never part of {source}, and only {source} meets {row.trigger}",
            )
    of_requests_only = {
        "legal_bases": bool(row.legal_bases),
        "demands": row.demands is not None,
        "emergency": row.emergency is not None,
        "enforcing_authority_notified": row.enforcing_authority_notified is not None,
        "questions": bool(row.questions),
    }
    for field, given in of_requests_only.items():
        if given and not of_request:
            document.refuse(
                (*place, field),
                f"is only valid for a trigger that an authority's request meets; {row.trigger} is not one",
            )
    if (row.action == "produce_data") != (row.gate is not None):
        document.refuse(
            (*place, "gate"), "is required with action: produce_data, and not valid with any other action"
        )


def _check_places(
    document: Document,
    place: FieldPath,
    row: ObligationRow,
    file: JurisdictionFile,
    jurisdictions: Mapping[str, JurisdictionRules],
) -> None:
    for index, code in enumerate(row.except_in):
        if code not in jurisdictions or file.code not in jurisdictions[code].regions:
            document.refuse((*place, "except_in", index), f"{code} is not a member of {file.code}")
    if row.territory is not None and row.territory not in jurisdictions:
        document.refuse((*place, "territory"), f"{row.territory} has no file")


def _obligation(
    row: ObligationRow,
    code: str,
    home_calendar: str | None,
    categories: tuple[Category, ...],
    platform: PlatformFacts,
    sha256: str,
    signed: Signature | None,
) -> Obligation:
    # The shape refuses a row in force without these.
    assert row.categories is not None
    assert row.trigger is not None
    assert row.action is not None
    assert row.applies_to is not None
    assert row.in_force_from is not None
    return Obligation(
        id=row.id,
        jurisdiction=code,
        instrument=row.instrument,
        article=row.article,
        title=row.title,
        categories=categories if row.categories == "all" else tuple(row.categories),
        trigger=row.trigger,
        required_elements=tuple(row.required_elements),
        action=row.action,
        duration=row.duration,
        meaning=row.meaning,
        standard=row.standard,
        calendar=row.calendar,
        holiday_calendar=row.holiday_calendar
        or (home_calendar if row.calendar == "regulation_1182_71" else None),
        pausable_for=tuple(row.pausable_for),
        after_pause=row.after_pause,
        runs_from=row.runs_from,
        questions=tuple(row.questions),
        exempt_sizes=tuple(row.exempt_sizes),
        enforcing_authority_notified=row.enforcing_authority_notified,
        authority=row.authority,
        applies_to=row.applies_to,
        public_only=row.public_only,
        except_in=tuple(row.except_in),
        legal_bases=tuple(row.legal_bases),
        demands=tuple(row.demands or ()),
        emergency=row.emergency,
        gate=row.gate,
        territory=row.territory or code,
        in_force_from=row.in_force_from,
        in_force_until=row.in_force_until,
        sources=_sources(row),
        marks=_marks(row),
        # A row in the form of version 0.2 was written when a secondary mark armed like a verified one.
        secondary_arms=platform.secondary_rows_arm or row.source is not None,
        review_by=row.review_by,
        owner=row.owner,
        read_by=row.read_by,
        next=_next(row),
        penalties=_penalties(row),
        signed=signed,
        sha256=sha256,
        lacking=tuple(name for name in ("status", "owner", "review_by") if getattr(row, name) is None),
    )


def _watched(row: ObligationRow, code: str) -> WatchedRow:
    assert row.status is not None
    return WatchedRow(
        id=row.id,
        jurisdiction=code,
        status=row.status,
        instrument=row.instrument,
        article=row.article,
        title=row.title,
        in_force_from=row.in_force_from,
        next=_next(row),
        sources=_sources(row),
        marks=_marks(row),
        owner=row.owner,
        read_by=row.read_by,
        review_by=row.review_by,
        penalties=_penalties(row),
    )


def _sources(row: ObligationRow) -> tuple[LawSource, ...]:
    if row.source is not None:
        return (LawSource(row.source.title, row.source.url, row.source.checked),)
    return tuple(
        LawSource(
            title=source.title,
            url=source.url,
            read_on=source.read_on,
            article=source.article,
            language=source.language,
            quote=source.quote,
            translation=source.translation,
            sha256=source.sha256,
        )
        for source in row.sources or ()
    )


def _marks(row: ObligationRow) -> Marks:
    return Marks(
        dates=weakest(row.mark("dates")),
        reach=weakest(row.mark("reach")),
        categories=weakest(row.mark("categories")),
        time=row.mark("time"),
        elements=row.mark("elements"),
    )


def _next(row: ObligationRow) -> NextDay | None:
    return None if row.next is None else NextDay(row.next.day, row.next.what)


def _penalties(row: ObligationRow) -> tuple[Penalty, ...]:
    return tuple(Penalty(each.amount, each.liable, each.article) for each in row.penalties or ())
