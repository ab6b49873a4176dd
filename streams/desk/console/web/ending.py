"""What ends a legal clock is asked once, with each clock by its name, and said afterwards."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.case_activity import ClockClosing
from streams.contract.wire.envelope import rfc3339
from streams.desk.console.read_model.case_query import HangingClock, KnownCase
from streams.desk.console.read_model.clocks_query import clock_row
from streams.desk.console.web.clock_lines import ClockLine
from streams.desk.console.web.context import Console, console_of, page
from streams.desk.console.web.forms import WrongForm, text_of
from streams.desk.console.web.words import clock_name, duty_name, in_words
from streams.desk.text.routing_text import minute
from streams.registry.obligation import Obligation

RUNS_ON: Final = "runs_on"
"""What a form says of a clock that does not end. Empty, as fields are at first, says nothing of it."""

# The session is a cookie, of which browsers take 4 KB; the page of the case names all.
_MOST_SAID: Final = 5


def open_clock_names(cases: Sequence[KnownCase], duties: Mapping[str, Obligation]) -> dict[str, str]:
    """The open clocks of cases by their ids, each once: two cases may name a message with one clock."""
    return {
        each.view.clock_id: clock_name(duties, each.row)
        for case in cases
        for each in case.clocks
        if each.is_open
    }


def clock_choices(
    form: FormData, clocks: Sequence[HangingClock], duties: Mapping[str, Obligation]
) -> dict[str, str]:
    """What a form says becomes of each open clock, by its id; empty lets it run on.

    Raises WrongForm if one has no choice.
    """
    chosen = {}
    for clock in clocks:
        if clock.is_open:
            said = text_of(form, f"clock_{clock.view.clock_id}")
            if not said:
                name = duty_name(duties, clock.view.obligation)
                raise WrongForm(f"Choose what becomes of the clock {name}: nothing is preset.")
            chosen[clock.view.clock_id] = "" if said == RUNS_ON else said
    return chosen


def is_confirmed(form: FormData, ends: Sequence[str]) -> bool:
    """Whether a person was shown what ends, each as `clock_end` says it, and confirmed just that."""
    return not ends or set(form.getlist("ends")) == set(ends)


def clock_end(clock_id: str, outcome: str) -> str:
    """A clock and how it ends, as the form of a question repeats it."""
    return f"{clock_id}={outcome}"


def ends_of(clocks: Sequence[ClockClosing]) -> list[str]:
    """The clocks that end with a decision, as `clock_end` says them."""
    return [clock_end(each.clock_id, each.outcome) for each in clocks]


def ask(
    request: Request, form: FormData, nav: str, act: str, ends: Sequence[str], lines: Sequence[ClockLine]
) -> Response:
    """The page that asks whether to do what a form says.

    `act` says what, `lines` which clocks end with it and how.
    """
    kept = [(name, value) for name, value in form.multi_items() if name != "ends" and isinstance(value, str)]
    context = {
        "nav": nav,
        "act": act,
        "lines": lines,
        "still_to_keep": _still_to_keep(console_of(request), ends),
        "ends": ends,
        "kept": kept,
        "path": request.url.path,
    }
    return page(request, "ending.html", context)


def _still_to_keep(console: Console, ends: Sequence[str]) -> list[str]:
    """What it means that clocks end early, each as `clock_end` says it, for those of duties to keep data."""
    said = []
    for clock_id, _, outcome in (each.rpartition("=") for each in ends):
        clock = clock_row(console.database.reader(), clock_id)
        duty = None if clock is None else console.duties.get(clock["obligation"])
        if clock is not None and duty is not None and duty.meaning == "retention":
            said.append(
                f"The data must be kept until {minute(rfc3339(clock['due_ms']))}. "
                f"{in_words(outcome).capitalize()} says that nobody needs to keep it any longer."
            )
    return said


def say_afterwards(request: Request, done: str, lines: Sequence[ClockLine], then: str) -> None:
    """Say on the page at `then`, which comes next, what was done, and which clocks ended with it."""
    more = len(lines) - _MOST_SAID
    ended = [*map(str, lines[:_MOST_SAID]), *([f"and {more} more"] if more > 0 else [])]
    said = [done]
    if ended:
        said.append(f"Ended: {'; '.join(ended)}.")
    if then.startswith("/desk/next/"):
        said.append("This is what comes next in your list.")
    request.session["done"] = " ".join(said)
