"""What state takes in memory is at most what docs/operations-sizing.md, 'Sizing', says, and about what metrics say."""

import gc
import re
import tracemalloc
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from streams.contract.wire.times import DAY
from streams.counting.attribution import ReportIdentity
from streams.counting.message_facts import FirstReport
from streams.counting.message_store import MessageStore
from streams.counting.store import CountStore
from streams.deciding.reporters.reporter import REPORTER, Reporter, ReportFacts
from streams.deciding.reporters.store import ReporterStore, keep, reporter_store
from streams.deciding.reports.crowd import Crowd
from tests.shipped import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "operations-sizing.md").read_text(encoding="utf-8")
NOW = 1_800_000_000_000

# Between two sizes of a store lies what records take: none has just doubled a dict, and the objects in use are
# as many in both.
FEW, MANY = 2_300, 8_000


def ref(kind: str, number: int) -> str:
    """A pseudonym of 26 characters."""
    return blake2b(f"{kind}{number}".encode(), digest_size=13).hexdigest()


def said(what: str) -> int:
    """The bytes that the page says for a row of its table of memory."""
    (row,) = re.findall(rf"\| {re.escape(what)} \| ([\d,]+) bytes", PAGE)
    return int(row.replace(",", ""))


def fill_reporters(store: ReporterStore, numbers: range, reports: int = 1) -> None:
    for number in numbers:
        reporter = Reporter()
        for at in range(reports):
            reporter.note_report(RULES.reporters, facts(number, at))
        keep(store, REPORTER + (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big"), reporter, NOW)
        if number % 1_000 == 999:
            drain(store)
    drain(store)


def facts(number: int, at: int) -> ReportFacts:
    hashed = (number * 100 + at + 1) * 0xD1B54A32D192ED03 % 2**64
    return ReportFacts("user", NOW + at, NOW // 1000 + at, 1, hashed, hashed, member=True, floor=False)


def fill_messages(crowd: Crowd, numbers: range, reporters: int = 1) -> None:
    for number in numbers:
        key = f"{ref('c', number % 100)}\0{ref('m', number)}".encode()
        record = crowd.reporters_of(key)
        for one in range(reporters):
            hashed = (number * 100 + one + 1) * 0x9E3779B97F4A7C15 % 2**64
            received = NOW + number * 1000
            record.add_report(hashed, received, ReportIdentity("/reports/app", ref("r", number * 100 + one)))
            if record.notice is None:
                record.notice = FirstReport(received // 1000, "KR", "ncii_deepfake")
        crowd.put_reporters(key, record, NOW)
        if number % 1_000 == 999:
            drain(crowd)
    drain(crowd)


def fill_channels(stores: tuple[CountStore, Crowd], numbers: range) -> None:
    counts, crowd = stores
    for number in numbers:
        channel = ref("c", number).encode()
        hashed = (number + 1) * 0x9E3779B97F4A7C15 % 2**64
        entry = counts.new_entry()
        entry.counts.add(NOW, NOW, "user", hashed, 1_000, ref("m", number))
        counts.counted(b"K" + channel + b"\0spam", entry, NOW)
        arrivals = crowd.arrivals_to_change(channel, NOW)
        arrivals.add(NOW, hashed, 1, first_time=True, young=False, outsider=False)
        if number % 1_000 == 999:
            drain(counts)
            drain(crowd)
    drain(counts)
    drain(crowd)


def drain(store: Any) -> None:
    for _ in store.drain_changes():
        pass


def bytes_each(store: Any, fill: Callable[..., None], *more: int) -> float:
    """What each further record takes, as Python counts what it allocates."""
    tracemalloc.start()
    try:
        fill(store, range(FEW), *more)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        fill(store, range(FEW, MANY), *more)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / (MANY - FEW)
    finally:
        tracemalloc.stop()


# Stores that keep hardly any objects: their number would differ between both sizes.


def message_store() -> Crowd:
    """The store of messages."""
    crowd = Crowd(MessageStore())
    crowd.reporters._generation = 1
    return crowd


def channel_stores() -> tuple[CountStore, Crowd]:
    """The stores with a record per channel."""
    counts, crowd = CountStore(), Crowd(MessageStore())
    counts._generation = crowd.arrivals._generation = 1
    return counts, crowd


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "store", "fill", "reports"),
    [
        pytest.param(
            "a reporter with one report", reporter_store, fill_reporters, [1], marks=pytest.mark.nightly
        ),
        ("a reporter with 10 reports in a week", reporter_store, fill_reporters, [10]),
        ("a reported message", message_store, fill_messages, [1]),
        pytest.param(
            "a message that three people reported",
            message_store,
            fill_messages,
            [3],
            marks=pytest.mark.nightly,
        ),
        ("a channel with one report", channel_stores, fill_channels, []),
    ],
)
def test_records_take_what_the_sizing_says(
    what: str, store: Callable[[], Any], fill: Callable[..., None], reports: list[int]
) -> None:
    found = bytes_each(store(), fill, *reports)
    assert 0.7 * said(what) <= found <= said(what)


@pytest.mark.slow
def test_the_metric_is_about_what_the_stores_take() -> None:
    reporters, crowd, channels = reporter_store(), message_store(), channel_stores()
    fill_reporters(reporters, range(FEW))
    fill_messages(crowd, range(FEW))
    fill_channels(channels, range(FEW))
    for metric, what in (
        (reporters.memory, "a reporter with one report"),
        (crowd.reporters.memory, "a reported message"),
        (channels[0].memory + channels[1].arrivals.memory, "a channel with one report"),
    ):
        assert metric / FEW == pytest.approx(said(what), rel=0.3)


def test_what_is_forgotten_takes_no_memory() -> None:
    crowd = Crowd(MessageStore())
    fill_messages(crowd, range(3_000))
    assert crowd.reporters.memory > 3_000 * 70
    assert crowd.expire(NOW + 91 * DAY, 10_000)
    drain(crowd)
    assert len(crowd.reporters) == crowd.reporters.size == 0
    assert crowd.reporters.memory < 10_000
