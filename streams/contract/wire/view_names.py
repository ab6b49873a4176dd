"""Names that people give to views of the desk: short, on one line, and about nobody."""

import unicodedata
from typing import Final

from streams.contract.events.desk_view import NAME_LENGTH
from streams.contract.wire.personal_data import names_a_person

VALID_NAME: Final = (
    f"1 to {NAME_LENGTH} letters, digits, spaces and - _ . , & ( ) +, with a letter or digit first, and "
    "neither an e-mail address nor the number of a telephone, a card or a bank account"
)

# Written by people into lines, menus and addresses. Letters are those of any script, with their accents; what
# is not seen, or turns the direction of the text, is none of them.
_PUNCTUATION: Final = frozenset(" -_.,&()+")
_CATEGORIES: Final = ("L", "M", "N")


class BadName(ValueError):
    """A text is no name of a view."""


def view_name(text: str) -> str:
    """The name that a text says: composed, and with single spaces. Raises BadName.

    What looks alike is one name: a letter with its accent is one character.
    """
    # What is far too long is not looked at.
    if len(text) <= 4 * NAME_LENGTH:
        name = " ".join(part for part in unicodedata.normalize("NFC", text).split(" ") if part)
        if 0 < len(name) <= NAME_LENGTH and _is_plain(name) and not names_a_person(name):
            return name
    raise BadName(f"A name must be {VALID_NAME}.")


def same_name(name: str) -> str:
    """What two names have in common if they are one name to a reader: capitals do not tell views apart."""
    return unicodedata.normalize("NFC", name.casefold())


def _is_plain(name: str) -> bool:
    return name[0].isalnum() and all(
        each in _PUNCTUATION or unicodedata.category(each)[0] in _CATEGORIES for each in name
    )
