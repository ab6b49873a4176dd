"""A backlog of hours leads to the escalations that the same reports lead to one after the other."""

from collections.abc import Sequence

import orjson
import pytest

from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.kafka.harness.deployment import ENRICHED, ESCALATIONS, PROGRESS, SHADOW, Deployment
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, now_ms, to_ms
from tests.model.catching_up import Report, episodes, history, one_after_the_other

PARTITIONS = 4
MINUTE = 60_000
# How far sources may be read ahead of each other, how long they are live, and how late publishers are.
SPAN, LIVE, LATE = 4 * MINUTE, MINUTE, 4 * MINUTE


def publish(deployment: Deployment, reports: Sequence[Report]) -> None:
    """Publish within seconds, in order, each under a key of its own: a channel's are in all partitions."""
    deployment.publish(
        [Published(orjson.loads(each.value)["report_id"].encode(), each.value) for each in reports]
    )


def rows_of(deployment: Deployment, *topics: str) -> list:
    reader = deployment.outputs()
    return [row for topic in topics for row in reader.all(deployment.name(topic))]


def disorder(deployment: Deployment) -> int:
    """By how many ms a report was applied after one that occurred later, at most."""
    most = 0
    for rows in deployment.outputs().rows[deployment.name(ENRICHED)].values():
        newest = 0
        for row in rows:
            occurred = to_ms(orjson.loads(row.value)["report"]["occurred_at"])
            most, newest = max(most, newest - occurred), max(newest, occurred)
    return most


def wait_until_counted(deployment: Deployment, number: int) -> None:
    deployment.fleet.wait_for(lambda: len(rows_of(deployment, ENRICHED)) >= number, 180, "all is counted")


@pytest.mark.parametrize(
    ("hours", "workers"),
    [(4, 1), (4, 2), (14, 2)],
)
@pytest.mark.nightly
def test_a_backlog_leads_to_the_same_escalations_as_one_report_after_the_other(
    deploy, hours: int, workers: int
) -> None:
    deployment = deploy(partitions=PARTITIONS)
    reports = history(hours, hours, PARTITIONS, until=now_ms() - 2 * MINUTE)
    publish(deployment, reports)
    for _ in range(workers):
        deployment.fleet.start()
    wait_until_counted(deployment, len(reports))
    stages = {
        "reports": report_stage(shipped_rules()),
        "reporters": reporter_stage(compile_reporter_rules(load_rules())),
    }
    found = episodes(row.value for row in rows_of(deployment, ESCALATIONS, SHADOW))
    wanted = one_after_the_other(reports, PARTITIONS, stages, now_ms())
    assert {key: level for key, (level, _) in found.items()} == {
        key: level for key, (level, _) in wanted.items()
    }
    assert len(found) > 10
    assert disorder(deployment) <= SPAN + LIVE + LATE
    # Who owns everything has nobody to tell.
    assert bool(rows_of(deployment, PROGRESS)) == (workers > 1)
    deployment.wait_until_applied()
    assert check_replay(deployment, deployment.outputs(), shipped_rules())[ENRICHED] == len(reports)


@pytest.mark.nightly
def test_live_reports_cost_no_row(deploy) -> None:
    deployment = deploy(partitions=PARTITIONS)
    for _ in range(2):
        deployment.fleet.start()
    number = 0
    for batch in range(10):
        reports = history(batch, 1 / 360, PARTITIONS, 360, 0, until=now_ms())
        renamed = [each._replace(value=each.value.replace(b'"n', b'"n%d-' % batch)) for each in reports]
        publish(deployment, renamed)
        number += len(renamed)
        wait_until_counted(deployment, number)
    assert rows_of(deployment, PROGRESS) == []
