"""The native core writes the bytes that the Python core writes, and leaves the same state."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from streams.registry.loader import load_rules
from tests.at_night import at_night
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.native.both_cores import BothCores
from tests.native.fuzz import fuzz
from tests.tools import native_core
from tests.unit.traffic import Record, levels, policy, report

native_core()

BEGIN = 1_800_000_000_000
HOUR = 3_600_000


def _records(reports: Iterator[traffic.Report]) -> list[Record]:
    return [
        Record("message-reports", 0, number, BEGIN + HOUR, *report) for number, report in enumerate(reports)
    ]


def _in_batches(both: BothCores, records: list[Record], seed: int) -> None:
    chance = random.Random(seed)
    begin = 0
    while begin < len(records):
        size = chance.choice((1, 2, 7, 40, 200, 1_000))
        both.apply(records[begin : begin + size], BEGIN + HOUR)
        begin += size
        if chance.random() < 0.02:
            both.restart(swap=chance.random() < 0.5)


@pytest.mark.parametrize(
    "name",
    ["usual", *at_night(("one_channel", "all_new"))],
)
def test_traffic_of_the_benchmark(name: str) -> None:
    both = BothCores(load_rules(sources=ONE_TOPIC))
    _in_batches(both, _records(getattr(traffic, name)(6_000, BEGIN, HOUR)), seed=1)
    assert both.reports.applied == 6_000
    # Those without a reporter's ref are applied where they are published, as the partition is their home; those
    # of detectors are stamped by Python.
    assert both.reports.natively > 0.85 * both.reports.applied
    assert both.reporters.natively > 0.9 * both.reporters.applied > 4_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cases", "first_seed"), [(7_500, 0), pytest.param(190_000, 1_000, marks=pytest.mark.nightly)]
)
def test_random_histories(cases: int, first_seed: int) -> None:
    tally = fuzz(cases, first_seed)
    # The rest is damaged, re-keyed, or of detectors and of reporters with outcomes.
    assert tally.read > 0.25 * tally.cases
    assert 0.25 * tally.stamped < tally.stamped_natively < tally.stamped


def test_a_category_of_the_deployment(tmp_path) -> None:
    page = Path(__file__).parents[2] / "docs" / "policies.md"
    shown = page.read_text(encoding="utf-8").partition("    prior:\n")
    file = tmp_path / "categories.yaml"
    file.write_text(dedent("".join(shown[1:]).split("\n\n")[0]), encoding="utf-8")
    own = policy(id="sharks", categories=("x_loan_sharks",), levels=levels({"reports": 50}))
    rules = replace(load_rules(categories=file, sources=ONE_TOPIC), policies=(own,))
    both = BothCores(rules)
    reports = [report(n, BEGIN + HOUR + n, category="x_loan_sharks") for n in range(60)]
    written = both.apply(reports, BEGIN + HOUR)
    assert both.reporters.natively > 50
    assert [output.topic for output in written].count("escalations") == 1
    both.apply([report(60, BEGIN + HOUR + 60, category="x_pyramids")], BEGIN + HOUR)
