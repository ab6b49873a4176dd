"""Damages reports and their headers in ways that a reader could overlook. Many of the results are still valid
reports.
"""

import json
import random
import string
from copy import deepcopy
from datetime import datetime, timedelta
from typing import get_args

from streams.contract.events.countries import COUNTRIES
from streams.contract.events.report import (
    REPORTER_KINDS,
    AccountAge,
    EvidenceBasis,
    NoticeDeclaration,
    NoticeElement,
    ReportKind,
    Visibility,
)
from streams.contract.wire.personal_data import _IBAN_LENGTHS
from tests.categories import CATEGORIES

ALPHABET = string.ascii_letters + string.digits + "._:~-"
SEPARATORS = ("", "", "-", ".", "_", ":", "~", "--", " ", "/", "(", ")")
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
BASE64URL = string.ascii_letters + string.digits + "-_"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CARD_BEGINNINGS = ("34", "37", "36", "3528", "4", "51", "55", "6011", "62", "2221", "2720", "1", "9")
WHITE_SPACE = ("", "", "", " ", "\n", "\t", "\r", "  ", "\f", "\u00a0", "\0")

WORDS = {
    "kind": (*get_args(ReportKind), *REPORTER_KINDS),
    "category": CATEGORIES,
    "visibility": get_args(Visibility),
    "account_age": get_args(AccountAge),
    "basis": get_args(EvidenceBasis),
    "country": (*sorted(COUNTRIES), "ZZ", "de", "DEU", "D", "D\u00c9", "[A"),
    "language": ("de", "DE", "pt-BR", "d", "tlh-", "zh-Hant-HK-x", "de-a", "qaa-12345678", "a1", "de-123456789",
                 "de-ab-cd-ef-gh", "de-ab-cd-ef-gh-ij", "de_AT", "abcd", "de--AT"),
    "elements": get_args(NoticeElement),
    "declares": get_args(NoticeDeclaration),
}  # fmt: skip
REFS = ("report_id", "ref", "message_ref", "name", "version")
TIMES = ("occurred_at", "received_at")
NUMBERS = ("score", "confidence")
OBJECTS = ("channel", "reporter", "classifier", "notice")
ARRAYS = ("evidence", "elements", "declares")
FIELDS = (*WORDS, *REFS, *TIMES, *NUMBERS, *OBJECTS, "evidence", "member", "added_later", "", "Kind", "kind ")

# Pieces of JSON that are put in at any place.
TOKENS = (
    b"null", b"true", b"false", b"nul", b"True", b"{}", b"[]", b"[[]]", b"{", b"}", b"[", b"]", b'"', b",",
    b":", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"\xc3\xa9", b"\xff", b"\xed\xa0\x80", b"\\", b"\\u0041",
    b'\\"', b"\\/", b"/", b"-", b"+", b"0", b"1", b"00", b".", b".5", b"e0", b"E-1", b"@", b"%40", b"NaN",
    b"Infinity", b"\xef\xbb\xbf", b"//", b"'", b'""', b'"x":1,', b'"member":null,', b'"country":"FR",',
    b'"notice":{},', b'"evidence":[],', b',"kind":"user_report"', b'"csam"',
)  # fmt: skip


class Raw(str):
    """A piece of JSON that is written as it is."""


class Fields(list):
    """The fields of an object in their order, as pairs: a name may occur twice."""


def mutated(chance: random.Random, value: bytes) -> bytes:
    """Return `value`, the JSON of a report, with one change or a few, or sometimes with none."""
    try:
        document = json.loads(value, object_pairs_hook=Fields, parse_float=Raw, parse_int=Raw)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, Fields) and chance.random() < 0.8:
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
            _change(chance, document)
        white_space = chance.random() < 0.15
        value = _written(chance, document, white_space=white_space).encode(errors="surrogatepass")
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        value = _with_other_bytes(chance, value)
    return value


def mutated_headers(
    chance: random.Random, headers: list[tuple[str, bytes]]
) -> list[tuple[str, bytes | None]]:
    """Return `headers` with one change or a few, or sometimes with none."""
    changed: list[tuple[str, bytes | None]] = list(headers)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(7):
            case 0:
                changed[at : at + 1] = []
            case 1:
                changed.insert(at, _header(chance))
            case 2:
                changed[at : at + 1] = [_header(chance)]
            case 3:
                chance.shuffle(changed)
            case 4 if changed:
                changed.insert(at, chance.choice(changed))
            case 5 if changed:
                name, content = chance.choice(changed)
                changed.insert(at, (_other_case(chance, name), content))
            case 6 if changed:
                name, content = changed[at - 1]
                changed[at - 1] = (name, _with_other_bytes(chance, content or b""))
    return changed


def _change(chance: random.Random, document: Fields) -> None:
    fields = chance.choice(_objects(document))
    at = chance.randrange(len(fields) + 1)
    match chance.randrange(8):
        case 0:
            fields[at : at + 1] = []
        case 1:
            name = chance.choice(FIELDS)
            fields.insert(at, (name, _value(chance, name)))
        case 2 if fields:
            fields.insert(at, deepcopy(chance.choice(fields)))
        case 3:
            chance.shuffle(fields)
        case 4 if fields:
            # A value of another field.
            name, _ = fields[at - 1]
            _, other = chance.choice(chance.choice(_objects(document)) or fields)
            # A copy, as it may contain `fields`.
            fields[at - 1] = (name, deepcopy(other))
        case _ if fields:
            name, _ = fields[at - 1]
            fields[at - 1] = (name, _value(chance, name))


def _objects(document: object) -> list[Fields]:
    if isinstance(document, Fields):
        return [document, *(found for _, value in document for found in _objects(value))]
    if isinstance(document, list):
        return [found for value in document for found in _objects(value)]
    return []


def _value(chance: random.Random, name: str) -> object:
    dice = chance.random()
    if dice < 0.08:
        return Raw("null")
    if dice < 0.12:
        name = chance.choice(FIELDS)
    if name in ARRAYS:
        most = chance.choice((0, 1, 2, 3, 3, 8, 9, 16, 17, 32, 33))
        return [_item(chance, name) for _ in range(most)]
    return _item(chance, name)


def _item(chance: random.Random, name: str) -> object:
    if name in WORDS:
        word = chance.choice(WORDS[name])
        return word if chance.random() < 0.9 else _changed_text(chance, word)
    if name in REFS:
        ref = ref_of_any_form(chance)
        return ref if chance.random() < 0.9 else _changed_text(chance, ref)
    if name in TIMES:
        time = time_of_any_form(chance)
        return time if chance.random() < 0.9 else _changed_text(chance, time)
    if name in NUMBERS:
        return Raw(number_of_any_form(chance))
    if name == "evidence":
        return Fields(
            (field, _item(chance, field) if chance.random() < 0.03 else usual)
            for field, usual in (("country", "DE"), ("basis", "victim"), ("confidence", Raw("0.5")))
        )
    if name in OBJECTS:
        return Fields((field, _value(chance, field)) for field in chance.sample(FIELDS, chance.randrange(4)))
    if name == "member":
        return Raw(chance.choice(("true", "false", "null", "1", "0", '"true"', "tru", "truee")))
    return chance.choice((Raw("1"), "x", [], Fields(), "\u00e9", Raw('"\\u0041"'), Raw("{"), True))


def ref_of_any_form(chance: random.Random) -> str:
    """Return a ref as publishers make them, or something that must not be one."""
    match chance.randrange(14):
        case 0:
            return _drawn(chance, HEX, chance.choice((16, 32, 40, 64, 128)))
        case 1:
            hexadecimal = _drawn(chance, HEX, 32)
            uuid = "-".join(hexadecimal[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
            return chance.choice((uuid, uuid.upper(), "urn:uuid:" + uuid, hexadecimal.upper()))
        case 2:
            ref = _drawn(chance, BASE32, chance.choice((16, 20, 26, 32, 52)))
            return chance.choice((ref, ref.lower()))
        case 3:
            return _drawn(chance, BASE64URL, chance.choice((11, 22, 27, 43)))
        case 4:
            return _drawn(chance, CROCKFORD, 26)
        case 5:
            return _drawn(chance, ALPHABET, chance.choice((0, 1, 2, 3, 5, 13, 14, 127, 128, 129)))
        case 6:
            return _drawn(chance, string.digits, chance.randrange(1, 26))
        case 7:
            return chance.choice(("", "0", "00", "000", "1", "-", ".")) + _drawn(
                chance, "0123456789" + chance.choice(SEPARATORS), chance.randrange(1, 26)
            )
        case 8:
            return _telephone(chance)
        case 9:
            return _card(chance)
        case 10 | 11:
            return _account(chance)
        case 12:
            local, at, domain = (
                "reporter",
                chance.choice(("@", "%40", "(at)", " ", "=40", "\uff20")),
                "mail.example",
            )
            return local + at + chance.choice((domain, "", "x"))
        case _:
            platform = chance.choice(
                ("telegram", "TELE", "tel", "Tel:", "TR", "TN", "DE", "user", "discord", "T", "x")
            )
            return (
                platform
                + chance.choice((":", "-", ".", "_", "~", ""))
                + _drawn(chance, string.digits, chance.randrange(21))
            )


def _telephone(chance: random.Random) -> str:
    prefix = chance.choice(
        ("+", "00", "tel:", "TEL:", "Tel:+", "tel:00", "tel-", "", "", "-", ".-", "tel", "t.e.l:", "otel:")
    )
    digits = _drawn(chance, string.digits + chance.choice(("", "\u0663")), chance.randrange(6, 18))
    return prefix + _grouped(chance, digits)


def _card(chance: random.Random) -> str:
    digits = chance.choice(CARD_BEGINNINGS)
    digits += _drawn(chance, string.digits, chance.choice((13, 14, 15, 16, 17, 18, 19)) - 1 - len(digits))
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(int(digit) for digit in digits[-2::-2]) + sum(doubled[int(digit)] for digit in digits[::-2])
    check = -total % 10 if chance.random() < 0.8 else chance.randrange(10)
    return _grouped(chance, digits + str(check))


def _account(chance: random.Random) -> str:
    length, countries = chance.choice(list(_IBAN_LENGTHS.items()))
    country = chance.choice(sorted(countries))
    account = _drawn(chance, string.digits + chance.choice(("", string.ascii_uppercase)), length - 4)
    rest = int("".join(str(int(sign, 36)) for sign in account + country)) * 100 % 97
    check = 98 - rest if chance.random() < 0.8 else chance.randrange(100)
    iban = _grouped(chance, f"{country}{check:02d}{account}")
    match chance.randrange(8):
        case 0:
            return iban.lower()
        case 1:
            return chance.choice(("-", "_", "0", "a", "T", ".:")) + iban
        case 2:
            return iban + chance.choice(("-", "_", "0", "a", "T"))
        case _:
            return iban


def _grouped(chance: random.Random, text: str) -> str:
    separator, size = chance.choice(SEPARATORS), chance.randrange(1, 6)
    if chance.random() < 0.3:
        return "".join(sign + (separator if chance.random() < 0.3 else "") for sign in text)
    return separator.join(text[at : at + size] for at in range(0, len(text), size))


def time_of_any_form(chance: random.Random) -> str:
    """Return a time as RFC 3339 or Python would write it, or something near it."""
    if chance.random() < 0.3:
        date = chance.choice(
            ("2024-02-29", "2023-02-29", "2000-02-29", "1900-02-29", "2100-02-29", "1970-01-01", "1969-12-31", "9999-12-31",
             "10000-01-01", "2026-13-01", "2026-00-10", "2026-04-31", "2026-12-31", "2026-01-00",
             "0001-01-01", "2026-1-1",
             "+2026-01-01", "20260101", "0000-01-01")
        )  # fmt: skip
    else:
        date = str((datetime(1970, 1, 1) + timedelta(days=chance.randrange(2_932_896))).date())
    time = chance.choice(
        ("00:00:00", "23:59:59", "23:59:60", "24:00:00", "12:60:00", "12:30", "1:02:03", "12.30.00", "123000")
        if chance.random() < 0.2
        else (f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}",)
    )
    fraction = "." + _drawn(chance, string.digits, chance.randrange(11)) if chance.random() < 0.6 else ""
    fraction = chance.choice((fraction,) * 20 + (",5", ".000000", ".9999999", ".999999"))
    zone = chance.choice(
        ("Z",) * 12 + ("z", "+00:00", "+00:00", "-00:00", "+02:00", "-14:00", "+24:00", "+0000", "+00", "")
    )
    return date + chance.choice("T" * 20 + "t _") + time + fraction + zone


def number_of_any_form(chance: random.Random) -> str:
    """Return a number, mostly from 0 to 1, as any program might write it, or something near it."""
    match chance.randrange(8):
        case 0:
            return repr(chance.random())
        case 1:
            return f"0.{_drawn(chance, string.digits, chance.randrange(1, 26))}"
        case 2:
            # Half-way between two doubles, or next to it.
            whole = chance.randrange(2**52, 2**53) * 2 + 1
            exact = f"{whole * 5**54:054d}"
            return "0." + exact.rjust(54, "0")[: chance.choice((17, 18, 19, 20, 25, 29, 30, 31, 54))]
        case 3:
            return f"0.{'0' * chance.randrange(25)}{_drawn(chance, string.digits, chance.randrange(1, 20))}"
        case 4:
            return (
                chance.choice(("0.", "1."))
                + chance.choice("09") * chance.randrange(1, 30)
                + chance.choice(("", "1", "5"))
            )
        case 5:
            return f"{chance.random():.{chance.randrange(25)}{chance.choice('efg')}}"
        case 6:
            return str(chance.choice((0, 1, 2, 10, -1, 2**53, 10**20, 10**40, True)))
        case _:
            return chance.choice(
                ("-0", "-0.0", "0.0", "1.0", "1.", ".5", "01", "00.5", "0x1", "1e0", "1E-1", "1e-400", "1e400", "5e-324", "+1",
                 "0.5f", "NaN", "Infinity", "-Infinity", "1_0", "0.1.2", "0.30000000000000004", "1.0000000000000001", "0 .5")
            )  # fmt: skip


def _header(chance: random.Random) -> tuple[str, bytes | None]:
    return chance.choice(
        (
            ("ce_specversion", chance.choice((b"1.0", b"0.3", b"1", b"", None))),
            ("ce_id", chance.choice((b"r-1", b"", b"\xff", b"\xc3\xa9", b"a@b", b"a%40b", b"100%", b"@", None))),
            ("ce_source", chance.choice((b"/a", b"", b"/a\xff", b"/\xc3\xa9", b"/a@b", b"/a%40b", b"/%20", b" ", b"\0", None))),
            ("ce_type", chance.choice((b"tocsin.report.v1", b"tocsin.report.v2", b"tocsin.tick.v1", b"", None))),
            ("content-type", chance.choice((b"application/json", b"text/plain", b"", None, b"application/json; charset=utf-8"))),
            ("content-type", chance.choice((b"application/cloudevents", b"Application/CloudEvents+json", b"application/cloud"))),
            (chance.choice(("ce_time", "ce_subject", "ce_dataschema", "ce_traceparent", "ce_x", "ce_", "ce")), b"x"),
            (chance.choice(("tocsin-headers-dropped", "tocsin-origin", "tocsin-", "traceparent", "", "x")), b"x"),
        )
    )  # fmt: skip


def _other_case(chance: random.Random, name: str) -> str:
    return chance.choice(
        (name.upper(), name.title(), name + " ", " " + name, name.replace("_", "-"), name[:-1])
    )


def _written(chance: random.Random, node: object, *, white_space: bool) -> str:
    def space() -> str:
        return chance.choice(WHITE_SPACE[: -3 if chance.random() < 0.99 else None]) if white_space else ""

    def written(node: object) -> str:
        if isinstance(node, Raw):
            return node
        if isinstance(node, Fields):
            fields = (
                f"{space()}{json.dumps(name)}{space()}:{space()}{written(value)}" for name, value in node
            )
            return "{" + f"{space()},".join(fields) + space() + "}"
        if isinstance(node, list):
            return "[" + f"{space()},{space()}".join(map(written, node)) + space() + "]"
        return json.dumps(node, ensure_ascii=chance.random() < 0.5)

    return space() + written(node) + space()


def _with_other_bytes(chance: random.Random, value: bytes) -> bytes:
    at = chance.randrange(len(value) + 1)
    match chance.randrange(5):
        case 0:
            return value[:at] + bytes([chance.randrange(256)]) + value[at + 1 :]
        case 1:
            return value[:at] + value[at + chance.randrange(1, 12) :]
        case 2:
            return value[:at] + chance.choice(TOKENS) + value[at:]
        case 3:
            other = chance.randrange(len(value) + 1)
            return value[:at] + value[other : other + chance.randrange(1, 60)] + value[at:]
        case _:
            # Nothing is lost, but in another order.
            end = at + chance.randrange(1, 40)
            return value[:at] + value[end : end + 20] + value[at:end] + value[end + 20 :]


def _changed_text(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    sign = chance.choice(ALPHABET + '\n\0 @%/+\\"\u00e9\u0663\uff20\U0001f6a8')
    return text[:at] + sign + text[at + chance.randrange(2) :]


def _drawn(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))
