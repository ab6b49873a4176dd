"""What the fields of a form say."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, get_args

import msgspec
from starlette.datastructures import FormData

from streams.contract.events.case_activity import ActivityKind
from streams.contract.events.desk_member import DeskMember

# Browsers read \ as /, skip tabs and line breaks, and take // for the begin of another host.
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


ACTIVITY_KINDS: Final[Mapping[str, ActivityKind]] = {kind: kind for kind in get_args(ActivityKind)}

# How long a case may be put off. Longer waits are forgotten; a case that needs none is closed.
SNOOZES: Final = {"1 h": 1, "4 h": 4, "1 d": 24, "3 d": 72, "7 d": 168}

# A claim ends by itself, so that a case does not stay with somebody who went home.
_CLAIM_HOURS: Final = 8

NOT_KNOWN: Final = 503
"""The status of a page that cannot say whether the act that its form asked for has counted."""

LOST_RACE: Final = 409
"""The status of a page that says why an act did not count, as it is when somebody else was faster."""

Part = TypeVar("Part", bound=msgspec.Struct)


class WrongForm(Exception):
    """A form says something that it cannot say; the message names the field."""


class OldPage(WrongForm):
    """A form is of a page that did not show what its act is about now."""


def page_id(form: Mapping[str, Any] | None) -> str:
    """The id of the page from which a form came: an act that is sent again with it is the same act."""
    return str((form or {}).get("act_id", "")).partition("-")[0]


def text_of(form: FormData, name: str) -> str:
    """The text of a field, empty if it is not there."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def choice_of(form: FormData, name: str, label: str) -> str:
    """The value that was chosen for a field. Raises WrongForm if none was."""
    value = text_of(form, name)
    if not value:
        raise WrongForm(f"Choose {label}.")
    return value


def as_part(document: Mapping[str, Any], part: type[Part]) -> Part:
    """What a form says as a part of an act. Raises WrongForm if a field is missing or wrong."""
    try:
        return msgspec.convert(document, part)
    except msgspec.ValidationError as error:
        raise WrongForm(f"The form is not complete: {error}") from None


def local_path(form: FormData) -> str | None:
    """The path of this console to which the form asks to go next; None if it names none, or another place."""
    return as_local_path(text_of(form, "next"))


def as_local_path(text: str) -> str | None:
    """The text if it is a path of this console, with its query; None if it could lead anywhere else."""
    return text if _LOCAL.fullmatch(text) else None


def version_of(text: str) -> int:
    """The version of a case that a form had seen. Raises WrongForm."""
    if not text.isdecimal() or len(text) > 9:
        raise WrongForm("version must be a number: load the page again.")
    return int(text)


def act_fields(form: FormData, kind: ActivityKind, member: DeskMember, version: int) -> dict[str, Any]:
    """The fields of an act on this version that do not depend on which case it is about. Raises WrongForm."""
    now = datetime.now(UTC)
    return {
        "activity_id": text_of(form, "act_id"),
        "kind": kind,
        "actor": member,
        "at": now,
        "expected_version": version,
        "until": until(form, kind, now),
        "note": choice_of(form, "note", "what to note") if kind == "noted" else None,
    }


def until(form: FormData, kind: ActivityKind, now: datetime) -> datetime | None:
    """When an act ends by itself: a claim after a shift, a snooze when its form says. Raises WrongForm."""
    if kind == "claimed":
        return now + timedelta(hours=_CLAIM_HOURS)
    if kind != "snoozed":
        return None
    hours = SNOOZES.get(text_of(form, "snooze"))
    if hours is None:
        raise WrongForm(f"snooze must be one of {', '.join(SNOOZES)}.")
    return now + timedelta(hours=hours)
