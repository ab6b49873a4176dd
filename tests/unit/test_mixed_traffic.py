"""Everything the stage of reports does, in one stream under the shipped registry.

Outputs and state depend on the order of application alone, not on batches, restores or the process.
"""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from random import Random
from typing import Any, get_args

import msgspec
import pytest

from streams.contract.events.report import REPORT_TYPE, NoticeElement
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState, restore_reports
from tests.at_night import at_night
from tests.unit.clock_traffic import clock_outcome
from tests.unit.traffic import (
    DAY,
    EXTERNAL,
    HOUR,
    INTERNAL,
    MINUTE,
    SHIPPED,
    Record,
    counted,
    fold,
    of_topic,
    run,
    tick,
)

RULES = compile_report_rules(replace(SHIPPED, integrity="live"))
# 2026-11-24, 12:00 UTC, when the law that changed during 2026 is in force.
NOON = 1_795_521_600_000
ELEMENTS = get_args(NoticeElement)
RECORDS = 400


def traffic(seed: int) -> list[Record]:
    """Reports that arm several clocks each, duplicates, outcomes of clocks, ticks, and unreadable records."""
    random = Random(seed)
    state = ReportState(0, 1, RULES)
    clocks = [("nobodys", "c0")]
    records: list[Record] = []
    now = NOON
    for number in range(RECORDS):
        now += random.choice([0, 1, MINUTE, 10 * MINUTE, HOUR, HOUR, 5 * HOUR, 30 * HOUR])
        draw = random.random()
        if draw < 0.55:
            record = _report(random, number, now)
        elif draw < 0.8:
            clock, channel = random.choice(clocks)
            happened = now - random.choice([0, HOUR, 50 * HOUR, -4 * MINUTE])
            outcome = random.choice(["fulfilled", "withdrawn", "paused", "resumed"])
            record = clock_outcome(random.randrange(40), outcome, clock, happened, now, channel)._replace(
                offset=number
            )
        elif draw < 0.97:
            record = tick(
                state.time.applied - (random.random() < 0.1),
                now + random.choice([0, HOUR, 20 * HOUR]),
                number,
            )
        else:
            record = Record(EXTERNAL, 0, number, now, None, b"{")
        records.append(record)
        for event in of_topic(run(state, RULES, [record]), "escalations"):
            if event["policy"] == "legal-clock":
                clocks = [*clocks[-11:], (event["escalation_id"], event["channel_ref"])]
    return records


def _report(random: Random, number: int, now: int) -> Record:
    made = now - random.choice([0, 0, HOUR, -4 * MINUTE, 10 * DAY, 400 * DAY])
    body: dict[str, Any] = {
        "report_id": f"r{random.randrange(60)}",
        "kind": random.choice(["statutory_victim_request", "statutory_victim_request", "user_report"]),
        "occurred_at": rfc3339(made),
        "received_at": rfc3339(random.choice([made, now, now - 5 * HOUR, now + 4 * MINUTE, now - 300 * DAY])),
        "channel": {"ref": f"c{random.randrange(3)}", "visibility": "public"},
        "category": random.choice(["ncii", "ncii_deepfake", "harassment", "csam"]),
        "reporter": {
            "kind": random.choice(["user", "anonymous", "state_actor"]),
            # Without a ref it is one of a crowd of whom nobody is told from the others.
            **random.choice([{"ref": f"u{random.randrange(30)}"}] * 4 + [{}]),
            **random.choice([{}, {}, {"member": False, "account_age": "under_1d"}]),
        },
        # Without a message it is about its channel.
        **random.choice([{}, {"message_ref": f"m{random.randrange(3)}"}]),
        "evidence": [
            {
                "country": random.choice(["US", "IN", "GB", "AU", "DE", "RU", "EL", "XX", "UK"]),
                "basis": random.choice(["victim", "suspect", "offence"]),
                "confidence": random.choice([0.1, 0.5, 1]),
            }
            for _ in range(random.randrange(4))
        ],
        "notice": {
            "elements": random.choice([ELEMENTS, ELEMENTS, random.sample(ELEMENTS, 3)]),
            "declares": ["intimate_image_content"],
        },
    }
    headers = event_headers(REPORT_TYPE, body["report_id"], now)
    headers[2] = ("ce_source", random.choice([b"/a", b"/b"]))
    rekeyed = random.random() < 0.3
    if rekeyed:
        headers.append(("tocsin-origin", f"{EXTERNAL}/1/{number}/{now}".encode()))
    return Record(INTERNAL if rekeyed else EXTERNAL, 0, number, now, None, msgspec.json.encode(body), headers)


def play(records: list[Record], random: Random, cut: float, taken_over: float) -> tuple[Any, ...]:
    """Outputs in order, the last value of each daily counter, the content of the state topic, all counters.

    A batch ends after a record with probability `cut`. Another worker takes over after a batch with
    probability `taken_over`.
    """
    state = ReportState(0, 1, RULES)
    stored: dict[bytes, bytes] = {}
    outputs, counters, happened = [], {}, {}
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if record is not records[-1] and random.random() >= cut:
            continue
        outcome = run(state, RULES, batch)
        batch = []
        for output in outcome.outputs:
            if output.topic == "transparency-counters":
                counters[output.key] = output
            else:
                outputs.append(output)
        for name, number in counted(outcome).items():
            happened[name] = happened.get(name, 0) + number
        fold(stored, outcome.changes)
        if random.random() < taken_over:
            entries = list(stored.items())
            random.shuffle(entries)
            due = state.next_due()
            state = restore_reports(0, 1, RULES, entries)
            assert state.next_due() == due
    return outputs, sorted(counters.items()), sorted(stored.items()), sorted(happened.items())


def play_in_one_batch(seed: int) -> tuple[Any, ...]:
    return play(traffic(seed), Random(0), 0, 0)


def digest(seed: int) -> str:
    return hashlib.sha256(repr(play_in_one_batch(seed)).encode()).hexdigest()


@pytest.mark.parametrize("seed", [0, 1, *at_night(range(2, 5))])
def test_batches_and_restores_leave_no_trace(seed: int) -> None:
    records = traffic(seed)
    whole = play_in_one_batch(seed)
    for cut, taken_over in [(1, 1), (0.3, 0.5), (0.05, 1)]:
        assert play(records, Random(seed), cut, taken_over) == whole


@pytest.mark.slow
def test_the_traffic_covers_the_steps_of_clocks_and_the_exceptions() -> None:
    happened: dict[str, int] = {}
    for seed in range(5):
        happened |= dict(play_in_one_batch(seed)[3])
    steps = ("armed", "half", "nine_tenths", "lapsed", "fulfilled", "withdrawn")
    assert {
        f"clock:{duty}:{step}" for duty in ("US.take-it-down.s3", "IN.itr.3-2-b") for step in steps
    } <= set(happened)
    assert {"duplicates", "late", "ticks_ignored", "dead_letter:clock_not_running"} <= set(happened)


@pytest.mark.parametrize("seed", range(5))
def test_each_step_of_a_clock_is_published_once(seed: int) -> None:
    seen: dict[str, list[dict[str, Any]]] = {}
    for output in play_in_one_batch(seed)[0]:
        if output.topic == "escalations":
            event = msgspec.json.decode(output.value)
            if event["policy"] == "legal-clock":
                seen.setdefault(event["escalation_id"], []).append(event)
    for events in seen.values():
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        taken = [
            event["reason"] for event in events if event["reason"] not in ("clock_paused", "clock_resumed")
        ]
        assert len(set(taken)) == len(taken)
        assert len({event["trace"]["first_report_id"] for event in events}) == 1


@pytest.mark.nightly
def test_other_processes_give_the_same_results() -> None:
    """Hashes of strings differ between processes, and so does the order of sets."""
    code = "from tests.unit.test_mixed_traffic import digest; print(digest(0))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {digest(0) + "\n"}
