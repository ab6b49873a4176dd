"""Recognises e-mail addresses, telephone numbers, card numbers and IBANs where a pseudonym belongs."""

import re
from typing import NamedTuple

# `something@something`, also percent-encoded as in a URI. A dot is not required: handles of federated
# services identify a person too. One character on each side keeps the search linear in the length of hostile
# input.
_EMAIL = re.compile(r"[^\s@](?:@|%40)[^\s@]", re.IGNORECASE)

# E.164 allows 15 digits; the shortest numbers in use with an area code have 7. `\d` also matches the digits
# of other scripts. Each repetition starts with a character that the previous one cannot end with, so matching
# is linear.
_SEPARATORS = r"[\s().:_~/-]*"
_PHONE = re.compile(
    rf"{_SEPARATORS}(?:tel:{_SEPARATORS})?(?:(?:\+|00){_SEPARATORS})?(?:\d{_SEPARATORS}){{7,15}}",
    re.IGNORECASE,
)

_SEPARATED = re.compile(r"[\s().:_~/-]+")
_CARD_LENGTHS = range(13, 20)
# The first digits of the brands in use: American Express, Diners and JCB 3, Visa 4, Maestro and Mastercard 5,
# Discover and UnionPay 6, and the newer range of Mastercard. Times in micro- or nanoseconds begin with 1.
_CARD = re.compile(r"(?:[3-6]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)[0-9]{9,18}")
# Twice a digit, its own digits added up.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_IBAN = re.compile(r"([A-Z]{2})[0-9]{2}[A-Z0-9]{11,30}")
# From the registry of IBANs (ISO 13616). The length keeps out other identifiers in capitals: of those that
# begin with two letters and two digits, one in 97 would otherwise pass.
_IBAN_LENGTHS = {
    length: frozenset(countries.split())
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
        32: "LC", 33: "RU",
    }.items()
}  # fmt: skip


class RefPaths(NamedTuple):
    """The paths of an event's refs.

    Refs at `counters` may be plain counters, so digits alone are not taken for a telephone or card number
    there.
    """

    pseudonyms: tuple[str, ...]
    counters: tuple[str, ...]


def as_text(data: bytes) -> str:
    """`data` as text in which all ASCII characters are found, also if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Replacing each wrong byte by U+FFFD takes a hundred times as long.
        return data.decode("latin-1")


def names_a_person(ref: str, *, counter: bool = False) -> bool:
    """Whether a ref is or contains an e-mail address, or is a telephone number, a card number or an IBAN.

    `counter`: it may be a plain counter. Then a number must be written as no counter is: with + or `tel:` in
    front, or a card number in groups.
    """
    if ref.startswith("+") or looks_like_email(ref) or looks_like_iban(ref):
        return True
    if counter and ref.isdigit():
        return False
    if looks_like_card(ref):
        return True
    return (not counter or ref[:4].lower() == "tel:") and looks_like_phone(ref)


def looks_like_email(text: str) -> bool:
    """Whether `text` contains an e-mail address or a handle written like one."""
    # Nearly no text has one of them, and looking for a sign is faster than a pattern.
    return ("@" in text or "%40" in text) and _EMAIL.search(text) is not None


def looks_like_phone(text: str) -> bool:
    """Whether the whole of `text` reads as a telephone number: optional + or 00, then 7 to 15 digits."""
    return _PHONE.fullmatch(text) is not None


def looks_like_card(text: str) -> bool:
    """Whether all of `text` is a payment card's number: 13 to 19 digits of a brand in use, check digit too.

    Without separators it must have at most 16 digits. Messages, channels and accounts of large platforms have
    ids of 17 to 19 digits that count time, and one in ten of them has a matching check digit: a platform that
    uses them as refs would lose a tenth of its reports, and hardly any card has so many digits.
    """
    digits = _SEPARATED.sub("", text)
    if len(digits) not in _CARD_LENGTHS or (len(digits) == len(text) and len(digits) > 16):
        return False
    if _CARD.fullmatch(digits) is None:
        return False
    numbers = [ord(digit) - ord("0") for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def looks_like_iban(text: str) -> bool:
    """Whether all of `text` is an IBAN in capitals: a registered country, its length, its check digits."""
    compact = _SEPARATED.sub("", text)
    found = _IBAN.fullmatch(compact)
    if found is None or found[1] not in _IBAN_LENGTHS.get(len(compact), ()):
        return False
    # Letters count as 10 to 35.
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1
