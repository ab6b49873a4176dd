"""`tocsin clocks`, `tocsin clock -` and `tocsin registry affected` on a real broker.

A desk lists and ends a flood of clocks.
"""

import shlex
import subprocess
from collections import Counter

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.deployment import DEAD_LETTERS, ESCALATIONS
from tests.kafka.harness.law import HOUR
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339, victims_request
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.workers import COMMAND, ROOT, clean_environment, patience

INDIA = "IN.itr.3-2-b"
MINUTE = 60_000
ACTOR = {"TOCSIN_ACTOR": "legal-7f3a"}


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def tocsin(deployment):
    def run(*arguments, lines=()):
        text = "".join(f"{line}\n" for line in lines)
        return CliRunner().invoke(commands, arguments, input=text, env=deployment.settings | ACTOR)

    return run


def test_a_flood_of_clocks_is_listed_and_ended_by_channel(deployment, tocsin):
    now = now_ms()
    received = {
        "old": [now - 3 * HOUR],
        "victim": [now - 90 * MINUTE],
        "flooded": [now - n * MINUTE for n in (9, 8, 7)],
    }
    deployment.publish(
        [
            victims_request(f"{channel}-{number}", channel, at)
            for channel, times in received.items()
            for number, at in enumerate(times)
        ]
    )
    deployment.publish_requests([complete_request(FORMS[0], "order-1", now - 10 * MINUTE)])
    deployment.fleet.start()
    deployment.wait_until_applied(30)

    def listed(*arguments):
        result = tocsin("clocks", "--json", *arguments)
        assert result.exit_code == 0, result.output
        rows = [orjson.loads(line) for line in result.stdout.splitlines()]
        return [(row["key"], row["obligation"], row["status"]) for row in rows]

    old, victim = ("old", INDIA, "lapsed"), ("victim", INDIA, "running")
    order, kept = ("order-1", "EU.tco.art3-3", "running"), ("order-1", "EU.tco.art6", "running")
    flood = [("flooded", INDIA, "running")] * 3
    assert listed() == [old, victim, order, *flood, kept]
    assert listed("--due-within", "PT1H") == [old, victim, order]
    assert listed("--authority", "MEITY", "--status", "running", "--duty", INDIA) == [victim, *flood]
    assert listed("--request", "order-1") == [order, kept]
    assert "7 clocks: 6 running, 1 lapsed" in tocsin("clocks").output

    # The pipeline that a desk would type.
    program = shlex.join(COMMAND)
    piped = subprocess.run(
        f"{program} clocks --channel flooded --ids | {program} clock - withdrawn",
        shell=True,
        cwd=ROOT,
        env=clean_environment(deployment.settings | ACTOR),
        capture_output=True,
        text=True,
        timeout=60 * patience(),
        check=False,
    )
    assert (piped.returncode, piped.stdout) == (0, "marked 3 of 3 clocks as withdrawn\n"), piped.stderr
    deployment.wait_until_applied(30)
    assert listed("--channel", "flooded") == []
    assert listed() == [old, victim, order, kept]

    # Clocks of both stages in one call, with one id that has ended and one that never existed.
    events = [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ESCALATIONS))]
    withdrawn = [event["clock"]["clock_id"] for event in events if event["reason"] == "clock_withdrawn"]
    assert len(withdrawn) == 3
    actors = [event["clock"].get("actor") for event in events if event["policy"] == "legal-clock"]
    assert Counter(actors) == {None: len(actors) - 3, "legal-7f3a": 3}
    ids = tocsin("clocks", "--due-within", "PT1H", "--ids").stdout.split()
    marked = tocsin("clock", "-", "fulfilled", lines=[ids[0], withdrawn[0], ids[2], "no-clock"])
    assert marked.exit_code == 1
    assert marked.stdout == "marked 2 of 4 clocks as fulfilled\n"
    assert marked.stderr.splitlines() == [
        f"clock {withdrawn[0]} has ended",
        "clock no-clock was not found: it ended long ago or never existed",
    ]
    deployment.wait_until_applied(30)
    assert listed() == [victim, kept]

    # A single id, which the command looks up in the outputs.
    alone = tocsin("clock", ids[1], "fulfilled")
    assert alone.exit_code == 0, alone.output
    assert alone.stdout.startswith(f"marked clock {ids[1]} ({INDIA} running, due ")
    assert f"`tocsin explain {ids[1]}` shows the result" in alone.stdout
    deployment.wait_until_applied(30)
    again = tocsin("clock", ids[1], "fulfilled")
    assert (again.exit_code, again.stderr) == (1, f"Error: clock {ids[1]} has ended: fulfilled.\n")
    unknown = tocsin("clock", "no-clock", "fulfilled")
    assert unknown.stderr == (
        "Error: clock no-clock is in neither escalations nor authority-routing: "
        "`tocsin clocks` lists the clocks that have not ended.\n"
    )
    assert listed() == [kept]

    # After a correction of the row: every clock that it had started, with what became of it.
    affected = tocsin("registry", "affected", INDIA, "--json")
    assert affected.exit_code == 0, affected.output
    rows = [orjson.loads(line) for line in affected.stdout.splitlines()]
    assert [(row["key"], row["status"]) for row in rows] == [
        ("old", "fulfilled"),
        ("victim", "fulfilled"),
        *[("flooded", "withdrawn")] * 3,
    ]
    (still_open,) = (
        orjson.loads(line)
        for line in tocsin("registry", "affected", "EU.tco.art6", "--json").stdout.splitlines()
    )
    assert (still_open["key"], still_open["open"]) == ("order-1", True)
    assert deployment.outputs().count(deployment.name(DEAD_LETTERS)) == 0
    none = tocsin("clocks", "--channel", "old")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "no clocks found\n")
