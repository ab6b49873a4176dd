"""Every command in README and the pages of operations works as shown, run as a newcomer would."""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from streams.contract.wire.times import moment_ms
from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from tests.kafka.harness import workers
from tests.kafka.harness.clocks import broker_with_clock, shifted
from tests.kafka.harness.deployment import REQUESTS, ROUTING
from tests.kafka.harness.publisher import Publisher
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import now_ms
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.workers import COMMAND, ROOT, clean_environment
from tests.readme_report import make_report

# README.md is played as a whole, below.
PAGES = (
    "docs/operations.md",
    "docs/operations-emergencies.md",
    "docs/operations-sizing.md",
    "docs/operations-state.md",
    "docs/console-operations.md",
)
# What those of the pages need before them.
BEFORE = ("topics create", "worker", "publish reports.jsonl", "tail escalations --from-beginning")

# The order of the commands, by how they begin. All others run when there are outputs to look at, before LAST.
FIRST = ("config", "topics create")
ENDLESS = ("worker", "console", "tail")
LAST = ("state reset",)
# They need a state that was prepared for them, a decision to make, or are named without arguments:
# test_saved_state.py, test_source_commands.py and test_wrong_clocks.py run them.
ELSEWHERE = (
    "state save",
    "state restore",
    "state repartition",
    "state set-time",
    "source pause",
    "source skip",
)

REQUEST_ID = "order-1"


def commands_shown():
    """The arguments of each `tocsin` command in indented lines and between backticks, page by page."""
    shown = [*BEFORE]
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        shown += re.findall(r"^ {4}(?:\.venv/bin/)?tocsin ([a-z][^#\n]*)", text, re.MULTILINE)
        shown += re.findall(r"`tocsin ([a-z][^`\n]*)`", text)
    stripped = (line.strip() for line in shown)
    return list(dict.fromkeys(line for line in stripped if not line.startswith(ELSEWHERE)))


def deployment_settings(bootstrap, prefix):
    return {
        "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
        "TOCSIN_TOPIC_PREFIX": prefix,
        "TOCSIN_REPLICATION_FACTOR": "1",
        "TOCSIN_MIN_INSYNC_REPLICAS": "1",
        "TOCSIN_HTTP_PORT": "0",
        "TOCSIN_CONSOLE_PORT": "0",
        "TOCSIN_CONSOLE_METRICS_PORT": "0",
        "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
    }


class Shell:
    """A shell with its working folder and environment. `command` runs `tocsin`."""

    def __init__(self, folder, settings, command=COMMAND):
        self._folder = folder
        self._environment = clean_environment(settings)
        self._command = command

    def start(self, line):
        """Start a command that keeps running. Returns its process and the file with its output."""
        log = self._folder / f"{line.replace(' ', '-')}.log"
        command = [*self._command, *shlex.split(line)]
        with log.open("wb") as output, open(os.devnull) as nothing:
            process = workers.start(
                command, env=self._environment, stdin=nothing, stdout=output, stderr=output, cwd=self._folder
            )
        return process, log

    def run(self, line):
        """Run a command that ends, answering a question with yes. Raises AssertionError if it fails."""
        command = [*self._command, *shlex.split(line)]
        done = workers.run(command, env=self._environment, text="y\n", cwd=self._folder)
        assert done.returncode == 0, f"tocsin {line}\n{done.stdout}{done.stderr}"


def filled(line, channel):
    """The command with its placeholders in capitals filled in."""
    values = {"CHANNEL": channel, "ID": REQUEST_ID}
    return re.sub(r"\b(?:CHANNEL|ID)\b", lambda found: values[found[0]], line)


def publish_request(bootstrap, prefix):
    """Publish an authority's request and wait until it is judged."""
    request = complete_request(FORMS[0], REQUEST_ID, now_ms())
    Publisher(bootstrap, prefix, REQUESTS).publish([request])
    deadline = time.monotonic() + 20
    with Reader(bootstrap, [prefix + ROUTING]) as reader:
        while not reader.catch_up().count(prefix + ROUTING):
            assert time.monotonic() < deadline, "the request was not judged within 20 s"


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def wait_for(log, text, seconds=40, meanwhile=lambda: None):
    deadline = time.monotonic() + seconds
    while text not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, f"no {text!r} in\n{log.read_text(errors='replace')[-3000:]}"
        meanwhile()
        time.sleep(0.1)


def test_every_command_in_the_docs_works(kafka, prefix, tmp_path):
    shown = commands_shown()
    early = [line for line in shown if line.startswith(FIRST)]
    endless = [line for line in shown if line.startswith(ENDLESS)]
    late = [line for line in shown if line.startswith(LAST)]
    others = [line for line in shown if line not in (*early, *endless, *late)]
    channel = orjson.loads(make_report(tmp_path).read_bytes())["channel"]["ref"]
    shell = Shell(tmp_path, deployment_settings(kafka, prefix))
    for line in early:
        shell.run(line)
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    numbers = itertools.count()

    def publish_garbage():
        # A tail without --from-beginning shows only records that come after it has started.
        producer.produce(prefix + "message-reports", f"no report {next(numbers)}", "key")
        producer.flush(10)

    running = []
    try:
        for line in endless:
            running.append(shell.start(line))
            if line == "worker":
                wait_for(running[-1][1], "owns partitions [")
        publish_request(kafka, prefix)
        for line in others:
            shell.run(filled(line, channel))
        for line, (process, log) in zip(endless, running, strict=True):
            if line.startswith("tail escalations"):
                wait_for(log, channel)
            elif line.startswith("tail dead-letters"):
                wait_for(log, "not_json", meanwhile=publish_garbage)
            assert process.poll() is None, f"tocsin {line}\n{log.read_text()[-3000:]}"
    finally:
        for process, log in running:
            end(process)
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
    for line in late:
        shell.run(line)


README = (ROOT / "README.md").read_text(encoding="utf-8")
# What each command prints that does not end by itself, once it works.
WORKS = {
    "make demo ARGS=--keep": "In another shell:",
    ".venv/bin/tocsin tail escalations --from-beginning": "channel ch-5f0c2a9b",
    ".venv/bin/tocsin tail authority-routing --from-beginning": "refused  order_to_act of IR government",
    "tocsin worker": "owns partitions [",
    "tocsin console": "console at http",
}
# A shell of its own begins with each.
FIRST_OF_A_SHELL = ("make demo", "tr -d", "export TOCSIN_KAFKA_BOOTSTRAP=localhost:9092")


def lines_of_the_readme():
    """What a reader pastes, shell by shell: each indented line without its comment, and each block of sh."""
    shells = []
    pieces = re.finditer(r"^```(\w*)\n(.*?)^```$|^ {4}(\S[^\n]*)$", README, re.DOTALL | re.MULTILINE)
    for language, block, indented in (piece.groups() for piece in pieces):
        if language not in (None, "sh"):
            continue
        line = block or indented.partition("  #")[0].strip()
        if line.startswith(FIRST_OF_A_SHELL):
            shells.append([])
        shells[-1].append(line)
    return shells


class Bash:
    """A shell into which a reader pastes lines, in a folder. What they export is there for those that follow."""

    def __init__(self, folder, settings):
        self._folder = folder
        self._environment = clean_environment(settings)
        self._environment["PATH"] = f"{folder}/.venv/bin:{self._environment['PATH']}"
        self._exported = []

    def paste(self, line):
        """Run a line to its end. Returns what it printed; raises AssertionError if it fails."""
        if not line.startswith("export "):
            return self._run(line)
        # What it became, evaluated once: the shell of the next line has it too.
        printed = self._run(f"{line}\nexport -p").splitlines()
        self._exported = [each for each in printed if each.startswith("declare -x TOCSIN_")]
        return ""

    def _run(self, line):
        done = subprocess.run(
            self._command(line),
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60 * workers.patience(),
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _command(self, line):
        return ["bash", "-c", "\n".join([*self._exported, line])]

    @contextmanager
    def running(self, line, shows):
        """Run a line until its output shows that it works; at the end, Ctrl-C. Gives the file of the output."""
        log = self._folder / f"{re.sub(r'[^a-z]+', '-', line)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._command(f"exec {line}"),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # As in a terminal, Ctrl-C reaches all that the line has started.
                process_group=0,
            )
        try:
            deadline = time.monotonic() + 240 * workers.patience()
            while shows not in log.read_text(errors="replace"):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.1)
            yield log
            assert process.poll() is None, log.read_text()[-3000:]
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(60 * workers.patience())
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def checkout(tmp_path):
    """A folder with nothing but what `make demo` needs of a checkout that is installed."""
    for name in ("Makefile", "requirements", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


@pytest.mark.parametrize(
    "smaller",
    [pytest.param(("", ""), marks=pytest.mark.nightly), ("ARGS=--keep", "ARGS='--keep --reports 2000'")],
    ids=["word for word", "a small demo"],
)
def test_the_readme_is_played_line_by_line(kafka, prefix, checkout, smaller):
    (demo,), beside_it, own = lines_of_the_readme()
    with Bash(checkout, {}).running(demo.replace(*smaller), WORKS[demo]) as log:
        (export,) = re.findall(r"^  (export TOCSIN_.*)$", log.read_text(), re.MULTILINE)
        shell = Bash(checkout, {})
        shell.paste(export)
        play(shell, beside_it)
    # The one thing that a reader replaces is the address; a broker alone, and free ports, are this machine's.
    alone = deployment_settings(kafka, prefix)
    for given in ("TOCSIN_KAFKA_BOOTSTRAP", "TOCSIN_HASH_KEY"):
        del alone[given]
    play(Bash(checkout, alone), [line.replace("localhost:9092", kafka) for line in own])


def play(shell, lines):
    """Paste lines one after the other. A tail ends once it has shown something; the others run to the end."""
    with ExitStack() as until_the_end:
        for line in lines:
            if line not in WORKS:
                shell.paste(line)
            elif " tail " in line:
                with shell.running(line, WORKS[line]):
                    pass
            else:
                until_the_end.enter_context(shell.running(line, WORKS[line]))


def test_the_readme_shows_a_picture_before_it_lists_anything_and_ten_lines_of_output():
    before = README.partition("![")[0]
    assert before.count("\n\n") == 2, "the name, one paragraph, the picture"
    (output,) = re.findall(r"^```text\n(\d\d:.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert len(output.splitlines()) <= 10


YEAR_S = 366 * 24 * 3600


@pytest.mark.nightly
def test_the_report_of_the_readme_opens_an_escalation_in_a_year_too(prefix, tmp_path):
    """Broker, worker, shell and commands have a clock that is a year ahead."""
    report = orjson.loads(make_report(tmp_path, shifted(["sh"], YEAR_S)).read_bytes())
    assert moment_ms(report["occurred_at"]) > now_ms() + (YEAR_S - 3600) * 1000
    with broker_with_clock(tmp_path / "kafka", YEAR_S) as broker:
        settings = deployment_settings(broker.bootstrap, prefix)
        shell = Shell(tmp_path, settings, shifted(COMMAND, YEAR_S))
        shell.run("topics create")
        running = []
        try:
            for line in ("worker", "tail escalations --from-beginning"):
                running.append(shell.start(line))
            wait_for(running[0][1], "owns partitions [")
            shell.run("publish reports.jsonl")
            wait_for(running[1][1], report["channel"]["ref"])
        finally:
            for process, log in running:
                end(process)
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
