"""Fills the stages of reports and reporters in a process of its own, and prints what that takes.

`python -m tests.filled_worker KIND FEW MANY` applies reports of one partition up to both numbers, each with a message
that is not known, and prints for each number: resident memory (bytes), what the metrics say that state takes, and the
number of reporters, channels and messages.
"""

import gc
import json
import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from streams.counting import store
from streams.deciding.partition import home
from streams.deciding.partition.census import take_census
from streams.deciding.reporters import state as reporter_state
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.census import take_report_census
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.running.app.allocator import keep_freed_memory
from tests.unit.reporter_traffic import read_back
from tests.unit.traffic import INTERNAL, REPORTERS_INTERNAL, SHIPPED, START, Record, report

# As many as a busy worker applies at once.
BATCH = 1_000
# Between two reports, in ms of their time: 250 a second.
BETWEEN = 4


def ref(kind: str, number: int) -> str:
    """A pseudonym of 26 characters."""
    return blake2b(f"{kind}{number}".encode(), digest_size=13).hexdigest()


def all_new(number: int) -> Record:
    """A report of a reporter and a channel that are not known either."""
    return made(number, ref("u", number), ref("c", number))


def known_people(number: int) -> Record:
    """A report by one of 2,000 people, in one of 300 channels."""
    return made(number, ref("u", number * 7 % 2_000), ref("c", number % 300))


def made(number: int, reporter: str, channel: str) -> Record:
    """A report of a message that is not known."""
    return report(
        number,
        START + number * BETWEEN,
        channel=channel,
        message_ref=ref("m", number),
        report_id=ref("r", number),
        reporter={"kind": "user", "ref": reporter},
    )


KINDS = {"all new": all_new, "known people": known_people}


def filled(kind: str, sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Apply reports up to each of the sizes, and yield what they take then."""
    gate, stamps = (
        report_stage(compile_report_rules(SHIPPED)),
        reporter_stage(compile_reporter_rules(SHIPPED)),
    )
    reports, reporters = gate.restore(0, 1), stamps.restore(0, 1)
    done = 0
    for size in sizes:
        while done < size:
            records = [KINDS[kind](number) for number in range(done, done + BATCH)]
            done += BATCH
            passed = read_back(gate.apply(reports, records).outputs, REPORTERS_INTERNAL)
            stamped = read_back(stamps.apply(reporters, passed).outputs, INTERNAL)
            gate.apply(reports, stamped)
        gc.collect()
        censuses = take_report_census(reports), take_census(reporters)
        yield {
            "resident": resident(),
            "accounted": sum(sum(each.memory.values()) for each in censuses) + reporters.reporters.memory,
            "reporters": len(reporters.reporters),
            "channels": len(reports.counts),
            "messages": len(reports.crowd.reporters),
        }


def resident() -> int:
    """The bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def keep_few_objects() -> None:
    """Keep little of what the page has as one figure, so that it does not grow between the numbers."""
    home.CACHED_REFS = reporter_state.CACHED_REFS = store.GENERATION = 500  # type: ignore[misc]


if __name__ == "__main__":
    keep_freed_memory()
    keep_few_objects()
    kind, *numbers = sys.argv[1:]
    for found in filled(kind, list(map(int, numbers))):
        print(json.dumps(found))
