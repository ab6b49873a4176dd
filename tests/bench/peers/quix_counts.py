"""Quix Streams: a reduction over hopping windows for each length of window, in RocksDB."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from quixstreams import Application, State

# As late as Tocsin still judges a report in the windows of its own time.
GRACE = timedelta(hours=12)

# By category: the window and its step (ms), and the numbers of reports that reach levels 1, 2 and so on.
COUNTINGS = {
    category: (int(window), int(step), [int(least) for least in thresholds.split(",")])
    for category, window, step, thresholds in map(str.split, os.environ["BENCH_JOB"].splitlines())
}


def event_time(value: dict[str, Any], *_: object) -> int:
    """The time at which the message was reported; the records have the time at which they were appended."""
    return int(datetime.fromisoformat(value["occurred_at"]).timestamp() * 1000)


def first_count(report: dict[str, Any]) -> dict[str, int]:
    """The counts of a window with one report."""
    return {report["category"]: 1}


def counted(counts: dict[str, int], report: dict[str, Any]) -> dict[str, int]:
    """The counts of a window with one report more."""
    category = report["category"]
    counts[category] = counts.get(category, 0) + 1
    return counts


def raised(window: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """The escalations of categories that reach a higher level in this window than in any before."""
    return list(_raised(window["value"], state))


def _raised(counts: dict[str, int], state: State) -> Iterator[dict[str, Any]]:
    for category, reports in counts.items():
        level = sum(reports >= least for least in COUNTINGS[category][2])
        if level and level > state.get(category, 0):
            state.set(category, level)
            yield {"category": category, "level": level, "reports": reports}


def main() -> None:
    """Run until the process is asked to end."""
    app = Application(
        broker_address=os.environ["BENCH_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_APPLICATION"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        # Seconds; the default of five would keep an escalation back that long.
        commit_interval=1.0,
        state_dir=os.environ["BENCH_STATE"],
        producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
        loglevel="WARNING",
    )
    source = app.topic(
        os.environ["BENCH_SOURCE"],
        key_deserializer="bytes",
        value_deserializer="json",
        timestamp_extractor=event_time,
    )
    output = app.topic(os.environ["BENCH_OUTPUT"], key_serializer="bytes", value_serializer="json")
    reports = app.dataframe(source)
    for window, step in sorted({counting[:2] for counting in COUNTINGS.values()}):
        names = frozenset(name for name, counting in COUNTINGS.items() if counting[:2] == (window, step))
        (
            # The key stays the channel, by which the reports are partitioned: grouping by channel and
            # category would send each report through one more topic.
            reports.filter(lambda report, names=names: report["category"] in names)
            .hopping_window(window, step, GRACE, name=f"counts-{window}")
            .reduce(counted, first_count)
            .current()
            .apply(raised, stateful=True, expand=True)
            .to_topic(output)
        )
    app.run()


if __name__ == "__main__":
    main()
