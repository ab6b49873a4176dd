"""The rules of the platform's terms from which people choose by which of them they decide."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field

from streams.contract.wire.personal_data import names_a_person
from streams.contract.wire.refs import is_ref
from streams.registry.reading.document import Row, read_document

Terms = Mapping[str, str]
"""The titles of rules by their ids, in the order of the file."""

_SHIPPED = Path(str(files(__package__) / "terms.yaml"))


class TermRow(Row):
    """A rule: the platform's own code of it, which outcomes carry, and what people read."""

    id: str
    title: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")]


class TermsFile(Row):
    """The whole file."""

    terms: Annotated[list[TermRow], Field(min_length=1, max_length=500)]


def load_terms(path: Path | None) -> Terms:
    """Load the rules of a file; those shipped with Tocsin as an example without one.

    Raises RegistryError with file, line and field of what is invalid.
    """
    document = read_document(_SHIPPED if path is None else path)
    titles: dict[str, str] = {}
    for index, row in enumerate(document.parse(TermsFile).terms):
        place = ("terms", index, "id")
        # As workers check the rule of an outcome: they would refuse it.
        if not is_ref(row.id) or names_a_person(row.id, counter=True):
            document.refuse(
                place, "must be 1 to 128 letters, digits, '.', '_', ':', '~' and '-', and name no person"
            )
        if row.id in titles:
            document.refuse(place, f"is the id of two rules: {titles[row.id]!r} has it too")
        titles[row.id] = row.title
    return titles
