"""The words in which a rejection says what is valid: each completes "Must be ...".

Every event has a table of them by path next to its decoder. `[]` in a path stands for any index.
"""

from collections.abc import Iterable, Mapping
from typing import get_args

ValidValues = Mapping[str, str]

REF = "a string of 1 to 128 characters from A-Z, a-z, 0-9 and . _ : ~ -"
PSEUDONYM = f"{REF}, not a telephone, card or account number and not an e-mail address"
TIME = (
    "an RFC 3339 time with a time zone, not before 1970, such as 2026-03-01T12:00:00Z; seconds run from "
    "00 to 59"
)
COUNTRY = "an ISO 3166-1 alpha-2 code in capitals, or XK, XX, EL or UK"
LANGUAGE = "a BCP 47 language tag such as pt or pt-BR"
PROBABILITY = "a number from 0 to 1"
OBJECT = "a JSON object"
CATEGORY = "a category"


def one_of(literal: object) -> str:
    """The values of a Literal type, listed."""
    return "one of " + ", ".join(get_args(literal))


def with_categories(valid: ValidValues, field: str, categories: Iterable[str]) -> ValidValues:
    """`valid`, with the categories that there are listed for a field."""
    return {**valid, field: valid[field].replace(CATEGORY, "one of " + ", ".join(categories))}


def or_null(valid: str) -> str:
    """For an optional field: `valid`, or null."""
    return f"null or {valid}"
