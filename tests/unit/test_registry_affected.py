"""`tocsin registry affected`: the clocks that a row has started, from the log and from the state."""

import dataclasses
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.commands.registry import affected, armed_clocks
from streams.commands.shared import kept_clocks
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import AUTHORITY_ROUTING, AUTHORITY_STATE, CHANNEL_STATE, ESCALATIONS
from streams.deciding.partition.batch import Batch
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.request_traffic import new_requests, removal_order, request_record, run_requests
from tests.unit.traffic import HOUR, MINUTE, START, Record, report, run

RULES = clock_rules(duty())
CORRECTED = compile_report_rules(
    dataclasses.replace(
        RULES.registry,
        obligations=(duty(), duty(id="GLOBAL.other", duration="PT3H")),
        registry_version="c" * 16,
    )
)
VICTIM = [{"country": "KR", "basis": "victim", "confidence": 0.9}]


class Topics:
    """Outputs and state of both stages, as they are read back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: dict[str, list[Record]] = {
            name: [] for name in (ESCALATIONS, AUTHORITY_ROUTING, CHANNEL_STATE, AUTHORITY_STATE)
        }
        for module in (armed_clocks, kept_clocks):
            monkeypatch.setattr(module, "committed_records", self._committed)
        monkeypatch.setattr(affected, "clock_ms", lambda: START + 10 * HOUR)

    def add(self, state_topic: str, batch: Batch) -> None:
        for output in batch.outputs:
            if output.topic in self.records:
                self._append(output.topic, output.key, output.value)
        for key, value in batch.changes.items():
            self._append(state_topic, key, value)

    def _append(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        self.records[topic].append(Record(topic, 0, len(self.records[topic]), START, key, value))

    async def _committed(self, _connection: Any, topic: str) -> Any:
        for record in self.records[topic]:
            yield record


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    return Topics(monkeypatch)


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = asked(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["registry", "affected", *arguments])


def fill(topics: Topics) -> ReportState:
    """Of three clocks of GLOBAL.fast one is withdrawn, one paused and one has lapsed; others belong beside."""
    state = ReportState(0, 1, RULES)
    first = [report(1, START, channel="a"), report(2, START + 10 * MINUTE, channel="b", evidence=VICTIM)]
    topics.add(CHANNEL_STATE, run(state, RULES, first))
    ended = [
        clock_outcome(1, "withdrawn", clock_of(1, "a"), START + 20 * MINUTE, channel="a", actor="legal-7")
    ]
    topics.add(CHANNEL_STATE, run(state, RULES, ended))
    pause = clock_outcome(
        2, "paused", clock_of(2, "b"), START + 30 * MINUTE, channel="b", reason="clarification"
    )
    topics.add(CHANNEL_STATE, run(state, RULES, [pause]))
    late = [report(3, START + 40 * MINUTE, channel="c"), report(4, START + 4 * HOUR, channel="d")]
    topics.add(CHANNEL_STATE, run(state, CORRECTED, late))
    topics.add(
        AUTHORITY_STATE, run_requests(new_requests(), [request_record(removal_order("q", START + HOUR))])
    )
    return state


def test_each_clock_of_the_row_is_listed_once_with_its_end(topics: Topics) -> None:
    fill(topics)
    found = [(row["key"], row["status"], row["open"]) for row in listed("GLOBAL.fast")]
    assert found == [
        ("b", "paused", True), ("c", "lapsed", True), ("d", "running", True), ("a", "withdrawn", False)
    ]  # fmt: skip
    ended = listed("GLOBAL.fast")[-1]
    assert ended["actor"] == "legal-7"
    assert ended["clock_id"] == clock_of(1, "a")
    assert ended["changed_at"] == rfc3339(START + 20 * MINUTE)
    assert ended["registry_version"] == RULES.registry.registry_version


def test_a_clock_of_a_request_is_listed_with_the_request(topics: Topics) -> None:
    fill(topics)
    (row,) = listed("EU.tco.art3-3")
    assert (row["subject"], row["key"], row["countries"]) == ("request", "q", ["DE"])


def test_the_id_of_a_row_is_not_taken_for_the_beginning_of_another(topics: Topics) -> None:
    fill(topics)
    assert listed("GLOBAL.fas") == []
    assert listed("EU.tco.art3") == []


def test_open_clocks_whose_events_were_deleted_come_from_the_state(topics: Topics) -> None:
    fill(topics)
    before = listed("GLOBAL.fast")
    topics.records[ESCALATIONS].clear()
    after = listed("GLOBAL.fast")
    assert [row["key"] for row in after] == ["b", "c", "d"]
    # The state has the time that has passed by now, and no event of which to give the time.
    known = [{**row, "changed_at": None, "elapsed": 0} for row in before if row["open"]]
    assert [{**row, "elapsed": 0} for row in after] == known


def test_the_list_is_limited_to_a_time_and_to_the_rules_that_were_wrong(topics: Topics) -> None:
    fill(topics)
    since = ["--since", rfc3339(START + 40 * MINUTE)]
    assert [row["key"] for row in listed("GLOBAL.fast", *since)] == ["c", "d"]
    version = RULES.registry.registry_version
    assert [row["key"] for row in listed("GLOBAL.fast", "--rules", version)] == ["b", "a"]
    assert [row["key"] for row in listed("GLOBAL.fast", "--rules", "c" * 16)] == ["c", "d"]


def test_the_table_ends_with_the_numbers_and_the_rules(topics: Topics) -> None:
    fill(topics)
    lines = asked("GLOBAL.fast").stdout.splitlines()
    assert lines[0].split() == "started by country category started due now since by rules clock".split()
    assert lines[2].startswith("channel b   KR       spam ")
    assert lines[-2] == (
        "4 clocks of GLOBAL.fast: 3 (1 paused, 1 lapsed, 1 running) open, 1 (1 withdrawn) ended"
    )
    assert lines[-1] == f"by registry_version: {RULES.registry.registry_version} 2, {'c' * 16} 2"


def test_an_empty_list_is_no_error(topics: Topics) -> None:
    result = asked("GB.none")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no clock of GB.none found\n")


def test_an_unreadable_clock_is_named(topics: Topics) -> None:
    fill(topics)
    topics._append(CHANNEL_STATE, f"Lz\0{'0' * 36}".encode(), b"\x02abc")
    result = asked("GLOBAL.fast")
    assert result.exit_code == 1
    assert "of channel z cannot be read" in result.stderr
    assert "4 clocks" in result.stdout
