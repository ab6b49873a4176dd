"""`tocsin state`: what `check` finds in the last values of a state topic, and what `show` prints."""

import orjson
import pytest
from aiokafka import TopicPartition
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.state import command, state_check
from streams.commands.state.reset import ResetPlan
from streams.commands.state.stages import STAGE_NAMES, all_stages
from streams.commands.state.state_check import PartitionCheck, check_entries
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.state_records import STATE_VERSION
from streams.deciding.partition.hash_key import DEMONSTRATION, DEMONSTRATION_KEY
from streams.deciding.reporters.part import part_key
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.stage import request_stage
from streams.running.clients import kept_state
from streams.running.worker.settings import Settings
from tests.unit.request_traffic import (
    NOON,
    RULES,
    new_requests,
    outcome_record,
    removal_order,
    request_record,
    routings,
    run_requests,
    tick_record,
)
from tests.unit.traffic import MINUTE, SHIPPED, START, Record, compiled, fold, report, run

REPORTS = report_stage(compiled(*SHIPPED.policies))
REQUESTS = request_stage(RULES)
REPORTERS = reporter_stage(compile_reporter_rules(SHIPPED))
PLACE = TopicPartition("channel-state", 0)


def stored_reports():
    stored = {}
    state = REPORTS.restore(0, 1, ())
    records = [report(n, START + n, channel=f"c{n % 3}", category="csam") for n in range(9)]
    fold(stored, run(state, compiled(*SHIPPED.policies), records).changes)
    return stored


def stored_requests():
    """The state of a request whose one-hour clock was paused at half of its time."""
    stored, state = {}, new_requests()
    opened = run_requests(state, [request_record(removal_order())])
    (hour,) = [
        clock["clock_id"] for clock in routings(opened)[0]["clocks"] if clock["obligation"] == "EU.tco.art3-3"
    ]
    fold(stored, opened.changes)
    pause = outcome_record(hour, "paused", NOON + 40 * MINUTE, reason="force_majeure")
    fold(stored, run_requests(state, [tick_record(1, NOON + 31 * MINUTE), pause]).changes)
    return stored, hour


# --- check


def test_check_counts_a_valid_state_of_both_stages():
    assert check_entries(REPORTS, PLACE, 1, stored_reports()) == PartitionCheck(
        "reports", 0, [], 3, 3, 0, 1, 9, reporters=0
    )
    stored, _ = stored_requests()
    assert check_entries(REQUESTS, PLACE, 1, stored) == PartitionCheck(
        "requests", 0, [], 0, 0, 2, 1, 1, reporters=0
    )


@pytest.mark.parametrize("body", [b"\xc1" * 20, b"", b"\x00" * 300])
def test_unreadable_counts_are_a_finding_with_the_channel(body):
    stored = stored_reports() | {b"Kc1\0csam": STATE_VERSION + body + bytes(4)}
    found = check_entries(REPORTS, PLACE, 1, stored)
    (problem,) = found.problems
    assert problem.startswith("channel-state partition 0: counts c1 csam cannot be read (")
    # The message must not advise the operator to run the command that printed it.
    assert "tocsin state check" not in problem
    assert found.counts == 3


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (REPORTER + bytes(8), "reporter 0000000000000000 cannot be read"),
        (part_key(REPORTER + bytes(8), 1), "part of 0000000000000000 cannot be read"),
    ],
)
def test_an_unreadable_reporter_or_part_of_a_source_is_a_finding(key, words):
    """A worker decodes them only when one reports again, or is decided about."""
    (problem,) = check_entries(REPORTERS, PLACE, 1, {key: STATE_VERSION + b"\xc1" + bytes(4)}).problems
    assert problem.startswith(f"channel-state partition 0: {words} (")


@pytest.mark.parametrize("key", [b"T", b"D" + bytes(8), b"Lar-1\0x", b"R2026-11-24/DE/terrorism", b"Z"])
@pytest.mark.parametrize("value", [b"", b"\x09", b"\x01\xc1"])
def test_unreadable_records_of_requests_are_a_finding(key, value):
    stored, _ = stored_requests()
    (problem,) = check_entries(REQUESTS, PLACE, 1, stored | {key: value}).problems
    assert problem.startswith("channel-state partition 0: ")


def test_clocks_outside_their_home_partition_are_a_finding():
    stored, _ = stored_requests()
    away = 1 - home_partition(b"ar-1", 2)
    problems = check_entries(REQUESTS, TopicPartition("authority-state", away), 2, stored).problems
    assert len(problems) == 2
    assert all(f"belongs to partition {1 - away}" in problem for problem in problems)


def test_only_the_first_of_many_problems_are_named():
    stored = stored_reports() | {b"Kd%d\0csam" % n: STATE_VERSION + bytes(4) for n in range(20)}
    problems = check_entries(REPORTS, PLACE, 1, stored).problems
    assert len(problems) == 6
    assert problems[-1].endswith("and 15 more")


def test_an_unreadable_position_is_a_finding(monkeypatch):
    async def damaged(*_):
        return orjson.loads(b"{")

    async def three(*_):
        return 3

    monkeypatch.setattr(state_check, "read_state", damaged)
    monkeypatch.setattr(state_check, "partition_count", three)
    monkeypatch.setenv("TOCSIN_HASH_KEY", DEMONSTRATION_KEY.hex())
    result = CliRunner().invoke(commands, ["state", "check"])
    assert result.exit_code == 1
    assert result.stdout.count("requests") == result.stdout.count("reports") == 3
    assert result.stderr.count("the position cannot be read") == 9
    assert "authority-state partition 2: " in result.stderr


# --- show


def invoke_with(monkeypatch, stored, *arguments):
    async def committed(*_, partition):
        for key, value in stored.items():
            yield Record("state", partition, 0, START, key, value)

    async def two(*_):
        return 1

    monkeypatch.setattr(kept_state, "committed_records", committed)
    monkeypatch.setattr(kept_state, "partition_count", two)
    return CliRunner().invoke(commands, ["state", "show", *arguments])


def test_a_request_is_shown_with_its_clocks_and_its_decision(monkeypatch):
    stored, hour = stored_requests()
    result = invoke_with(monkeypatch, stored, "--request", "ar-1", "--json")
    assert result.exit_code == 0, result.output
    found = orjson.loads(result.output)
    assert (found["request"], found["now"]) == ("ar-1", "2026-11-24T12:40:00.000Z")
    by_duty = {clock["obligation"]: clock for clock in found["clocks"]}
    assert by_duty["EU.tco.art3-3"]["clock_id"] == hour
    assert by_duty["EU.tco.art3-3"]["status"] == "paused"
    assert by_duty["EU.tco.art6"]["status"] == "running"
    assert {clock["decision"] for clock in found["clocks"]} == {"routed"}
    output = invoke_with(monkeypatch, stored, "--request", "ar-1").output
    assert "removal_order received 2026-11-24T12:00:00.000Z: routed" in output
    assert f"EU.tco.art3-3: clock_id {hour}, status paused" in output


def test_a_request_is_not_selected_by_a_prefix_of_its_id(monkeypatch):
    stored, _ = stored_requests()
    result = invoke_with(monkeypatch, stored, "--request", "ar")
    assert result.exit_code == 1
    assert "there is no clock of request ar" in result.stderr


def test_unreadable_state_is_reported_without_a_traceback(monkeypatch):
    kept = stored_reports()
    for damaged in (STATE_VERSION + b"\xc1" * 20 + bytes(4), b"\x77" + bytes(9)):
        result = invoke_with(monkeypatch, kept | {b"Kc1\0csam": damaged}, "c1")
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert "the state of channel c1 cannot be read" in result.stderr
    stored, _ = stored_requests()
    result = invoke_with(monkeypatch, stored | {b"Lar-1\0x": b"\x01\xc1"}, "--request", "ar-1")
    assert isinstance(result.exception, SystemExit)
    assert "the state of request ar-1 cannot be read" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["c1", "--request", "ar-1"]])
def test_show_requires_either_a_channel_or_a_request(arguments):
    assert CliRunner().invoke(commands, ["state", "show", *arguments]).exit_code == 2


# --- reset


def test_the_commands_use_the_workers_names_of_both_stages():
    assert tuple(stage.name for stage in all_stages(Settings(), DEMONSTRATION)) == STAGE_NAMES


@pytest.mark.parametrize(
    ("arguments", "deleted"),
    [
        ([], ["channel-state", "authority-state", "reporter-state"]),
        (["--stage", "requests"], ["authority-state"]),
        (["--stage", "reports"], ["channel-state"]),
    ],
)
def test_reset_deletes_the_state_of_both_stages_unless_one_is_named(monkeypatch, arguments, deleted):
    done = []

    async def counted(_, stages):
        return [ResetPlan(stage.name, stage.state_topic, 3, 1, 1_234, 5_678) for stage in stages]

    async def delete(_, plans):
        done.extend(plan.topic for plan in plans)

    monkeypatch.setattr(command, "plan_resets", counted)
    monkeypatch.setattr(command, "recreate_topics", delete)
    kept = CliRunner().invoke(commands, ["state", "reset", *arguments], input="n\n")
    assert (kept.exit_code, done) == (1, [])
    result = CliRunner().invoke(commands, ["state", "reset", "--yes", *arguments])
    assert result.exit_code == 0, result.output
    assert done == deleted
    assert result.output.count("about 1,234 records of state") == len(deleted)
    assert result.output.endswith("empty; start the workers\n")
