"""Searches text of unknown structure for what may be personal data, so that no dead letter keeps it.

`ref_search` looks at the refs of an event, where it can tell which they are. Here a false alarm costs an
operator the bytes of a refused record, and a miss keeps somebody's address for a week, so doubtful cases
count.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

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
_MARKS_OF_TELEPHONES = "+", "tel:"
# With a space and a bracket before the number.
_LONGEST_MARK = 6

_IBAN = re.compile(r"[A-Z](?<![0-9A-Za-z].)[A-Z][0-9]{2}[A-Z0-9]{11,30}(?![0-9A-Za-z])", re.DOTALL)

# A report has fewer numbers. A text with more counts as suspicious unread, which bounds the time.
_MOST_NUMBERS = 100

# Escapes of JSON. One backslash is enough, also for JSON in a string of JSON, which doubles it: with all of
# them the search would begin anew at each of thousands.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrt/]))")
# Whoever encodes a text more often hides something: then it counts as suspicious.
_MOST_ENCODINGS = 5

_ENCODED = re.compile(r'"data_base64"\s*:\s*"([^"]+)')
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}")
_FROM_URL_ALPHABET = str.maketrans("-_", "+/", " \t\r\n=")


def may_name_a_person(text: bytes, *, numbers: bool, counters: bool = False) -> bool:
    """Whether `text` may contain an e-mail address, a handle or, if `numbers`, a phone or account number.

    With `counters` it may hold counters and dated ids: then a telephone number is what begins with `+`,
    `tel:` or, in groups, with 0. A text longer than MOST_SEARCHED always may name somebody. Also searches it
    without the NULs of UTF-16 and UTF-32, with the escapes of JSON and HTML and percent-encoding resolved,
    and the data in base64 of a structured event.
    """
    if len(text) > MOST_SEARCHED:
        return True
    plain = _without_nul(text)
    return any(
        _is_suspicious(each, numbers=numbers, counters=counters) for each in (plain, *_in_base64(plain))
    )


def _without_nul(text: bytes) -> str:
    return as_text(text).replace("\0", "")


def _is_suspicious(text: str, *, numbers: bool, counters: bool) -> bool:
    for _ in range(_MOST_ENCODINGS):
        decoded = _decoded(text)
        if decoded == text:
            return "@" in text or (numbers and _has_number(text, counters=counters))
        text = decoded
    return True


def _decoded(text: str) -> str:
    """Resolve one layer of escapes and encodings; compatibility forms become what they look like."""
    if "\\" in text:
        text = _without_escapes(text)
    if "%" in text:
        text = unquote(text, errors="replace")
    if "&" in text:
        text = html.unescape(text)
    # A sign of full width, or a small one, is read as the sign by people and by mail programs.
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _without_escapes(text: str) -> str:
    return _ESCAPE.sub(_meaning, text)


def _meaning(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return "/" if escape[2] == "/" else " "


def _has_number(text: str, *, counters: bool) -> bool:
    found = list(islice(_NUMBER.finditer(text), _MOST_NUMBERS))
    accounts = [match[0] for match in islice(_IBAN.finditer(text), _MOST_NUMBERS)]
    if max(len(found), len(accounts)) == _MOST_NUMBERS or any(map(looks_like_iban, accounts)):
        return True
    if counters:
        return any(_is_written_as_a_persons(text, match) for match in found)
    return not all(_is_harmless(match[0]) for match in found)


def _is_written_as_a_persons(text: str, match: re.Match[str]) -> bool:
    number = match[0]
    before = text[max(0, match.start() - _LONGEST_MARK) : match.start()].rstrip(" (").lower()
    return (
        before.endswith(_MARKS_OF_TELEPHONES)
        or (not number.isdigit() and number[0] == "0" and not _is_harmless(number))
        or (not number.isdigit() and looks_like_card(number))
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
        compact = _without_escapes(encoded).translate(_FROM_URL_ALPHABET)
        if _BASE64.fullmatch(compact):
            # One character alone holds less than a byte.
            whole = compact[:-1] if len(compact) % 4 == 1 else compact
            yield _without_nul(base64.b64decode(whole + "=" * (-len(whole) % 4)))
