"""Builds holiday calendars from calendars.yaml."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.registry.reading.document import Document
from streams.registry.rules import HolidayCalendar
from streams.registry.shapes.law import CalendarsFile


def build_calendars(document: Document, file: CalendarsFile) -> dict[str, HolidayCalendar]:
    """Build the calendars by id.

    Raises RegistryError for one without a working day or with contradictions.
    """
    calendars: dict[str, HolidayCalendar] = {}
    for index, row in enumerate(file.calendars):
        place = ("calendars", index)
        if row.id in calendars:
            document.refuse((*place, "id"), "is also the id of an earlier calendar; ids must be unique")
        try:
            ZoneInfo(row.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            document.refuse((*place, "time_zone"), f"{row.time_zone} is not a time zone of the IANA database")
        weekend = frozenset(row.weekend)
        # The calendar of a state is found by this id.
        if row.id != row.state.lower() and not row.id.startswith(f"{row.state.lower()}-"):
            document.refuse(
                (*place, "id"),
                f"must be {row.state.lower()}, or begin with {row.state.lower()}- for a part of the state",
            )
        if len(weekend) == 7:
            document.refuse((*place, "weekend"), "must leave at least one working day")
        for position, holiday in enumerate(row.holidays):
            if holiday.day > row.known_until:
                document.refuse((*place, "holidays", position, "day"), "must not be after known_until")
        calendars[row.id] = HolidayCalendar(
            id=row.id,
            time_zone=row.time_zone,
            weekend=weekend,
            holidays=frozenset(holiday.day for holiday in row.holidays),
            known_until=row.known_until,
            source_url=row.source.url,
            possible=frozenset(row.possible),
            working=frozenset(row.working),
        )
    return calendars


def national_calendar(state: str | None, calendars: Mapping[str, HolidayCalendar]) -> str | None:
    """Return the id of a state's national calendar; None without a state or a calendar of it."""
    id_ = (state or "").lower()
    return id_ if id_ in calendars else None
