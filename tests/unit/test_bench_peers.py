"""What the benchmark compares its peers with, and what it says where one cannot run."""

import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from streams.contract.wire.times import moment_ms
from tests.bench import traffic
from tests.bench.peers import programs
from tests.bench.peers.job import Counting, brute_force, countings, windows_of
from tocsin_demo.local_kafka.jars import KAFKA_VERSION, read_list

HOUR_MS = 3_600_000
BEGIN_MS = 1_790_000_000_000
JOB = countings()


def reports(count: int) -> list[traffic.Report]:
    return list(traffic.usual(count, BEGIN_MS, HOUR_MS))


def test_the_job_has_the_windows_and_least_reports_of_the_shipped_policies():
    assert JOB["spam"] == Counting(HOUR_MS, HOUR_MS // 12, (10, 50))
    assert JOB["fraud"] == Counting(24 * HOUR_MS, HOUR_MS, (5, 20, 100))
    assert JOB["csam"] == Counting(168 * HOUR_MS, 24 * HOUR_MS, (1, 1, 3))
    assert "unspecified" not in JOB


def test_a_report_is_counted_in_each_of_its_windows_and_a_channel_reaches_a_level_once():
    (each,) = traffic.usual(1, BEGIN_MS, HOUR_MS)
    told = msgspec.json.decode(each.value) | {"category": "spam"}
    spam = each._replace(value=msgspec.json.encode(told))
    channel = told["channel"]["ref"]
    found = brute_force([spam] * 9, JOB)
    assert set(found.counts.values()) == {9} and len(found.counts) == 12 and not found.levels
    newest = max(start for _, _, start in found.counts)
    assert newest <= BEGIN_MS < newest + JOB["spam"].step
    assert brute_force([spam] * 49, JOB).levels == {(channel, "spam"): 1}
    assert brute_force([spam] * 50, JOB).levels == {(channel, "spam"): 2}


def test_panes_add_up_to_the_same_windows():
    given = reports(3_000)
    panes: Counter[tuple[str, str, int]] = Counter()
    for report in given:
        told = msgspec.json.decode(report.value)
        if told["category"] in JOB:
            step = JOB[told["category"]].step
            pane = moment_ms(told["occurred_at"]) // step * step
            panes[told["channel"]["ref"], told["category"], pane] += 1
    assert windows_of(panes, JOB) == brute_force(given, JOB).counts


def test_kafka_streams_has_the_version_of_the_broker():
    (own,) = (name for name in read_list(programs.JAR_LIST) if "/kafka-streams/" in name)
    assert own.endswith(f"/kafka-streams-{KAFKA_VERSION}.jar")


def test_without_a_compiler_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(programs.NotToBeHad, match="needs javac: apt-get install"):
        programs.kafka_streams("DslCounts", tmp_path)
