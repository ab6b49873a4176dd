"""What goes wrong inside the native core is an exception that names the record, as everywhere in a stage."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest

from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.tools import native_core
from tests.unit.traffic import Record

native_core()
# Not before: without the extension this file is skipped.
seam = import_module("streams.deciding.reports.native.direct")

BEGIN = 1_800_000_000_000


def _handed_over_with(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> ReportRules:
    rules = compile_report_rules(load_rules(sources=ONE_TOPIC), native="direct")
    handed_over = seam._handed_over
    monkeypatch.setattr(seam, "_handed_over", lambda rules: handed_over(rules) | changes)
    return rules


def _records() -> Sequence[Record]:
    return [
        Record("message-reports", 0, 40 + number, BEGIN, *report)
        for number, report in enumerate(traffic.all_new(3, BEGIN, 1_000))
    ]


def _notes_of_the_error(rules: ReportRules, error: type[Exception], message: str) -> list[str]:
    stage = report_stage(rules)
    first, *others = _records()
    state = stage.restore(0, 1)
    # Time begins with the first record, which is Python's.
    stage.apply(state, [first])
    with pytest.raises(error, match=message) as found:
        stage.apply(state, others)
    return found.value.__notes__


def test_a_panic_names_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    # With no plan for any category, the core looks for one beyond the end.
    rules = _handed_over_with(monkeypatch, plans=[])
    notes = _notes_of_the_error(rules, RuntimeError, "the native core panicked")
    # The second report names no message, and so is Python's too.
    assert notes == ["while applying message-reports partition 0 offset 42"]


def test_an_error_of_what_the_core_asks_names_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_law(value: bytes) -> tuple[bytes, int, str, bool]:
        raise LookupError("no law")

    notes = _notes_of_the_error(_handed_over_with(monkeypatch, resolve=no_law), LookupError, "no law")
    # The second report names no message, and so is Python's too.
    assert notes == ["while applying message-reports partition 0 offset 42"]
