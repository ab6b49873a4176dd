"""Searches text of unknown structure for what may be personal data, so that no dead letter keeps it.

`ref_search` looks at the refs of an event, where it can tell which they are. Here a false alarm costs an
operator the bytes of a refused record, and a miss keeps somebody's address for a week, so doubtful cases
count.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import islice

from streams.contract.wire.personal_data import as_text, looks_like_card, looks_like_iban

# Enough for a report in which everything is as long as the schema allows, also in base64. A longer text is
# suspicious unread: this many bytes already take up to a millisecond.
MOST_SEARCHED = 6 * 1024

# A number from its first digit, if that is neither in a word or number nor in the later part of a time. The
# digit comes first in the pattern, because a search skips other characters much faster than with a
# look-behind in front.
_NUMBER = re.compile(
    r"\d(?<![0-9A-Za-z].)(?<![0-9][.:_~/-].)(?:[ ().:_~/-]{0,3}\d){6,}(?![0-9A-Za-z])", re.DOTALL
)
# A date, with or without a time; a fraction, such as a probability; milliseconds since the epoch, from 2001
# to 2033: no telephone number has 13 digits of which the first is 1.
_NOT_A_TELEPHONE = re.compile(
    r"(?:19|20)\d\d-\d\d-\d\d(?: \d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|0\.\d+|1\d{12}", re.ASCII
)
_LONGEST_TELEPHONE = 15

_IBAN = re.compile(r"[A-Z](?<![0-9A-Za-z].)[A-Z][0-9]{2}[A-Z0-9]{11,30}(?![0-9A-Za-z])", re.DOTALL)

# A report has fewer numbers. A text with more counts as suspicious unread, which bounds the time.
_MOST_NUMBERS = 100

# The escapes of JSON; those of four hex digits become percent-encoding.
_ESCAPES = {"\\u00": "%", "\\n": " ", "\\r": " ", "\\t": " ", "\\/": "/"}
# In percent-encoding, what separates the digits of a number. %30 to %39 are the digits themselves.
_PERCENT_CODES = {
    "%20": " ", "%28": "(", "%29": ")", "%2B": "+", "%2b": "+", "%2D": "-", "%2d": "-", "%2E": ".",
    "%2e": ".", "%2F": "/", "%2f": "/", "%40": "@", "%3": "",
}  # fmt: skip
_FULL_WIDTH_AT = "\uff20"

_ENCODED = re.compile(r'"data_base64"\s*:\s*"([^"]+)')
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}")
_FROM_URL_ALPHABET = str.maketrans("-_", "+/", " \t\r\n=")


def may_name_a_person(text: bytes, *, numbers: bool) -> bool:
    """Whether `text` may contain an e-mail address, a handle or, if `numbers`, a phone or account number.

    A text longer than MOST_SEARCHED always may. Also searches it without the NULs of UTF-16 and UTF-32, with
    the escapes of JSON and percent-encoding resolved, and the data in base64 of a structured event.
    """
    if len(text) > MOST_SEARCHED:
        return True
    plain = _without_nul(text)
    return any(_is_suspicious(each, numbers=numbers) for each in (plain, *_in_base64(plain)))


def _without_nul(text: bytes) -> str:
    return as_text(text).replace("\0", "")


def _is_suspicious(text: str, *, numbers: bool) -> bool:
    if "\\" in text:
        text = _replaced(text, _ESCAPES)
    if "%" in text:
        text = _replaced(text, _PERCENT_CODES)
    return "@" in text or _FULL_WIDTH_AT in text or (numbers and _has_number(text))


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for code, meaning in replacements.items():
        text = text.replace(code, meaning)
    return text


def _has_number(text: str) -> bool:
    found = [match[0] for match in islice(_NUMBER.finditer(text), _MOST_NUMBERS)]
    accounts = [match[0] for match in islice(_IBAN.finditer(text), _MOST_NUMBERS)]
    return (
        max(len(found), len(accounts)) == _MOST_NUMBERS
        or not all(map(_is_harmless, found))
        or any(map(looks_like_iban, accounts))
    )


def _is_harmless(number: str) -> bool:
    if len(number) > _LONGEST_TELEPHONE and number.isdigit():
        # Most likely an id that counts time.
        return not looks_like_card(number)
    return _NOT_A_TELEPHONE.fullmatch(number) is not None


def _in_base64(text: str) -> Iterator[str]:
    """What is encoded in `text`: the data of structured events, or else the whole of it."""
    for encoded in _ENCODED.findall(text) if '"data_base64"' in text else [text]:
        if not encoded.isascii():
            continue
        compact = _replaced(encoded, _ESCAPES).translate(_FROM_URL_ALPHABET)
        if _BASE64.fullmatch(compact):
            # One character alone holds less than a byte.
            whole = compact[:-1] if len(compact) % 4 == 1 else compact
            yield _without_nul(base64.b64decode(whole + "=" * (-len(whole) % 4)))
