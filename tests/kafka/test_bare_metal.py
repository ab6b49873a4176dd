"""A fresh machine without containers follows docs/deployment.md: a release is installed and set up as the
page says, and works.

The machine's folders /opt and /etc are a temporary folder, its brokers the test's without a password, and its
supervisor is the test, which starts what the systemd unit of the page starts.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from streams import __version__
from tests.kafka.harness.reports import now_ms, spam_report
from tests.kafka.harness.workers import ROOT
from tocsin_demo.local_kafka.probe import free_port

pytestmark = pytest.mark.nightly

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
INSTALLS = "To install it:"
# They are of a cluster with three brokers and passwords.
OTHER_BROKERS = ("TOCSIN_KAFKA_SECURITY", "TOCSIN_KAFKA_SSL", "TOCSIN_KAFKA_SASL")


def commands(heading):
    """The first block of indented lines after some words of the page, without what follows a #."""
    block = re.search(r"(?:^ {4}.*\n)+", PAGE.partition(heading)[2], re.MULTILINE)
    return [line.partition("#")[0].strip() for line in block[0].splitlines()]


def fenced(kind):
    """The lines of the page's first block of a language that are neither blank nor comments."""
    lines = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Machine:
    """A machine on which the release lies in the working folder."""

    def __init__(self, folder, release):
        self._folder = folder
        self._release = release
        (folder / "etc" / "tocsin").mkdir(parents=True)
        # Without what the tests' own Python and deployments need.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TOCSIN_"))
        }

    def here(self, text):
        """The same with this machine's folders."""
        return re.sub(r"/(?=opt/|etc/tocsin)", f"{self._folder}/", text)

    def run(self, line):
        """Run a command line of the page. Returns its output; raises AssertionError if it fails."""
        path = f"{self._folder}/opt/tocsin/bin:{self.environment['PATH']}"
        done = subprocess.run(
            ["bash", "-c", self.here(line)],
            cwd=self._release,
            env=self.environment | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def configure(self, bootstrap):
        """Write the page's settings, with the registry's shipped files where they point."""
        given = dict(line.split("=", 1) for line in fenced("sh"))
        shipped = ROOT / "streams" / "registry"
        for name, path in given.items():
            if path.startswith("/etc/tocsin/") and not name.startswith(OTHER_BROKERS):
                source = shipped / path.rpartition("/")[2]
                (self._folder / path.lstrip("/")).symlink_to(
                    source if source.exists() else shipped / "law" / source.name
                )
        settings = {
            name: self.here(value) for name, value in given.items() if not name.startswith(OTHER_BROKERS)
        }
        settings |= {
            "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
            "TOCSIN_HASH_KEY": self.run(re.search(r"`(openssl rand [^`]*)`", PAGE)[1]).strip(),
            # One broker.
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
        }
        self.environment |= settings

    def supervise(self, port):
        """Start what the page's unit starts for the instance that is named by this port."""
        unit = fenced("ini")
        own = dict(
            line.removeprefix("Environment=").split("=", 1)
            for line in unit
            if line.startswith("Environment=")
        )
        own = {
            name: value.replace("%H", socket.gethostname()).replace("%i", str(port))
            for name, value in own.items()
        }
        (command,) = (line.removeprefix("ExecStart=") for line in unit if line.startswith("ExecStart="))
        return subprocess.Popen(
            self.here(command).split(),
            env=self.environment | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def until_ready(process, port):
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "the worker did not become ready"
            time.sleep(0.2)


@pytest.fixture
def machine(release, tmp_path):
    return Machine(tmp_path, shutil.copytree(release, tmp_path / "release"))


def test_a_fresh_machine_follows_the_page(machine, kafka, prefix, tmp_path):
    for line in commands(INSTALLS):
        machine.run(line)
    machine.configure(kafka)
    machine.environment["TOCSIN_TOPIC_PREFIX"] = prefix

    assert __version__ in machine.run("tocsin --version")
    *checks, worker = commands("## First start")
    assert worker == "tocsin worker"
    for line in checks:
        machine.run(line)

    (tmp_path / "release" / "reports.jsonl").write_bytes(spam_report(1, "ch-1", now_ms()).value + b"\n")
    ports = [free_port(), free_port()]
    workers = [machine.supervise(port) for port in ports]
    try:
        for process, port in zip(workers, ports, strict=True):
            until_ready(process, port)
        workers[0].kill()
        workers[0].wait(10)
        workers[0] = machine.supervise(ports[0])
        until_ready(workers[0], ports[0])
        machine.run("tocsin publish reports.jsonl")
        assert "s-1" in machine.run("tocsin tail enriched-reports --from-beginning --max 1 --json")
        for process in workers:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(25) for process in workers] == [0, 0]
    finally:
        for process in workers:
            process.kill()
            process.wait(10)
