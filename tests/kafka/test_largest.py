"""The largest valid records and larger ones: none may stop the stream or fill the worker's memory."""

import re
import zlib
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from streams.contract.wire.reading import MAX_EVENT_BYTES
from tests.categories import CATEGORIES
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, STATE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Facts, Published, now_ms, report, source_of

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

# `max.message.bytes` of message-reports.
MAX_RECORD_BYTES = 1_048_576


def largest_report(number):
    """A report with every field at its limit, filled to exactly MAX_EVENT_BYTES with an unknown field."""
    channel = f"{number:08d}".ljust(128, "c")
    reporter = f"{number:08d}".ljust(128, "r")
    document = report(
        f"{number:08d}".ljust(128, "i"),
        now_ms(),
        kind="statutory_victim_request",
        channel={"ref": channel, "visibility": "private", "country": "DE", "language": "de-DE"},
        category="ncii_deepfake",
        message_ref="m" * 128,
        reporter={"kind": "user", "ref": reporter, "country": "FR", "member": True, "account_age": "over_1y"},
        classifier={"name": "n" * 128, "version": "v" * 128, "score": 0.123456789012345},
        evidence=[{"country": "PL", "basis": "authority", "confidence": 0.123456789012345}] * 32,
        notice={"elements": ["subject_or_authorised"] * 16},
        later="",
    )
    document["later"] = "x" * (MAX_EVENT_BYTES - len(orjson.dumps(document)))
    value = orjson.dumps(document)
    assert len(value) == MAX_EVENT_BYTES
    facts = Facts(document["report_id"], channel, "ncii_deepfake", "user", reporter, document["kind"], "DE")
    return Published(channel.encode(), value, facts)


def peak_memory_mib(worker):
    status = Path(f"/proc/{worker.process.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc to read the peak memory of another process")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) // 1024


@pytest.mark.nightly
def test_a_backlog_of_the_largest_reports_does_not_fill_memory(deploy):
    deployment = deploy()
    # 200 MB. A limit in records instead of bytes would queue all of it at once.
    deployment.publish([largest_report(number) for number in range(3_000)])
    worker = deployment.fleet.start()
    deployment.wait_until_applied(90)
    peak = peak_memory_mib(worker)
    check_outputs(deployment, deployment.outputs())
    assert peak < 400


def at(partition, name):
    """A channel whose home is that one of 4 partitions."""
    number = 0
    while (murmur2(f"{name}-{number}".encode()) & 0x7FFFFFFF) % 4 != partition:
        number += 1
    return f"{name}-{number}"


def test_records_beyond_every_limit_do_not_stop_the_worker(deploy):
    deployment = deploy()
    good = replace(largest_report(1), headers=[("trace", None), ("trace", b"x" * 900_000)])
    # Records as large as the topic accepts, at home and away from home: re-keying adds a header.
    home = at(0, "large")
    away = at(1, "large")
    document = report("fits", now_ms(), channel={"ref": home, "visibility": "public"})
    fits = orjson.dumps(document)
    moved = orjson.dumps({**document, "report_id": "moved", "channel": {"ref": away, "visibility": "public"}})
    room = MAX_RECORD_BYTES - 300
    full = [
        Published(home.encode(), fits, None, None, [("trace", b"x" * (room - len(fits)))]),
        Published(home.encode(), moved, None, None, [("trace", b"x" * (room - len(moved)))]),
        Published(home.encode(), b"x" * room, None, None, [("trace", None)]),
    ]
    # The topic accepts these because they compress well; uncompressed, no topic of Tocsin would.
    bombs = [
        Published(b"bomb", b" " * 12_000_000),
        Published(b"bomb", fits.replace(b"fits", b"bomb"), headers=[("trace", b"x" * 12_000_000)]),
        Published(away.encode(), moved.replace(b"moved", b"bomb2"), headers=[("trace", b"x" * 12_000_000)]),
        Published(b" " * 12_000_000, b"{}"),
    ]
    producer = Producer(
        {
            "bootstrap.servers": deployment.bootstrap,
            "message.max.bytes": 100_000_000,
            "log_level": 0,
            "compression.type": "gzip",
        }
    )
    plain = Producer(
        {"bootstrap.servers": deployment.bootstrap, "message.max.bytes": MAX_RECORD_BYTES, "log_level": 0}
    )
    failed = []
    for records, through in (([good, *full], plain), (bombs, producer)):
        for record in records:
            through.produce(
                deployment.name(source_of(record)), record.value, record.key, partition=0, headers=list(record.headers),
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )  # fmt: skip
            assert through.flush(60) == 0
    assert failed == []
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(
        lambda: worker.exit_code is not None or deployment.everything_applied(), 60, "applied", tend=False
    )
    assert worker.exit_code is None, worker.tail()
    reader = deployment.outputs()
    applied = {
        orjson.loads(row.value)["report"]["report_id"] for row in reader.all(deployment.name(ENRICHED))
    }
    letters = list(reader.all(deployment.name(DEAD_LETTERS)))
    reasons = sorted(dict(row.headers)["tocsin-reason"].decode() for row in letters)
    # Records over a limit are refused with a reason and replaced by hash and length.
    # Headers do not travel with what is passed on, so large ones stop no report.
    assert applied == {"fits", "moved", "bomb", "bomb2", good.facts.report_id}
    assert reasons == ["missing_field", "oversized", "oversized"]
    assert {row.key for row in letters} == {None}
    assert room in {orjson.loads(row.value)["length"] for row in letters}


def full_state_reports():
    """Reports of one channel that fill every pane of every ring of every category."""
    now = now_ms() // DAY * DAY
    days = [now - 30 * DAY + day * DAY for day in range(29)]
    hours = [now - DAY + hour * HOUR for hour in range(23)]
    minutes = [now - HOUR + minute * MINUTE for minute in range(0, 60, 5)]
    number = 0
    for moment in [*days, *hours, *minutes]:
        for category in CATEGORIES:
            # One category gets so many reporters each day that its distinct reporters are sampled.
            reporters = 600 if category == "fraud" else 15
            for _ in range(reporters):
                number += 1
                document = report(
                    f"r-{number}",
                    moment + number % 1_000,
                    channel={"ref": "full-" + "x" * 123, "visibility": "public"},
                    category=category,
                    message_ref=f"{number % 40:03d}".ljust(128, "m"),
                    reporter={"kind": "user", "ref": f"reporter-{number}"},
                )
                yield Published(document["channel"]["ref"].encode(), orjson.dumps(document))


@pytest.mark.nightly
def test_the_largest_state_is_restored(deploy):
    deployment = deploy()
    reports = list(full_state_reports())
    deployment.publish(reports)
    first = deployment.fleet.start()
    deployment.wait_until_applied(120)
    first.terminate()
    deployment.fleet.tend()
    # The next owner restores the state and continues.
    more = [
        Published(record.key, record.value.replace(b'"r-', b'"again-'))
        for record in reports[:: len(reports) // 50]
    ]
    deployment.publish(more)
    deployment.fleet.start()
    deployment.wait_until_applied(60)
    assert deployment.fleet.exit_codes == [0]
    reader = deployment.outputs()
    assert reader.count(deployment.name(ENRICHED)) == len(reports) + len(more)
    check_replay(deployment, reader, shipped_rules())
    sizes = {
        key: len(value)
        for partition in range(deployment.partitions)
        for key, value in reader.latest(deployment.name(STATE), partition).items()
    }
    # At least one record per category, and none near the limit of the topic (8 MiB).
    assert len(sizes) > len(CATEGORIES)
    assert max(sizes.values()) < 8_388_608 / 4


def test_a_bomb_compresses_to_less_than_the_record_limit():
    # test_records_beyond_every_limit_do_not_stop_the_worker relies on this.
    assert len(zlib.compress(b" " * 12_000_000)) < MAX_RECORD_BYTES
