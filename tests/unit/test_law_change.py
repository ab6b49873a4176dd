"""Old logs replay to the old law: rows that change on a later day change nothing that was decided before it.

The shipped law is changed as docs/law.md says: a row ends, another one begins on the next day, a duty is
added.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.deciding.partition.batch import Batch
from streams.deciding.reports.claims import UNRESTRICTED
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.reading.document import read_document
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.at_night import at_night
from tests.fixtures import code_under_test
from tests.fixtures.recorded import RecordedTopics, load_earlier_layout
from tests.marked import trusting
from tests.unit import test_mixed_traffic
from tests.unit.request_traffic import (
    new_requests,
    preservation_order,
    removal_order,
    request_record,
    run_requests,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR, Record, report, run, tick
from tests.yaml_files import dump_yaml

NEW_YEAR = date(2027, 1, 1)
NEW_YEAR_MS = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
EVE = NEW_YEAR - timedelta(days=1)
ENDED, SHORTENED, ORDERED, ADDED = "GB.osa.s10-3A", "US.take-it-down.s3", "EU.tco.art3-3", "DE.new"

Rows = list[dict[str, Any]]


def amend(folder: Path, code: str, change: Callable[[Rows], None]) -> None:
    """Change the obligations of a jurisdiction in a copy of the registry."""
    path = folder / "law" / f"{code}.yaml"
    content = deepcopy(read_document(path).content)
    change(content["obligations"])
    path.write_text(dump_yaml(content), encoding="utf-8")


def row_of(rows: Rows, id_: str) -> dict[str, Any]:
    return next(row for row in rows if row["id"] == id_)


def end(id_: str, successor: str | None = None) -> Callable[[Rows], None]:
    """End a row on New Year's Eve; with `successor`, a row of that duration begins on the next day."""

    def change(rows: Rows) -> None:
        row = row_of(rows, id_)
        if successor is not None:
            rows.append(
                deepcopy(row) | {"id": f"{id_}.next", "duration": successor, "in_force_from": NEW_YEAR}
            )
        row["in_force_until"] = EVE

    return change


def add(rows: Rows) -> None:
    rows.append(
        {
            "id": ADDED,
            "instrument": "Act on Tests",
            "article": "s. 1",
            "title": "Take it down",
            "categories": "all",
            "trigger": "user_report",
            "required_elements": ["location", "contact"],
            "action": "remove",
            "duration": "PT24H",
            "applies_to": "hosting services",
            "in_force_from": NEW_YEAR,
            "source": {"url": "https://law.example/1", "checked": EVE, "verification": "verified"},
        }
    )


@pytest.fixture
def changed(folder: Path) -> Path:
    """A copy of the registry in which the law changes on New Year's Day 2027."""
    amend(folder, "GB", end(ENDED))
    amend(folder, "US", end(SHORTENED, "PT24H"))
    amend(folder, "EU", end(ORDERED, "PT30M"))
    amend(folder, "DE", add)
    return folder


@pytest.fixture
def laws(changed: Path) -> tuple[Rules, Rules]:
    """The law as shipped, and the changed one."""
    shipped, new = (trusting(replace(load_rules(folder), sources=UNRESTRICTED)) for folder in (None, changed))
    assert shipped.registry_version != new.registry_version
    return shipped, new


def written(batch: Batch, rules: Rules) -> list[Any]:
    """Every output and every change of state, byte for byte except the registry's version."""
    version = rules.registry_version.encode()

    def plain(value: bytes | None) -> bytes | None:
        return None if value is None else value.replace(version, b"<version>")

    outputs = [(*output[:3], plain(output.value), *output[4:]) for output in batch.outputs]
    return [*outputs, *((key, plain(value)) for key, value in batch.changes.items())]


def play_reports(rules: Rules, records: Iterable[Record]) -> list[list[Any]]:
    """What each record led to."""
    compiled = compile_report_rules(rules)
    state = ReportState(0, 1, compiled)
    return [written(run(state, compiled, [record]), rules) for record in records]


def received(record: Record) -> int:
    """When a report was received; other records and unreadable ones count as early."""
    try:
        body = msgspec.json.decode(record.value or b"")
    except msgspec.DecodeError:
        return 0
    at = body.get("received_at")
    return 0 if at is None else int(datetime.fromisoformat(at).timestamp() * 1000)


def duties(steps: Sequence[list[Any]]) -> set[str]:
    """The duties whose clocks were armed."""
    found = set()
    for step in steps:
        for topic, _, _, value, _ in (each for each in step if len(each) == 5):
            if topic == "escalations" and b'"clock_armed"' in value:
                found.add(msgspec.json.decode(value)["clock"]["obligation"])
    return found


@pytest.mark.parametrize("seed", [1, *at_night((3, 4))])
def test_reports_received_before_the_day_are_decided_the_same(laws: tuple[Rules, Rules], seed: int) -> None:
    """A clock that was armed on the eve also takes its later steps as before."""
    eve = NEW_YEAR_MS - HOUR
    records = [record for record in test_mixed_traffic.traffic(seed) if record.timestamp < eve]
    records.append(
        report(
            999,
            eve,
            kind="statutory_victim_request",
            category="ncii",
            evidence=[{"country": code, "basis": "victim", "confidence": 1} for code in ("US", "GB", "DE")],
            notice={"elements": test_mixed_traffic.ELEMENTS, "declares": ["intimate_image_content"]},
        )
    )
    compiled = compile_report_rules(laws[0])
    state = ReportState(0, 1, compiled)
    run(state, compiled, records)
    records.append(tick(state.time.applied, NEW_YEAR_MS + 400 * DAY, 1_000))
    old, new = (play_reports(rules, records) for rules in laws)
    assert len(records) > 100
    assert {ENDED, SHORTENED} <= duties(old[-2:])
    lapsed = [each for each in old[-1] if len(each) == 5 and b"clock_lapsed" in each[3]]
    assert len(lapsed) >= 2
    assert old == new


@pytest.mark.parametrize("seed", [1, *at_night((3, 4))])
def test_the_first_difference_comes_with_a_report_received_on_the_day(
    laws: tuple[Rules, Rules], seed: int
) -> None:
    records = test_mixed_traffic.traffic(seed)
    old, new = (play_reports(rules, records) for rules in laws)
    first = next(number for number, (left, right) in enumerate(zip(old, new, strict=True)) if left != right)
    assert received(records[first]) >= NEW_YEAR_MS
    later = [
        number for number, record in enumerate(records) if number >= first and received(record) >= NEW_YEAR_MS
    ]
    before, after = (duties([steps[number] for number in later]) for steps in (old, new))
    assert {ENDED, SHORTENED} <= before and ADDED not in before
    assert {f"{SHORTENED}.next", ADDED} <= after and not after & {ENDED, SHORTENED}


def test_requests_received_before_the_day_keep_their_clocks(laws: tuple[Rules, Rules]) -> None:
    """The last order comes on the day. The hour of the one before, and its six months, end after it.

    Nobody says that anything was removed, so the six months of the two orders begin again instead of ending.
    """
    early = [
        request_record(removal_order("ar-1", NEW_YEAR_MS - 3 * HOUR)),
        request_record(preservation_order("ar-2", NEW_YEAR_MS - 2 * HOUR), offset=1),
        request_record(removal_order("ar-3", NEW_YEAR_MS - 1), offset=2),
    ]
    on_the_day = [request_record(removal_order("ar-4", NEW_YEAR_MS), offset=3)]
    over = [tick_record(3, NEW_YEAR_MS + 400 * DAY)]

    def play(rules: Rules, records: list[Record]) -> list[Any]:
        compiled = compile_request_rules(rules)
        return written(run_requests(new_requests(rules=compiled), records, compiled), rules)

    old, new = (play(rules, early + over) for rules in laws)
    assert old == new
    values = [each[3] or b"" for each in old if len(each) == 5]
    assert sum(b'"clock_over"' in value for value in values) == 1
    assert sum(b'"clock_resumed"' in value for value in values) >= 2
    old, new = (play(rules, on_the_day) for rules in laws)
    assert old != new
    assert (
        f'"{ORDERED}.next"'.encode() in repr(new).encode()
        and f'"{ORDERED}"'.encode() not in repr(new).encode()
    )


def test_a_recording_of_real_workers_replays_to_the_same_bytes(changed: Path) -> None:
    """The records of a deployment of November 2026: reports, requests and outcomes, with both registries."""
    recording = load_earlier_layout()
    topics = RecordedTopics(recording)
    results = []
    for registry in (code_under_test.RULES_FOLDER, changed):
        stages = {stage.name: stage for stage in code_under_test.stages(registry)}
        rules = load_rules(registry, sources=code_under_test.SOURCES_FILE)
        states: dict[tuple[str, int], Any] = {}
        found = []
        for batch in recording.batches:
            stage, owner = stages[batch.stage], (batch.stage, batch.partition)
            if owner not in states:
                states[owner] = stage.restore(batch.partition, recording.partitions, ())
            records = [
                topics.at(recording.name(topic), batch.partition, offset) for topic, offset in batch.records
            ]
            found.append(written(stage.apply(states[owner], records), rules))
        results.append(found)
    assert sum(map(len, results[0])) > 2_000
    assert results[0] == results[1]
