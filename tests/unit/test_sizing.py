"""The memory that a worker's stages take, filled in a process of their own, is what docs/operations-sizing.md says."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.unit.test_memory import said

# By how much of it resident memory may differ from what the page says: the page says so, too.
OFF = 0.3


def filled(kind: str, few: int, many: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.filled_worker", kind, str(few), str(many)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()]


def grown(before: dict[str, Any], after: dict[str, Any], what: str) -> int:
    number: int = after[what] - before[what]
    return number


@pytest.mark.nightly
def test_a_worker_that_is_filled_with_newcomers_takes_what_the_page_says() -> None:
    before, after = filled("all new", 10_000, 40_000)
    assert [grown(before, after, what) for what in ("reporters", "channels", "messages")] == [30_000] * 3
    each = (
        said("a reporter with one report")
        + said("a channel with one report")
        + said("the first reported message of a channel")
        + 2 * said("a remembered id")
    )
    assert grown(before, after, "resident") == pytest.approx(30_000 * each, rel=OFF)
    assert grown(before, after, "accounted") == pytest.approx(30_000 * each, rel=OFF)


@pytest.mark.nightly
def test_a_worker_with_a_stable_crowd_takes_what_the_page_says() -> None:
    before, after = filled("known people", 20_000, 60_000)
    assert grown(before, after, "messages") == 40_000
    # From 10 reports on to 30.
    people = 2_000 * (450 - said("a reporter with 10 reports in a week"))
    expected = 40_000 * (said("a reported message") + 2 * said("a remembered id")) + people
    assert grown(before, after, "resident") == pytest.approx(expected, rel=OFF)
    assert grown(before, after, "accounted") == pytest.approx(expected, rel=OFF)
