"""Turns an exception of the decoder into a rejection.

Runs only when decoding failed, so its speed does not matter.
"""

import re
from collections.abc import Collection

import msgspec

from streams.contract.events.dead_letter import DeadLetterReason
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.valid_values import ValidValues

# msgspec puts the path at the end of a message. What precedes it may quote the record, so only the end may
# match.
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[a-z_.\[\]0-9]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[a-z_0-9]+)`")
_INDEX = re.compile(r"\[\d+\]")


def not_valid(reason: DeadLetterReason, path: str, valid: ValidValues) -> Rejected:
    """A rejection of the value at `path`; the detail is what `valid` says of that path."""
    return Rejected(reason, path, f"Must be {_valid_at(path, valid)}.")


def require_category(path: str, category: str, categories: Collection[str]) -> None:
    """Raise Rejected for a category at `path` that is not one of `categories`."""
    if category not in categories:
        raise Rejected("unknown_category", path, f"Must be one of {', '.join(categories)}.")


def rejection_of(error: Exception, valid: ValidValues) -> Rejected:
    """Turn an exception raised while an event was decoded into a rejection. `valid`: valid values by path.

    Relies on the wording of msgspec's messages, which a contract test pins.
    """
    if isinstance(error, Rejected):
        return error
    if isinstance(error, msgspec.ValidationError):
        return _explain_schema(str(error), valid)
    if isinstance(error, UnicodeDecodeError):
        return Rejected("invalid_utf8", WHOLE_VALUE, "Must be valid UTF-8, also in unknown fields.")
    # The decoder raises nothing else for malformed input; any other exception also means unreadable bytes.
    return Rejected("not_json", WHOLE_VALUE, "Must be one JSON object in UTF-8, without a byte order mark.")


def _explain_schema(message: str, valid: ValidValues) -> Rejected:
    match = _MESSAGE.fullmatch(message)
    assert match is not None
    what, path = match["what"], match["path"] or ""
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        path = f"{path}.{missing['name']}" if path else missing["name"]
        return Rejected("missing_field", path, f"Missing; must be {_valid_at(path, valid)}.")
    return not_valid(_reason(what, path), path or WHOLE_VALUE, valid)


def _valid_at(path: str, valid: ValidValues) -> str:
    return valid[_INDEX.sub("[]", path)]


def _reason(what: str, path: str) -> DeadLetterReason:
    if what.startswith("Invalid enum value"):
        name = path.rpartition(".")[2]
        if name in ("country", "jurisdiction"):
            return "invalid_country"
        return "unknown_category" if name == "category" else "invalid_value"
    if what.startswith(("Invalid RFC3339", "Expected `datetime` with a timezone")):
        return "invalid_time"
    if what.startswith("Expected ") and ", got `" in what:
        return "wrong_type"
    return "invalid_value"
