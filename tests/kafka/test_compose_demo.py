"""What `docker compose --profile demo up` runs, as processes with the variables and commands of the file: the
console is reached by its published port and has cases, and workers and console serve what the dashboards show.
"""

import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.contract.test_compose import ROOT, SERVICES
from tests.contract.test_dashboard import PANELS
from tests.kafka.harness.workers import COMMAND, clean_environment, patience
from tests.promql import metrics
from tocsin_demo.local_kafka.probe import free_port

SECONDS = 120 * patience()


class Containers:
    """Processes in place of the containers of docker-compose.yml."""

    def __init__(self, folder, bootstrap, prefix):
        self.folder = folder
        program = folder / "bin" / "tocsin"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
        program.chmod(0o755)
        self._changed = {
            "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
            "TOCSIN_TOPIC_PREFIX": prefix,
            "TOCSIN_HTTP_PORT": str(free_port()),
            "TOCSIN_CONSOLE_DATABASE": str(folder / "console.sqlite"),
            "TOCSIN_CONSOLE_METRICS_PORT": str(free_port()),
            "TOCSIN_CONSOLE_PORT": str(free_port()),
        }
        self.running = []

    def variables(self, service):
        given = {name: str(value) for name, value in SERVICES[service]["environment"].items()}
        changed = {
            name: value
            for name, value in self._changed.items()
            if name in given
            or name in ("TOCSIN_TOPIC_PREFIX", "TOCSIN_CONSOLE_METRICS_PORT", "TOCSIN_CONSOLE_PORT")
        }
        own = clean_environment({**given, **changed})
        return {**own, "PATH": f"{self.folder / 'bin'}:{own['PATH']}", "PYTHONPATH": str(ROOT)}

    def start(self, service, command, **more):
        log = (self.folder / f"{service}.log").open("wb")
        process = subprocess.Popen(
            command,
            env={**self.variables(service), **more},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    def log(self, service):
        return (self.folder / f"{service}.log").read_text(errors="replace")


@pytest.fixture
def containers(kafka, prefix, tmp_path):
    made = Containers(tmp_path, kafka, prefix)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
    for log in sorted(tmp_path.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}")


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.2)


def page(address):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read().decode()


def answers(address):
    def asked():
        try:
            page(address)
        except OSError:
            return False
        return True

    return asked


@pytest.mark.nightly
def test_the_demo_profile_fills_console_and_dashboards(containers):
    topics = containers.start("topics", ["tocsin", *SERVICES["topics"]["command"]])
    assert topics.wait(SECONDS) == 0, containers.log("topics")
    containers.start("worker", ["tocsin", *SERVICES["worker"]["command"]])
    worker = containers.variables("worker")
    until(answers(f"http://127.0.0.1:{worker['TOCSIN_HTTP_PORT']}/readyz"), "the worker is ready")

    published, ports = free_port(), containers.variables("console")
    _, script, _, _, tocsin = SERVICES["console"]["entrypoint"]
    (mounted,) = [each for each in SERVICES["console"]["volumes"] if f":{script}:" in each]
    console = containers.start(
        "console",
        [
            sys.executable,
            str(ROOT / mounted.partition(":")[0]),
            f"127.0.0.1:{published}",
            f"127.0.0.1:{ports['TOCSIN_CONSOLE_PORT']}",
            tocsin,
            *SERVICES["console"]["command"],
        ],
    )
    until(answers(f"http://127.0.0.1:{ports['TOCSIN_CONSOLE_METRICS_PORT']}/readyz"), "the console is ready")

    # As in the image, in which ENTRYPOINT is the script; one round, and as fast as it goes.
    script = ROOT / "deploy/container/demo_traffic.sh"
    quick = containers.folder / "quick.sh"
    quick.write_text(re.sub(r" --rate \d+", "", script.read_text()))
    traffic = containers.start("traffic", ["sh", str(quick)], ROUNDS="1", REPORTS="2000")
    assert traffic.wait(SECONDS) == 0, containers.log("traffic")

    address = f"http://127.0.0.1:{published}"
    until(lambda: page(address).count("/cases/") >= 10, "ten cases are shown")
    # Requests of authorities too.
    until(lambda: 'href="/requests/' in page(f"{address}/requests"), "requests are shown")

    served = page(f"http://127.0.0.1:{worker['TOCSIN_HTTP_PORT']}/metrics")
    served += page(f"http://127.0.0.1:{ports['TOCSIN_CONSOLE_METRICS_PORT']}/metrics")
    queried = {
        name
        for panel in PANELS
        for target in panel["targets"]
        for name in metrics(target["expr"])
        if name.startswith("tocsin_") and not name.startswith(("tocsin_adapter_", "tocsin_intake_"))
    }
    # There only while a set is proposed, on trial or halted.
    queried.remove("tocsin_rules_proposed_timestamp_seconds")
    queried.remove("tocsin_rules_halted_timestamp_seconds")
    queried = {name for name in queried if not name.startswith("tocsin_rules_trial_")}
    assert len(queried) > 50
    assert [
        name
        for name in sorted(queried)
        if f"# TYPE {re.sub('_(bucket|count|sum|total)$', '', name)}" not in served
    ] == []

    # SIGTERM ends the console, and with it what passes connections on.
    console.send_signal(signal.SIGTERM)
    assert console.wait(SECONDS) == 0
    with pytest.raises(OSError):
        page(address)
