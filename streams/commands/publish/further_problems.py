"""What else is wrong with a refused report: workers stop at the first problem, who mends it wants all."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from streams.contract.wire.dead_letter import Rejected

# A field that is refused is replaced by that of this report, and the report read again.
_VALID: Final[dict[str, Any]] = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-03-01T12:00:00Z",
    "channel": {"ref": "c-1", "visibility": "public"},
    "category": "spam",
}

# Of a report that is something else altogether nobody reads more.
_MOST: Final = 10


def further_problems(
    value: bytes, first: Rejected, read: Callable[[bytes], object]
) -> Iterator[tuple[Rejected, str]]:
    """Yield `first` and what is wrong besides, each with the field that was probably misspelt, or `""`.

    `read` raises Rejected for the first problem of a report.
    """
    try:
        report = orjson.loads(value)
    except orjson.JSONDecodeError:
        report = None
    found, seen = first, set[str]()
    while found.field not in seen and len(seen) < _MOST:
        yield found, _misspelt(report, found)
        seen.add(found.field)
        if not isinstance(report, dict) or not _mended(report, found.field):
            return
        try:
            read(orjson.dumps(report))
        except Rejected as rejected:
            found = rejected
        else:
            return


def _mended(report: dict[str, Any], path: str) -> bool:
    """Put what is valid into a field; False if that is no field of the report."""
    name, _, below = path.partition(".")
    name = name.partition("[")[0]
    valid = _VALID.get(name)
    if below and isinstance(valid, dict) and isinstance(report.get(name), dict) and below in valid:
        report[name][below] = valid[below]
    elif valid is not None:
        report[name] = valid
    else:
        return report.pop(name, None) is not None
    return True


def _misspelt(report: Any, rejected: Rejected) -> str:
    """The field that seems to be meant by one that is missing."""
    if rejected.reason != "missing_field":
        return ""
    above, _, name = rejected.field.rpartition(".")
    fields = report.get(above) if above and isinstance(report, dict) else report
    if not isinstance(fields, dict):
        return ""
    known = _VALID.get(above, {}) if above else _VALID
    others = [field for field in fields if field not in known and field.isidentifier()]
    return next(iter(difflib.get_close_matches(name, others, n=1, cutoff=0.8)), "")
