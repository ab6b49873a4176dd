"""A real Prometheus scrapes a real worker, console and adapter: every dashboard query and every alert
selector finds data.
"""

import re
import shutil
import signal
import time
import urllib.request
from copy import deepcopy
from datetime import date

import pytest
import yaml
from click.testing import CliRunner

from generators.dashboard import dashboard
from generators.dashboard_boards import BOARDS
from streams.commands.main import commands
from streams.registry.reading.document import read_document
from streams.registry.loader import SHIPPED_LAW
from tests.contract.test_alerts import ALERTS, RECORDED
from tests.kafka.harness.deployment import VERIFIED
from tests.kafka.harness.prometheus import needs_prometheus, prometheus
from tests.kafka.harness.receiver import Receiver
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import COMMAND
from tests.promql import selectors

# Their series are there only while something is so, such as a partition set aside (see test_set_aside.py); and
# only adapters that ask for decisions say when they did (see test_adapter_ozone.py).
ONLY_WHILE_IT_IS_SO = (
    "tocsin_partition_set_aside",
    "tocsin_destination_in_trouble",
    "tocsin_partition_without_room",
    "tocsin_partition_given_up",
    "tocsin_duplicates_known_seconds",
    "tocsin_kept_out",
    "tocsin_adapter_decisions_asked_seconds",
    "ALERTS",
)
pytestmark = [needs_prometheus, pytest.mark.nightly]


def queries_of_the_dashboards():
    """(panel title, query), with the variables replaced as Grafana does."""
    # One minute covers all the traffic of the test.
    values = {"$__rate_interval": "1m", "$instance": ".+"}
    for panel in (panel for board in BOARDS for panel in dashboard(board)["panels"]):
        for target in panel.get("targets", ()):
            program = re.search(r"tocsin_(console|adapter)_", target["expr"])
            expression = target["expr"].replace("$job", f"tocsin-{program[1]}" if program else "tocsin")
            for name, value in values.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


def law_that_will_change(folder):
    """A copy of the shipped law with a duty that begins one day: without one, no change is ahead and has a
    series.
    """
    law = shutil.copytree(SHIPPED_LAW, folder / "law")
    content = deepcopy(read_document(law / "CH.yaml").content)
    duty = {
        "id": "CH.test",
        "instrument": "Act on Tests",
        "article": "s. 1",
        "title": "Take it down",
        "categories": "all",
        "trigger": "actual_knowledge",
        "action": "remove",
        "applies_to": "hosting services",
        "in_force_from": date(9000, 1, 1),
        "source": {
            "url": "https://law.example/1",
            "checked": date(2026, 11, 24),
            "verification": "unverified",
        },
    }
    content.setdefault("obligations", []).append(duty)
    (law / "CH.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return law


@pytest.fixture
def receiver(tmp_path):
    with Receiver(tmp_path) as receiver:
        yield receiver


def test_every_query_finds_data(deploy, receiver, tmp_path):
    deployment = deploy(settings={"TOCSIN_LAW_FOLDER": str(law_that_will_change(tmp_path))})
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "address=http://" in worker.text, 30, "serving", tend=False)
    deployment.fleet.settings |= {
        "TOCSIN_CONSOLE_PORT": "0",
        "TOCSIN_CONSOLE_METRICS_PORT": "0",
        "TOCSIN_CONSOLE_DATABASE": str(tmp_path / "console.sqlite"),
        "TOCSIN_WEBHOOK_ADDRESS": f"{receiver.address}/",
        "TOCSIN_WEBHOOK_SECRET": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
        "TOCSIN_WEBHOOK_CA_FILE": str(receiver.ca_file),
        "TOCSIN_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "TOCSIN_WEBHOOK_METRICS_PORT": "0",
    }
    console = deployment.fleet.start((*COMMAND, "console"))
    deployment.fleet.wait_for(lambda: "console at" in console.text, 30, "serving pages", tend=False)
    adapter = deployment.fleet.start((*COMMAND, "adapter", "webhook"))
    deployment.fleet.wait_for(lambda: "address=http://" in adapter.text, 30, "serving metrics", tend=False)
    desk = re.search(r"console at (http://\S+)", console.text)[1] + "/desk"
    targets = {
        job: [re.search(r"address=http://(\S+)", process.text)[1]]
        for job, process in (("tocsin", worker), ("tocsin-console", console), ("tocsin-adapter", adapter))
    }

    with prometheus(tmp_path, targets) as server:
        deployment.fleet.wait_for(lambda: server.targets_up() == ["up"] * 3, 20, "scraped", tend=False)
        deployment.fleet.wait_for(
            lambda: [row["value"][1] for row in server.query("sum(tocsin_ready)")] == ["1"],
            20,
            "ready",
            tend=False,
        )
        # A rate needs traffic over several scrapes.
        for seed in range(6):
            deployment.publish(generate(seed, 300, bad=0.2))
            urllib.request.urlopen(desk, timeout=10).close()
            time.sleep(0.8)
        deployment.wait_until_applied(20)
        records = 'sum(tocsin_records_total{topic=~"message-reports|verified-reports"})'
        deployment.fleet.wait_for(
            lambda: [row["value"][1] for row in server.query(records)] == ["1800"], 10, "scraped", tend=False
        )
        # A source at rest has a series only while it rests.
        pause = [
            "source",
            "pause",
            "--topic",
            VERIFIED,
            "--partition",
            "0",
            "--reason",
            "a test",
            "--actor",
            "op-1",
        ]
        paused = CliRunner().invoke(commands, [*pause, "--yes"], env=deployment.settings)
        assert paused.exit_code == 0, paused.output
        resting = "tocsin_source_resting"
        deployment.fleet.wait_for(lambda: server.query(resting), 10, "seen to rest", tend=False)

        asked = list(queries_of_the_dashboards())
        absent = ONLY_WHILE_IT_IS_SO
        asked = [(title, query) for title, query in asked if not any(name in query for name in absent)]
        assert [(title, query) for title, query in asked if not server.query(query)] == []
        # Zero divided by zero is NaN, which a panel shows as no data.
        values = {title: [row["value"][1] for row in server.query(query)] for title, query in asked}
        # No desk decides or answers here.
        of_desks = {"Answers to questions", "Dismissed findings", "Do desks agree?", "Trust of detectors"}
        assert {title for title, found in values.items() if "NaN" in found} <= of_desks
        assert float(values["Workers up"][0]) == float(values["Workers ready"][0]) == 1
        # Four partitions in each of the three stages.
        assert float(values["Partitions owned"][0]) == 12
        assert float(values["Partitions without an owner"][0]) == 0
        assert 0.1 < float(values["Dead letters"][0]) < 0.3

        marks = [mark for board in BOARDS for mark in dashboard(board)["annotations"]["list"]]
        for mark in marks:
            server.query(mark["expr"].replace("$job", "tocsin").replace("$instance", ".+"))

        # Every series that an alert selects exists, even if the alert does not fire.
        wanted = {name: selectors(rule["expr"]) for name, rule in ALERTS.items()}
        assert [
            (name, text)
            for name, texts in wanted.items()
            for text in texts
            if not any(name in text for name in absent) and not server.query(text)
        ] == []
        rules = [rule for group in server.get("api/v1/rules")["data"]["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == {*ALERTS, *RECORDED}
        assert {(rule["health"], rule["name"]) for rule in rules} == {
            ("ok", name) for name in (*ALERTS, *RECORDED)
        }
        # One record in five is bad on purpose. The reports lie in the past, so a clock that they arm may
        # lapse at once.
        fired = {name for name, rule in ALERTS.items() if server.query(rule["expr"])}
        # These depend on the day on which the test runs.
        fired -= {
            "TocsinLawReviewOverdue",
            "TocsinLawChangesSoon",
            "TocsinLawDayReached",
            "TocsinLawCalendarEnds",
        }
        # The shipped rows are unsigned.
        assert "TocsinLawUnsigned" in fired
        fired.remove("TocsinLawUnsigned")
        assert fired - {"TocsinClockLapsed"} == {"TocsinDeadLetterRatio", "TocsinSourceResting"}

        worker.signal(signal.SIGKILL)
        worker.wait(10)
        deployment.fleet.wait_for(
            lambda: server.query(ALERTS["TocsinWorkerDown"]["expr"]), 10, "seen to be down", tend=False
        )
