"""Words, numbers and times as pages show them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from sqlite3 import Row
from typing import Final

import msgspec
from markupsafe import Markup, escape

from streams.contract.events.clock import ClockView
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MINUTE, moment_ms
from streams.desk.text.duty_words import duty_title, law_name, what_it_asks
from streams.desk.text.routing_text import minute
from streams.registry.obligation import Obligation

__all__ = [
    "ago",
    "clock_class",
    "clock_name",
    "clock_now",
    "clock_word",
    "decided_words",
    "duty_and_time",
    "duty_asks",
    "duty_name",
    "holder",
    "holder_of",
    "in_words",
    "inside_counted",
    "inside_named",
    "law_of",
    "moment_ms",
    "number",
    "rfc3339",
    "span",
    "waits",
    "web_address",
]

_CLOCK = msgspec.json.Decoder(ClockView)

_REFUSALS: Final = {
    "another_act_came_first": "somebody else was faster",
    "claimed_by_another": "somebody else works on the case",
    "nothing_proposed": "no proposal is waiting",
    "needs_another_person": "a second person must sign",
    "already_decided": "the case was decided before",
    "supersedes_nothing": "the decision that it replaces is not the one that holds",
    "sent_before": "sent a second time",
}


def in_words(code: str) -> str:
    """A code of an event or an act, such as `manifestly_unfounded`, in words."""
    return _REFUSALS.get(code) or code.replace("_", " ")


def duty_name(duties: Mapping[str, Obligation], duty_id: str) -> str:
    """A duty by its title and its law.

    By its id if the registry of this console does not have it, as that of a worker may.
    """
    return duty_title(duties[duty_id]) if duty_id in duties else duty_id


def duty_asks(duties: Mapping[str, Obligation], duty_id: str) -> str:
    """What a duty asks in two or three words; its id if the registry of this console does not have it."""
    return what_it_asks(duties[duty_id]) if duty_id in duties else duty_id


def law_of(duties: Mapping[str, Obligation], duty_id: str) -> str:
    """The law of a duty by its short name; empty if the registry of this console does not have the duty."""
    return law_name(duties[duty_id]) if duty_id in duties else ""


def clock_now(clock: Row) -> str:
    """What a clock of the read model is now, and who said so, if anybody did."""
    actor = _CLOCK.decode(clock["view"]).actor
    return in_words(clock["status"]) + ("" if actor is None else f", said {actor}")


def waits(clock: Row) -> bool:
    """Whether a clock says before when nothing may be done, instead of by when something must be done."""
    return _CLOCK.decode(clock["view"]).not_before is not None


def clock_name(duties: Mapping[str, Obligation], clock: Row) -> str:
    """A clock of the read model by its duty, when it is due, and of which channel or request it is."""
    where = "channel" if clock["subject"] == "report" else "request"
    return f"{duty_and_time(duties, clock)}, of {where} {clock['key']}"


def duty_and_time(duties: Mapping[str, Obligation], clock: Row) -> str:
    """The duty of a clock of the read model, and when it is due or its wait ends."""
    until = "not before" if waits(clock) else "due"
    return f"{duty_name(duties, clock['obligation'])}, {until} {minute(rfc3339(clock['due_ms']))}"


def number(value: float) -> str:
    """A number with as many digits as are worth reading."""
    return f"{value:,.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def span(milliseconds: int) -> str:
    """A time span in its two largest units, such as `1 d 4 h` or `12 min`."""
    left = abs(milliseconds)
    days, hours, minutes = left // DAY, left % DAY // HOUR, left % HOUR // MINUTE
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def holder(row: Row, now_ms: int) -> str | None:
    """Who works on the case or request of a row; a claim may have ended by itself."""
    until = row["claimed_until_ms"]
    return row["assignee"] if until is None or until > now_ms else None


def holder_of(members: Iterable[Row], now_ms: int) -> str | None:
    """Who works on a case, by the first of its members that somebody works on."""
    return next((found for each in members if (found := holder(each, now_ms))), None)


def ago(at_ms: int, now_ms: int) -> Markup:
    """How long ago something was, such as `3 h 5 min ago`, as a `time` element with the moment in UTC."""
    words = "just now" if now_ms - at_ms < MINUTE else f"{span(now_ms - at_ms)} ago"
    at = rfc3339(at_ms)
    return Markup('<time data-ago datetime="{}" title="{}">{}</time>').format(at, minute(at), words)


def decided_words(row: Row, now_ms: int) -> Markup:
    """What was decided before about the same case, or in its channel, by whom, and how long ago."""
    return Markup("decided{} {}: {} by {}").format(
        " in this channel" if row["elsewhere"] else "",
        ago(row["decided_ms"], now_ms),
        in_words(row["decision"]),
        row["decided_by"],
    )


def inside_counted(members: Sequence[Row], shown: Row, now_ms: int) -> str:
    """How many clocks and policies wait in a case, and when the next is due after that of its row."""
    clocks = sum(each["is_clock"] for each in members)
    counted = [
        f"{number} {name if number == 1 else plural}"
        for number, name, plural in (
            (clocks, "clock", "clocks"),
            (len(members) - clocks, "policy", "policies"),
        )
        if number
    ]
    shown_due = shown["due_ms"] or 0
    later = [each["due_ms"] for each in members if each["due_ms"] is not None and each["due_ms"] > shown_due]
    if later:
        counted.append(f"next {span(min(later) - now_ms)}{' late' if min(later) < now_ms else ''}")
    return ", ".join(counted)


def inside_named(members: Sequence[Row]) -> str:
    """The policies of a case, and its clocks by their duties."""
    return ", ".join(str((each["is_clock"] and each["duty"]) or each["policy"]) for each in members)


def clock_word(due_ms: int | None, now_ms: int) -> str:
    """The time left as a word, which says the same as its colour."""
    if due_ms is None:
        return "no clock"
    left = due_ms - now_ms
    if left <= 0:
        return "overdue"
    if left <= HOUR:
        return "within the hour"
    return "today" if left <= 24 * HOUR else "later"


def clock_class(due_ms: int | None, now_ms: int) -> str:
    """The class of a clock in the style sheet."""
    return "clock-" + clock_word(due_ms, now_ms).replace(" ", "-")


def web_address(text: str) -> str:
    """The address of a source, as events say it; empty, the page itself, for what a browser might run."""
    return text if text.startswith(("https://", "http://")) else ""


# As events have them, and as `minute` writes them.
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z| UTC)")


def with_moments(text: str) -> Markup:
    """The text, escaped, with each time in it as a `time` element that says UTC."""
    pieces = []
    end = 0
    for found in _MOMENT.finditer(text):
        pieces += [escape(text[end : found.start()]), _element(found)]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _element(found: re.Match[str]) -> Markup:
    day, hour = found.groups()
    try:
        datetime.fromisoformat(f"{day}T{hour}")
    except ValueError:
        return escape(found[0])
    return Markup('<time datetime="{0}T{1}Z">{0} {1} UTC</time>').format(day, hour)
