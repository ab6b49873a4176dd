"""Checks a statement of reasons against the rules by which the DSA Transparency Database accepts one.

digital-services-act/transparency-database at 69e80a0: app/Http/Requests/StatementStoreRequest.php, and for
the territorial scope, which that accepts without, the API documentation, which requires it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

import msgspec

from streams.contract.wire.personal_data import looks_like_email
from streams.statutory.reporting_period import is_date
from streams.statutory.statements import vocabulary

ProblemKind = Literal["missing", "invalid", "ignored"]

Statement = Mapping[str, object]

_FIRST_CONTENT = date(2000, 1, 1)
_FIRST_APPLICATION = date(2020, 1, 1)
_LAST_DAY = date(2038, 1, 1)
_PUID = re.compile(r"[a-zA-Z0-9_-]+")
_EAN = re.compile(r"[0-9]{13}")
_URL = re.compile(r"https?://[^\s/]+\S*")
_PATTERNS = {_PUID: "letters a to z, digits, - and _ only", _URL: "a URL"}


class Problem(msgspec.Struct, frozen=True):
    """Why the database would refuse a statement, or, if `ignored`, which field it would drop silently."""

    field: str
    kind: ProblemKind
    message: str


class _Field(msgspec.Struct, frozen=True):
    """What a field accepts: a text up to `longest` characters, a day, one of `values`, or a list of those."""

    required: bool = False
    values: frozenset[str] | None = None
    many: bool = False
    longest: int | None = None
    first_day: date | None = None
    pattern: re.Pattern[str] | None = None


_FIELDS: Mapping[str, _Field] = {
    "decision_visibility": _Field(values=vocabulary.VISIBILITIES, many=True),
    "decision_visibility_other": _Field(longest=500),
    "decision_monetary": _Field(values=vocabulary.MONETARIES),
    "decision_monetary_other": _Field(longest=500),
    "decision_provision": _Field(values=vocabulary.PROVISIONS),
    "decision_account": _Field(values=vocabulary.ACCOUNTS),
    "account_type": _Field(values=vocabulary.ACCOUNT_TYPES),
    "decision_ground": _Field(required=True, values=vocabulary.GROUNDS),
    "decision_ground_reference_url": _Field(longest=500, pattern=_URL),
    "illegal_content_legal_ground": _Field(longest=500),
    "illegal_content_explanation": _Field(longest=2000),
    "incompatible_content_ground": _Field(longest=500),
    "incompatible_content_explanation": _Field(longest=2000),
    "incompatible_content_illegal": _Field(values=vocabulary.YES_NO),
    "content_type": _Field(required=True, values=vocabulary.CONTENT_TYPES, many=True),
    "content_type_other": _Field(longest=500),
    "category": _Field(required=True, values=vocabulary.DATABASE_CATEGORIES),
    "category_addition": _Field(values=vocabulary.DATABASE_CATEGORIES, many=True),
    "category_specification": _Field(values=vocabulary.DATABASE_KEYWORDS, many=True),
    "category_specification_other": _Field(longest=500),
    "territorial_scope": _Field(required=True, values=vocabulary.EEA_STATES, many=True),
    "content_language": _Field(values=vocabulary.LANGUAGES),
    "content_date": _Field(required=True, first_day=_FIRST_CONTENT),
    "application_date": _Field(required=True, first_day=_FIRST_APPLICATION),
    "end_date_account_restriction": _Field(first_day=date.min),
    "end_date_monetary_restriction": _Field(first_day=date.min),
    "end_date_service_restriction": _Field(first_day=date.min),
    "end_date_visibility_restriction": _Field(first_day=date.min),
    "decision_facts": _Field(required=True, longest=5000),
    "source_type": _Field(required=True, values=vocabulary.SOURCE_TYPES),
    "source_identity": _Field(longest=500),
    "automated_detection": _Field(required=True, values=vocabulary.YES_NO),
    "automated_decision": _Field(required=True, values=vocabulary.AUTOMATED_DECISIONS),
    "puid": _Field(required=True, longest=500, pattern=_PUID),
    "content_id": _Field(),
}

_DECISIONS = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")


class _Condition(msgspec.Struct, frozen=True):
    """A field that goes with the value of another: required with it, and dropped without."""

    field: str
    other: str
    value: str
    required: bool = True


_CONDITIONS = (
    _Condition("decision_visibility_other", "decision_visibility", "DECISION_VISIBILITY_OTHER"),
    _Condition("decision_monetary_other", "decision_monetary", "DECISION_MONETARY_OTHER"),
    _Condition("content_type_other", "content_type", "CONTENT_TYPE_OTHER"),
    _Condition("illegal_content_legal_ground", "decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"),
    _Condition("illegal_content_explanation", "decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"),
    _Condition("incompatible_content_ground", "decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
    _Condition("incompatible_content_explanation", "decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
    _Condition(
        "incompatible_content_illegal",
        "decision_ground",
        "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        required=False,
    ),
)


def check_statement(statement: Statement) -> list[Problem]:
    """Give every reason for which the database would refuse a statement, and what it would drop, by field.

    A field that is null, an empty text or an empty list counts as absent, as in the database.
    """
    present = {name: value for name, value in statement.items() if value not in (None, "", [], {})}
    problems = [
        *_required(present),
        *_conditional(present),
        *(problem for name, value in present.items() for problem in _check_field(name, value)),
    ]
    order = {name: number for number, name in enumerate(_FIELDS)}
    return sorted(problems, key=lambda problem: order.get(problem.field, len(order)))


def _required(present: Statement) -> Iterator[Problem]:
    for name, field in _FIELDS.items():
        if field.required and name not in present:
            yield Problem(name, "missing", "is required")
    if not any(name in present for name in _DECISIONS):
        yield Problem(_DECISIONS[0], "missing", f"one of {', '.join(_DECISIONS)} is required")


def _conditional(present: Statement) -> Iterator[Problem]:
    for each in _CONDITIONS:
        holds = _has(present, each.other, each.value)
        if holds and each.required and each.field not in present:
            yield Problem(each.field, "missing", f"is required, as {each.other} is {each.value}")
        if not holds and each.field in present:
            yield Problem(each.field, "ignored", f"is dropped, as {each.other} is not {each.value}")
    if "source_identity" in present and _has(present, "source_type", "SOURCE_VOLUNTARY"):
        yield Problem("source_identity", "ignored", "is dropped, as source_type is SOURCE_VOLUNTARY")


def _has(present: Statement, name: str, value: str) -> bool:
    found = present.get(name)
    return value in found if isinstance(found, list | tuple) else found == value


def _check_field(name: str, value: object) -> Iterator[Problem]:
    field = _FIELDS.get(name)
    if field is None:
        yield Problem(name, "ignored", "is no field of the database since 2025-07-01")
    elif name == "content_id":
        if not (isinstance(value, dict) and list(value) == ["EAN-13"] and _matches(_EAN, value["EAN-13"])):
            yield Problem(name, "invalid", 'must be {"EAN-13": "13 digits"}')
    elif field.many:
        if not isinstance(value, list | tuple):
            yield Problem(name, "invalid", "must be a list")
        else:
            for each in value:
                yield from _check_text(name, field, each)
    else:
        yield from _check_text(name, field, value)


def _check_text(name: str, field: _Field, value: object) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(name, "invalid", "must be a text" if not field.many else "must be a list of texts")
    elif field.values is not None and value not in field.values:
        # The lists of countries, languages and keywords are too long for a message.
        valid = (
            f"one of {', '.join(sorted(field.values))}"
            if len(field.values) <= 16
            else "a code of the database"
        )
        yield Problem(name, "invalid", f"is {value[:80]!r}; it must be {valid}")
    elif field.first_day is not None:
        if not is_date(value) or not field.first_day <= date.fromisoformat(value) <= _LAST_DAY:
            earliest = f" from {field.first_day} on" if field.first_day > date.min else ""
            yield Problem(name, "invalid", f"is {value[:80]!r}; it must be a date YYYY-MM-DD{earliest}")
    elif field.longest is not None and len(value) > field.longest:
        yield Problem(name, "invalid", f"has {len(value)} characters; it may have {field.longest}")
    elif field.pattern is not None and not _matches(field.pattern, value):
        yield Problem(name, "invalid", f"is {value[:80]!r}; it must be {_PATTERNS[field.pattern]}")
    elif field.longest is not None and looks_like_email(value):
        yield Problem(
            name,
            "invalid",
            "contains an e-mail address or handle; statements have no personal data (DSA art. 24(5))",
        )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
