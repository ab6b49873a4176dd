"""`tocsin transparency export` after workers were killed: the files say what was published, once."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.deployment import MODERATION, OUTCOMES, REQUESTS
from tests.kafka.harness.reports import Published, now_ms
from tests.unit.statutory_check import check_notices, read_table
from tests.unit.statutory_oracle import Oracle
from tests.unit.statutory_year import Setting, half_year
from tests.unit.traffic import DAY

# All in the Union: which of two reports of a message is applied first is not known here, and an item has the
# first one's place.
COUNTRIES = ("DE", "FR", "GR", "PL", "RE", None)


@pytest.mark.nightly
def test_the_exported_report_is_exact_after_kills(deploy, tmp_path):
    deployment = deploy(partitions=2)
    # All of it is over by now, appeals too.
    begin = now_ms() - 200 * DAY
    year = half_year(5, 300, 60, Setting(begin, 20, COUNTRIES))
    reports = [published(record) for record in year.reports]
    decided = [record for record in reports if b'"outcome_id"' in record.value]
    reported = [record for record in reports if b'"outcome_id"' not in record.value]
    clocks = [published(record) for record in year.requests if b'"clock_id"' in record.value]
    ordered = [published(record) for record in year.requests if b'"clock_id"' not in record.value]

    deployment.fleet.start()
    deployment.publisher(topic=REQUESTS).publish(ordered)
    half = len(reported) // 2
    deployment.publish(reported[:half])
    kill(deployment)
    deployment.publisher(topic=MODERATION).publish(decided)
    deployment.publish(reported[half:])
    kill(deployment)
    deployment.wait_until_applied()
    # A clock must run when it is fulfilled.
    deployment.publisher(topic=OUTCOMES).publish(clocks)
    deployment.wait_until_applied()

    first, last = day(begin) - timedelta(days=30), day(now_ms()) + timedelta(days=1)
    oracle = Oracle(year.reports, year.requests, first, last)
    folder = tmp_path / "report"
    arguments = ["transparency", "export", "--from", first, "--to", last, "--service", "Chirp", folder]
    result = CliRunner().invoke(commands, [*map(str, arguments)], env=deployment.settings)
    assert result.exit_code == 0, result.output
    check_notices((folder / "4_notices.csv").read_bytes(), oracle)
    total = oracle.rows["TOTAL", "TOTAL", ""]
    assert total["notices, all"] > 300
    assert min(total["law, all"], total["terms, all"]) > 20
    lines = read_table((folder / "3_member_states_orders.csv").read_bytes())
    act = "Number of orders to act against illegal content received"
    orders = {
        line["Scope"]: int(line[act]) for line in lines if line["Category of illegal content"] == "TOTAL"
    }
    for scope in orders:
        counted = sum(number for key, number in oracle.orders.items() if (key[0], key[2]) == ("act", scope))
        assert orders[scope] == counted
    assert orders["TOTAL"] > 10
    complaints = read_table((folder / "7_appeals_and_recidivism.csv").read_bytes())[0]
    assert complaints["Value"] == str(oracle.complaints.total())


def kill(deployment):
    """Kill the worker while it starts, takes over or applies."""
    (worker,) = deployment.fleet.running
    deployment.fleet.wait_for(
        lambda: "owns partitions [" in worker.text, 60, "an owner before the kill", tend=False
    )
    deployment.kill(worker)


def published(record):
    """The record as its publisher wrote it."""
    body = json.loads(record.value)
    key = body.get("key") or body.get("request_id") or "any"
    headers = [header for header in record.headers if header[0].startswith(("ce_", "content"))]
    return Published(key.encode(), record.value, headers=headers)


def day(time_ms) -> date:
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()
