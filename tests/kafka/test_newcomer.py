"""Every `tocsin` command in README and docs/operations.md works as shown, run as a newcomer would."""

import itertools
import re
import shlex
import signal
import subprocess
import time

import orjson
from confluent_kafka import Producer

from streams.partition.hash_key import DEMONSTRATION_KEY
from tests.kafka.harness.deployment import REQUESTS, ROUTING
from tests.kafka.harness.publisher import Publisher
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import now_ms
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.workers import COMMAND, ROOT, clean_environment

PAGES = ("README.md", "docs/operations.md")

# The order of the commands, by how they begin. All others run when there are outputs to look at, before LAST.
FIRST = ("config", "topics create")
ENDLESS = ("worker", "console", "tail")
LAST = ("state reset",)
# They need a state that was prepared for them, a decision to make, or are named without arguments: test_saved_state.py,
# test_source_commands.py and test_wrong_clocks.py run them.
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
    shown = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        shown += re.findall(r"^ {4}(?:\.venv/bin/)?tocsin ([a-z][^#\n]*)", text, re.MULTILINE)
        shown += re.findall(r"`tocsin ([a-z][^`\n]*)`", text)
    stripped = (line.strip() for line in shown)
    return list(dict.fromkeys(line for line in stripped if not line.startswith(ELSEWHERE)))


def report_shown():
    """The report that README shows."""
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (report,) = (orjson.loads(block) for block in blocks if '"kind"' in block)
    return report


class Shell:
    """A shell with its working folder and environment."""

    def __init__(self, folder, settings):
        self._folder = folder
        self._environment = clean_environment(settings)

    def start(self, line):
        """Start a command that keeps running. Returns its process and the file with its output."""
        log = self._folder / f"{line.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*COMMAND, *shlex.split(line)],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return process, log

    def run(self, line):
        """Run a command that ends, answering a question with yes. Raises AssertionError if it fails."""
        done = subprocess.run(
            [*COMMAND, *shlex.split(line)],
            cwd=self._folder,
            env=self._environment,
            input="y\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"tocsin {line}\n{done.stdout}{done.stderr}"


def filled(line):
    """The command with its placeholders in capitals filled in."""
    values = {"CHANNEL": report_shown()["channel"]["ref"], "ID": REQUEST_ID}
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
    assert {"topics create", "worker", "publish reports.jsonl"} <= set(shown)
    early = [line for line in shown if line.startswith(FIRST)]
    endless = [line for line in shown if line.startswith(ENDLESS)]
    late = [line for line in shown if line.startswith(LAST)]
    others = [line for line in shown if line not in (*early, *endless, *late)]
    (tmp_path / "reports.jsonl").write_bytes(orjson.dumps(report_shown()) + b"\n")
    shell = Shell(
        tmp_path,
        {
            "TOCSIN_KAFKA_BOOTSTRAP": kafka,
            "TOCSIN_TOPIC_PREFIX": prefix,
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            "TOCSIN_HTTP_PORT": "0",
            "TOCSIN_CONSOLE_PORT": "0",
            "TOCSIN_CONSOLE_METRICS_PORT": "0",
            "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
        },
    )
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
            shell.run(filled(line))
        for line, (process, log) in zip(endless, running, strict=True):
            if line.startswith("tail escalations"):
                wait_for(log, report_shown()["channel"]["ref"])
            elif line.startswith("tail dead-letters"):
                wait_for(log, "not_json", meanwhile=publish_garbage)
            assert process.poll() is None, f"tocsin {line}\n{log.read_text()[-3000:]}"
    finally:
        for process, log in running:
            end(process)
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
    for line in late:
        shell.run(line)
