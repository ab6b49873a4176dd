"""Late reports are judged in the windows of their own time, so a backlog opens what live traffic would.

Any order of reading is the subject of test_any_interleaving.py.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from streams.contract.wire.envelope import rfc3339
from streams.deciding.reports.state import ReportState
from streams.registry.policy import Policy
from tests.unit.both_stages import Deployment, of
from tests.unit.traffic import (
    HOUR,
    MINUTE,
    START,
    Record,
    compiled,
    levels,
    of_topic,
    policy,
    report,
    run,
)

TEN, FOURTEEN = START + 10 * HOUR, START + 14 * HOUR
NEWEST = FOURTEEN - 2 * MINUTE

# --- a flood of 10:00 that is read after a report of 13:58


def backlog(categories: Sequence[str]) -> tuple[Record, list[Record]]:
    """A report of 13:58 without a ref, and those of twelve people from 10:00 to 10:20; all read at 14:00."""
    newest = report(0, NEWEST, appended=FOURTEEN, reporter={"kind": "user"})
    flood = [
        report(
            number + 1,
            TEN + number * 20 * MINUTE // 11,
            appended=FOURTEEN,
            category=categories[number % len(categories)],
            message_ref="m",
        )
        for number in range(12)
    ]
    return newest, flood


def published(rule: Policy, records: Iterable[Record], topic: str) -> list[dict[str, Any]]:
    return of(Deployment("shadow", policies=(rule,)).publish(records), topic)


@pytest.mark.parametrize("categories", [("spam",), ("spam", "fraud")], ids=["single", "several"])
def test_a_flood_that_is_read_after_a_newer_report_opens_its_episode(categories: tuple[str, ...]) -> None:
    rule = policy(
        categories=categories, levels=levels({"distinct_reporters": 10}, {"distinct_reporters": 12})
    )
    newest, flood = backlog(categories)
    first, second = published(rule, [newest, *flood], "escalations")
    assert [(event["type"], event["level"]) for event in (first, second)] == [("opened", 1), ("updated", 2)]
    # The tenth came at 10:16, the twelfth at 10:20: in the pane that ends at 10:25. Both are read at 13:58.
    for event, end, people in ((first, 20, 10), (second, 25, 12)):
        stop = TEN + end * MINUTE
        assert event["at"] == rfc3339(NEWEST)
        assert event["window"] == {"start": rfc3339(stop - HOUR), "end": rfc3339(stop)}
        assert event["counts"]["distinct_reporters"] == event["counts"]["reports"] == people

    # No window of now has them: judged in those alone, nothing opens.
    enriched = published(rule, [newest, *flood], "enriched-reports")
    assert len(enriched) == 13
    assert all(each["counted"] for each in enriched)
    assert max(each["channel_windows"][0]["reports"] for each in enriched) == 1

    in_order = published(rule, [*flood, newest], "escalations")
    assert [event["level"] for event in in_order if event["type"] != "resolved"] == [1, 2]
    assert [event["window"]["end"] for event in in_order[:2]] == [
        event["window"]["end"] for event in (first, second)
    ]


@pytest.mark.parametrize(("hours", "left_out"), [(12, 0), (13, 12)])
def test_a_report_of_more_than_twelve_hours_ago_is_counted_as_judged_out_of_window(
    hours: int, left_out: int
) -> None:
    rules = compiled(policy(levels=levels({"distinct_reporters": 10})))
    newest = report(0, TEN + hours * HOUR)
    late = [report(n, TEN + n * MINUTE, appended=newest.timestamp) for n in range(1, 13)]
    batch = run(ReportState(0, 1, rules), rules, [newest, *late])
    assert len(of_topic(batch, "escalations")) == (left_out == 0)
    assert batch.counters.judged_out_of_window == left_out
    assert all(each["counted"] for each in of_topic(batch, "enriched-reports"))
