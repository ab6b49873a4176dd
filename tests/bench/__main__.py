"""Run the benchmark scenarios on a real Kafka, print a table, and write each run to .tocsin/bench/."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import table
from tests.bench.machine import describe
from tests.bench.place import Place
from tests.bench.scenarios import (
    against_faust,
    back_test,
    candidate,
    console,
    core,
    cores,
    intake,
    latency,
    many_channels,
    metrics,
    one_channel,
    partitions,
    peers,
    quiet_channels,
    reporters,
    rules,
    runtime_alone,
    takeover,
    tracing,
    two_workers,
)
from tocsin_demo.local_kafka import LocalKafka

SCENARIOS: dict[str, Callable[[Place], dict[str, float]]] = {
    "core": core.measure,
    "cores": cores.measure,
    "against-faust": against_faust.measure,
    "runtime-alone": runtime_alone.measure,
    "metrics": metrics.measure,
    "two-workers": two_workers.measure,
    "many-channels": many_channels.measure,
    "one-channel": one_channel.measure,
    "quiet-channels": quiet_channels.measure,
    "latency": latency.measure,
    "intake": intake.measure,
    "partitions": partitions.measure,
    "takeover": takeover.measure,
    "reporters": reporters.measure,
    "rules": rules.measure,
    "candidate": candidate.measure,
    "back-test": back_test.measure,
    "tracing": tracing.measure,
    "console": console.measure,
}
# Only by name: they fetch what no other scenario needs.
ONLY_BY_NAME = {"peers": peers.measure}
RESULTS = Path(__file__).parents[2] / ".tocsin" / "bench"


def main() -> None:
    """Parse the command line, run the scenarios, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help=f"scenarios to run (default: all but the last): {', '.join(SCENARIOS | ONLY_BY_NAME)}",
    )
    parser.add_argument("--runs", type=int, default=1, help="number of runs; the table shows medians")
    parser.add_argument(
        "--quick", action="store_true", help="do a tenth of the work, to test the benchmark itself"
    )
    parser.add_argument("--json", type=Path, help="also write all runs to this file")
    options = parser.parse_args()
    known = SCENARIOS | ONLY_BY_NAME
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"unknown scenario: {', '.join(unknown)}; choose from {', '.join(known)}")
    runs = [_run(options.names or list(SCENARIOS), options.quick) for _ in range(options.runs)]
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n")
    machine = runs[0]["machine"]
    print("\n" + "; ".join(f"{name}: {value}" for name, value in machine.items()))
    print(f"{len(runs)} run(s){', quick: not comparable with full runs' if options.quick else ''}\n")
    print(table([run["figures"] for run in runs]))


def _run(names: list[str], quick: bool) -> dict:
    run = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": describe(),
        "figures": {},
    }
    existing = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        with nullcontext() if existing else LocalKafka(folder / "kafka") as broker:
            place = Place(existing or broker.bootstrap, folder, quick)
            for scenario in names:
                began = time.monotonic()
                print(f"{scenario} ...", end=" ", file=sys.stderr, flush=True)
                run["figures"] |= (SCENARIOS | ONLY_BY_NAME)[scenario](place)
                print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{run['began'].replace(':', '')}{'-quick' if quick else ''}.json"
    file.write_text(json.dumps(run, indent=2) + "\n")
    return run


if __name__ == "__main__":
    main()
