"""Reads a figure from a cell, and says what is wrong with one that is not written as the instructions require."""

import re
from collections.abc import Mapping

import msgspec

from streams.statutory.template import CellKind


class Mistake(msgspec.Struct, frozen=True):
    """Why a cell holds no valid figure: a key of CHECKS, and a message."""

    check: str
    message: str


_CHECK: Mapping[CellKind, str] = {
    CellKind.COUNT: "count",
    CellKind.SHARE: "share",
    CellKind.HOURS: "hours",
    CellKind.FULL_TIME: "full-time",
}
# Longer than any figure, also one with a unit.
_LONGEST = 40
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_GROUPED = re.compile(r"\d{1,3}(?:[,. '\u00a0\u202f]\d{3})+")
_PERCENTAGE = re.compile(r"[\d.,]+ *%")
_COMMA = re.compile(r"\d+,\d+")
_NEGATIVE = re.compile(r"-\s*\d.*")
_FORMULA = re.compile(r"[=+@].*")
_DURATION = re.compile(r"P.*T?.*\d+[DHMS]|\d+:\d{2}(?::\d{2})?", re.IGNORECASE)
_UNIT = re.compile(
    r"[\d.,]+ *(?:d|days?|h|hours?|hrs?|m|min|mins|minutes?|s|sec|secs|seconds?)", re.IGNORECASE
)


def read_figure(kind: CellKind, text: str) -> float | Mistake:
    """Read a cell that is not blank."""
    if text.startswith(("<", ">", "≤", "*")):
        return Mistake("suppressed", f"is {text[:_LONGEST]!r}; write the exact number")
    value = float(text) if _NUMBER.fullmatch(text) and len(text) <= _LONGEST else None
    if value is None:
        why = _why(kind, text) if len(text) <= _LONGEST else "not a number"
    elif kind is CellKind.COUNT and "." in text:
        why = f"write {value:.0f}, without decimals" if value == int(value) else "not a whole number"
    elif kind is CellKind.SHARE and value > 1:
        remedy = f"; if it is a percentage, write {value / 100:.4g}" if value <= 100 else ""
        why = f"greater than 1{remedy}"
    else:
        return value
    return Mistake(_CHECK[kind], f"is {text[:_LONGEST]!r}: {why}")


def _why(kind: CellKind, text: str) -> str:
    """Say why a text is no number, and what to write."""
    point = text.replace(",", ".")
    for pattern, why in (
        (
            _PERCENTAGE,
            f"a percentage; write {_hundredth(point)}" if kind is CellKind.SHARE else "a percentage",
        ),
        (_GROUPED, "write numbers without separators of thousands"),
        (_COMMA, f"the decimal separator is a point; write {point}"),
        (_NEGATIVE, "negative"),
        (_FORMULA, "a formula; write its result"),
    ):
        if pattern.fullmatch(text):
            return why
    if kind is CellKind.HOURS and (_DURATION.fullmatch(text) or _UNIT.fullmatch(text)):
        return "give the number of hours alone, such as 13.5"
    return "not a number; write 0 if there was none, or leave the cell blank if there could be none"


def _hundredth(text: str) -> str:
    number = text.removesuffix("%").strip()
    return f"{float(number) / 100:.4g}" if _NUMBER.fullmatch(number) else "a number between 0 and 1"
