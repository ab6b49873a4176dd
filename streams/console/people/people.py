"""The people who may use a console, as the people file lists them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from streams.console.casework.permissions import Person


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
