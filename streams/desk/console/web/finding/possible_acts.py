"""What a person may do with a case or a request as it is now, for who would rather type it than find it."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from streams.contract.events.case_activity import ActivityKind
from streams.desk.console.casework.permissions import Person, may_act, may_act_on_request
from streams.desk.console.read_model.desk.query import desk_row
from streams.desk.console.read_model.statements import SQL
from streams.desk.console.web.words import holder, in_words
from streams.desk.text.category_words import category_title


class PossibleAct(NamedTuple):
    """An act, and the page with its form. `kind` is null if the act needs more than to be chosen."""

    label: str
    address: str
    kind: ActivityKind | None = None


def possible_acts(
    reader: sqlite3.Connection, person: Person, case_id: str, now_ms: int
) -> Iterator[PossibleAct]:
    """What the person may do with the case or request of this id; nothing if they may not see it.

    What its page does not offer is not among them, nor what would not count as somebody else works on it.
    """
    case = desk_row(reader, case_id, person, now_ms)
    if case is not None:
        yield from _on_case(case, person, now_ms)
        return
    row = reader.execute(SQL["request_row"], (case_id,)).fetchone()
    if row is not None and person.sees(row["category"]):
        yield from _on_request(row, person, now_ms)


def _on_case(row: sqlite3.Row, person: Person, now_ms: int) -> Iterator[PossibleAct]:
    def may(kind: ActivityKind) -> bool:
        return may_act(person, kind, row["category"])

    path, about = f"/cases/{row['escalation_id']}", f"{category_title(row['category'])}, level {row['level']}"
    works, is_free = _hold(row, person, now_ms)
    yield from _claim_or_release(path, about, works, is_free and may("claimed"), may("released"))
    if is_free and row["waits"] and not row["escalated"] and may("escalated"):
        yield PossibleAct(f"Escalate: {about}", path, "escalated")
    if is_free and row["waits"] and may("snoozed"):
        yield PossibleAct(f"Snooze: {about}", f"{path}#snoozed")
    if row["proposer"] is not None:
        yield from _on_proposal(row, person, path, about, may("proposal_signed"), may("proposal_declined"))
    elif row["decision"] is not None:
        if is_free and may("decided"):
            yield PossibleAct(f"Take back the decision: {about}", f"{path}#decision")
    elif is_free and may("decided"):
        for decision, word in (
            ("upheld", "Uphold"),
            ("dismissed", "Dismiss"),
            ("manifestly_unfounded", "Call manifestly unfounded"),
        ):
            yield PossibleAct(f"{word}: {about}", f"{path}#{decision}")


def _on_request(row: sqlite3.Row, person: Person, now_ms: int) -> Iterator[PossibleAct]:
    def may(kind: ActivityKind) -> bool:
        return may_act_on_request(person, kind, row["category"])

    path, about = f"/requests/{row['request_id']}", f"{in_words(row['kind'])} of {row['country']}"
    works, is_free = _hold(row, person, now_ms)
    yield from _claim_or_release(path, about, works, is_free and may("claimed"), may("released"))
    if row["proposer"] is not None:
        yield from _on_proposal(row, person, path, about, may("proposal_signed"), may("proposal_declined"))
    elif is_free and may("decided"):
        answer = "Answer" if row["answer"] is None else "Answer anew"
        yield PossibleAct(f"{answer}: {about}", f"{path}#decide")


def _hold(row: sqlite3.Row, person: Person, now_ms: int) -> tuple[bool, bool]:
    """Whether the person works on it, and whether nobody else's work keeps them from it."""
    works_on_it = holder(row, now_ms)
    return works_on_it == person.ref, works_on_it in (None, person.ref) or person.role == "lead"


def _claim_or_release(
    path: str, about: str, works: bool, may_claim: bool, may_release: bool
) -> Iterator[PossibleAct]:
    if works and may_release:
        yield PossibleAct(f"Release: {about}", path, "released")
    elif not works and may_claim:
        yield PossibleAct(f"Claim: {about}", path, "claimed")


def _on_proposal(
    row: sqlite3.Row, person: Person, path: str, about: str, may_sign: bool, may_decline: bool
) -> Iterator[PossibleAct]:
    """Who signs reads what is signed: these lead to it."""
    is_own = row["proposer"] == person.ref
    if may_sign and not is_own:
        yield PossibleAct(f"Sign the proposal: {about}", f"{path}#proposal")
    if may_decline:
        word = "Take back" if is_own else "Decline"
        yield PossibleAct(f"{word} the proposal: {about}", f"{path}#proposal")
