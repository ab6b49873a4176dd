"""Reads the people file: who may use the console, in which role, for which categories."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from streams.contract.events.report import PSEUDONYM_PATTERN
from streams.contract.wire.personal_data import names_a_person
from streams.desk.console.casework.permissions import Person, Role
from streams.registry.category import CategoryRules
from streams.registry.reading.document import Category, Document, FieldPath, Row, read_document


class Listed(NamedTuple):
    """A row of the file: the subject that sign-in gives, and who that is."""

    subject: str
    person: Person


class People:
    """Finds people by the subject that sign-in gives, or by their pseudonym."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        rows = tuple(listed)
        self._by_subject: Mapping[str, Person] = dict(rows)
        self._by_ref: Mapping[str, Person] = {row.person.ref: row.person for row in rows}

    def of_subject(self, subject: str) -> Person | None:
        """The person who signed in as `subject`; None if the file does not list them."""
        return self._by_subject.get(subject)

    def of_ref(self, ref: str) -> Person | None:
        """The person with a pseudonym; None if the file does not list it."""
        return self._by_ref.get(ref)

    def all(self) -> Sequence[Person]:
        """Everybody, by pseudonym."""
        return [self._by_ref[ref] for ref in sorted(self._by_ref)]


# All that a pseudonym may have between its letters and digits: desk_7 beside desk-7 is a mistake, or an
# attempt.
_SEPARATORS = re.compile("[._:~-]")


class RoleRow(Row):
    """What a role sees, instead of every category but those of child safety."""

    categories: list[Category]


class PersonRow(Row):
    """A person. `categories` replaces what the role sees; `child_safety` adds to it."""

    subject: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^\S(.*\S)?$")]
    ref: str
    role: Role
    categories: list[Category] | None = None
    child_safety: Annotated[list[Category], Field(default_factory=list)]


class PeopleFile(Row):
    """The whole file."""

    roles: Annotated[dict[Role, RoleRow], Field(default_factory=dict)]
    people: Annotated[list[PersonRow], Field(min_length=1)]


def load_people(path: Path, categories: Mapping[str, CategoryRules]) -> People:
    """Load the file. Cases of child safety see only those to whom it gives such a category by name.

    Raises RegistryError with file, line and field of what is invalid. Messages name no subject: they may be
    logged, and a subject is often an e-mail address.
    """
    document = read_document(path)
    file = document.parse(PeopleFile, categories)
    child_safety = [category for category, row in categories.items() if row.child_safety]
    for role, row in file.roles.items():
        _check_usual(document, ("roles", role, "categories"), row.categories, child_safety)
    subjects: dict[str, int] = {}
    refs: dict[str, int] = {}
    listed = []
    for index, person in enumerate(file.people):
        place: FieldPath = ("people", index)
        _check_person(document, place, person, child_safety)
        _note_once(document, index, "subject", subjects, _folded(person.subject))
        _note_once(document, index, "ref", refs, _SEPARATORS.sub("-", _folded(person.ref)))
        usual = file.roles[person.role].categories if person.role in file.roles else None
        seen = usual if person.categories is None else person.categories
        if seen is None:
            seen = [category for category in categories if category not in child_safety]
        listed.append(
            Listed(
                person.subject, Person(person.ref, person.role, frozenset(seen) | set(person.child_safety))
            )
        )
    return People(listed)


def _check_person(
    document: Document, place: FieldPath, person: PersonRow, child_safety: Collection[str]
) -> None:
    if not re.match(PSEUDONYM_PATTERN, person.ref) or names_a_person(person.ref):
        document.refuse(
            (*place, "ref"),
            "must be a pseudonym such as desk-7: 1 to 128 letters, digits, '.', '_', ':', '~' and '-', not a "
            "name, an e-mail address or a telephone number",
        )
    _check_usual(document, (*place, "categories"), person.categories or (), child_safety)
    for number, category in enumerate(person.child_safety):
        if category not in child_safety:
            document.refuse(
                (*place, "child_safety", number), f"must be one of {', '.join(sorted(child_safety))}"
            )


def _check_usual(
    document: Document, place: FieldPath, categories: Collection[str], child_safety: Collection[str]
) -> None:
    for number, category in enumerate(categories):
        if category in child_safety:
            document.refuse(
                (*place, number),
                f"{category} is given to people one by one: list it as child_safety of a person",
            )


def _folded(text: str) -> str:
    """What texts have in common that differ in capitals, or in how their characters are coded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _note_once(document: Document, index: int, field: str, known: dict[str, int], folded: str) -> None:
    """Refuse what an earlier row has: two rows would let one person propose and sign."""
    if folded in known:
        other = known[folded]
        document.refuse(
            ("people", index, field),
            f"is that of people[{other}] in line {document.lines['people', other, field]} too, but for "
            "capitals, the coding of characters or a separator; each person needs their own, and has one row",
        )
    known[folded] = index
