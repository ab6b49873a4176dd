"""What the parts of a joined case say, each by its name where they differ."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from streams.contract.events.escalation import Escalation
from streams.desk.console.read_model.case_query import KnownCase
from streams.desk.console.web.clock_lines import Duties
from streams.desk.console.web.words import duty_name

Row = TypeVar("Row")


class OfPart(NamedTuple, Generic[Row]):
    """What a part of a case says, a policy or a clock, that none before it says alike."""

    name: str
    rows: Sequence[Row]


def by_part(
    known: KnownCase, duties: Duties, rows_of: Callable[[Escalation], Iterable[Row]]
) -> Sequence[OfPart[Row]]:
    """What `rows_of` finds in the newest event of each part, the part first on which the case is decided.

    A part that says nothing that was not said before is left out, but for the first one.
    """
    found: list[OfPart[Row]] = []
    said: list[Row] = []
    for member in known.members:
        new = [row for row in rows_of(member.newest) if row not in said]
        said += new
        if new or not found:
            found.append(OfPart(part_name(member.newest, duties), new))
    return found


def part_name(event: Escalation, duties: Duties) -> str:
    """How a page calls a part of a case: its policy, or the duty of its clock."""
    if event.clock is None:
        return f"Policy {event.policy}"
    return f"Clock {duty_name(duties, event.clock.obligation)}"
