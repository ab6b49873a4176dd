"""The lines of runbooks that no drill runs, about clocks and law, word for word in a shell."""

import re

import orjson
import pytest

from streams.contract.wire.times import DAY, HOUR, MINUTE
from tests.drills.harness.shell import Shell
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339, victims_request
from tests.runbook_lines import diagnosis, lines, mitigation

GRIEVANCE = "IN.itr.3-2-a"


@pytest.fixture
def shell(tmp_path):
    """The terminal; makes one for the settings of a deployment."""
    made = []

    def new(settings):
        made.append(Shell(tmp_path / "terminal", settings, lambda *_: None))
        return made[-1]

    yield new
    for each in made:
        each.close()


def grievance(number, received_ms):
    """A report that arms the clock of seven days of India's IT Rules, r. 3(2)(a)(i)."""
    document = report(
        f"g-{number}",
        now_ms(),
        kind="user_report",
        received_at=rfc3339(received_ms),
        channel={"ref": "grievances", "visibility": "private"},
        category="spam",
        evidence=[{"country": "IN", "basis": "channel", "confidence": 1.0}],
        notice={"elements": ["explanation", "location", "identity", "contact"]},
    )
    return Published(b"grievances", orjson.dumps(document))


@pytest.mark.parametrize(
    ("alert", "unsigned"),
    [
        *(
            pytest.param(alert, False, marks=pytest.mark.nightly)
            for alert in ("TocsinLawCalendarEnds", "TocsinLawChangesSoon", "TocsinLawDayReached")
        ),
        ("TocsinLawUnsigned", True),
    ],
)
def test_lines_about_the_law(alert, unsigned, shell):
    terminal = shell({})
    for line in lines(alert):
        # The shipped rows are unsigned, which this command says by 1.
        ends = " || [ $? = 1 ]" if unsigned and line.endswith("--strict") else ""
        assert terminal.run(line + ends), line


@pytest.mark.nightly
def test_clocks_that_pile_up_are_counted_and_ended_by_channel_and_by_duty(deploy, shell):
    deployment = deploy(partitions=2)
    now = now_ms()
    flood = [victims_request(number, "flooded", now - number * MINUTE) for number in range(3)]
    deployment.publish([*flood, victims_request("old", "old", now - 3 * HOUR)])
    deployment.publish([grievance(1, now - 8 * DAY), grievance(2, now - HOUR)])
    deployment.fleet.start()
    deployment.wait_until_applied(30)
    terminal = shell(deployment.settings)

    def listed(*options):
        found = map(orjson.loads, terminal.run(f"tocsin clocks --json {' '.join(options)}").splitlines())
        return sorted((row["key"], row["obligation"], row["status"]) for row in found)

    alert = "TocsinClocksPileUp"
    by_duty, by_channel = lines(alert, "Diagnosis")
    assert diagnosis(alert, "tocsin clocks --json | jq -r .obligation") == by_duty
    counted = dict(reversed(line.split()) for line in terminal.run(by_duty).splitlines())
    assert counted["IN.itr.3-2-b"] == "4"
    assert diagnosis(alert, "tocsin clocks --json | jq -r '\"") == by_channel
    assert re.search(r"^ +\d+ report flooded$", terminal.run(by_channel), re.M)

    before = listed("--duty", GRIEVANCE)
    assert before == [("grievances", GRIEVANCE, "lapsed"), ("grievances", GRIEVANCE, "running")]
    shown = terminal.run(mitigation(alert, "tocsin clocks --duty"))
    assert shown == "marked 1 of 1 clocks as fulfilled\n"
    assert listed("--channel", "flooded")
    terminal.run(mitigation(alert, "tocsin clocks --channel"), REF="flooded")
    # The same line of the alert about clocks that nobody saw.
    terminal.run(mitigation("TocsinClockLapsed", "tocsin clocks --channel"), REF="old")
    deployment.wait_until_applied(30)
    assert {key for key, _, _ in listed()} == {"grievances"}
    assert listed("--duty", GRIEVANCE) == [("grievances", GRIEVANCE, "running")]
