"""Drawing the reports about which a desk is asked: at random for whoever has no key, the same in a replay."""

import struct
from collections.abc import Collection, Mapping, Sequence
from heapq import nsmallest
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from streams.contract.events.report import Category
from streams.counting.categories import CategoryShare, reporters_in
from streams.counting.windows import FINE_MS, WindowSpec, window_start
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.crowd import MESSAGE_REPORTERS
from streams.deciding.reports.escalation.question import DrawnReport

# Reporters whose reports are looked for. Nearly all have one that can be judged, so two suffice; the others
# show which share has. To look for one takes 30 us in a channel of a thousand messages, and there is a
# question a few times a day.
LOOKED_FOR: Final = 16
# When a desk is asked again, only who came since the last question is drawn, and most of the crowd may have
# come before. So many are looked at for those: a few milliseconds for the largest crowds.
MOST_LOOKED_AT: Final = 256

_HASH: Final = struct.Struct("<Q")


class Draw(NamedTuple):
    """Reports that were drawn, each with the probability `sampled`."""

    reports: tuple[DrawnReport, ...]
    sampled: float


def draw_reports(
    batch: ReportBatch,
    channel_key: bytes,
    shares: Sequence[CategoryShare],
    spec: WindowSpec,
    counted_at: int,
    question_id: str,
    number: int,
    earlier: Collection[int],
    after: int = 0,
) -> Draw:
    """Draw up to `number` reports of different reporters from the window that ends with `counted_at` (ms).

    Each reporter is equally likely, whatever and however often they reported: if messages were drawn first, a
    single report about a violation that an attacker posted would be drawn nearly always. The first report of
    that reporter in the window is taken. Reports in `earlier` (see `report_hash`) are left out, and so are
    reporters who had reported in the window by `after` (ms), unless there are no others. Detectors are not
    reporters here.
    """
    category_of: dict[int, Category] = {}
    of_shares, each_stands_for = reporters_in([share.channel for share in shares], spec, counted_at)
    for share, reporters in zip(shares, of_shares, strict=True):
        for reporter in reporters:
            category_of.setdefault(reporter, share.category)
    seed = batch.rules.hash_keys.current.reporter_hash(question_id)
    most = MOST_LOOKED_AT if after else LOOKED_FOR
    by_chance = nsmallest(most, category_of, key=lambda one: (xxh3_64_intdigest(_HASH.pack(one), seed), one))
    since = window_start(spec.ring, spec.panes, counted_at // FINE_MS) * FINE_MS // 1000
    found = []
    looked_at = 0
    for reporter in by_chance:
        looked_at += 1
        report = _first_report(batch, channel_key, reporter, since, after // 1000, category_of)
        if report is not None and report_hash(report) not in earlier:
            found.append(report)
            if len(found) == LOOKED_FOR:
                break
    if not found and after:
        return draw_reports(batch, channel_key, shares, spec, counted_at, question_id, number, earlier)
    if not found:
        return Draw((), 0.0)
    # Of all reporters as many can be drawn as of those looked at.
    candidates = len(category_of) * each_stands_for * len(found) / looked_at
    drawn = tuple(found[:number])
    return Draw(drawn, round(min(1.0, len(drawn) / candidates), 6))


def report_hash(report: DrawnReport) -> int:
    """Return a hash of a drawn report, to recognise it in a later draw of the episode."""
    return xxh3_64_intdigest(f"{report.ce_source}\0{report.report_id}".encode())


def _first_report(
    batch: ReportBatch,
    channel_key: bytes,
    reporter: int,
    since_s: int,
    after_s: int,
    categories: Mapping[int, Category],
) -> DrawnReport | None:
    """Return the first report of a reporter that was received since then and can be judged.

    None without, or if the reporter had reported by `after_s`.
    """
    crowd = batch.state.crowd
    found: list[tuple[int, bytes, tuple[str, str]]] = []
    for key in crowd.reporters.of_channel(MESSAGE_REPORTERS + channel_key, _HASH.pack(reporter)):
        record = crowd.reporters.find(key)
        known = None if record is None else record.report_of(reporter)
        if known is None:
            continue
        received, identity = known
        if received >= since_s:
            if received <= after_s:
                return None
            found.append((received, key, identity))
    for _, key, (source, report_id) in sorted(found):
        record = crowd.reporters.find(key)
        assert record is not None
        category, reported_as = categories[reporter], record.reported_as
        if not reported_as or category in reported_as:
            return DrawnReport(source, report_id, key.partition(b"\0")[2].decode(), category)
    return None
