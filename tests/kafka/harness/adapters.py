"""Adapters as operators run them, and escalations for them to send."""

import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import orjson

from tests.contract.examples import example, example_files
from tests.kafka.harness.deployment import SET_ASIDE, Deployment
from tests.kafka.harness.reader import Reader, Row
from tests.kafka.harness.receiver import Receiver
from tests.kafka.harness.reports import Published
from tests.kafka.harness.workers import COMMAND, Worker, patience

EXAMPLE = example(example_files("escalations/v1")[2])
CHANNELS = 20


def event_id(number: int) -> str:
    """The id of the escalation event with this number."""
    return f"00000000-0000-5000-8000-{number:012d}"


def escalation(number: int, channel: str | None = None, **changes: object) -> Published:
    """The example with ids of its own, in one of 20 channels or in the given one."""
    channel = channel or f"ch-{number % CHANNELS:04d}"
    value = EXAMPLE.document | {"channel_ref": channel, "sequence": number + 1} | changes
    headers = dict(EXAMPLE.headers) | {"ce_id": event_id(number).encode()}
    return Published(channel.encode(), orjson.dumps(value), headers=list(headers.items()))


class Adapters:
    """Starts adapters of a kind that send to a receiver; `settings` are theirs, without the prefix."""

    def __init__(
        self,
        kind: str,
        deployment: Deployment,
        receiver: Receiver,
        folder: Path,
        settings: Mapping[str, object],
    ) -> None:
        self._kind = kind
        self._deployment = deployment
        self._folder = folder
        self._numbers = itertools.count()
        self._started: list[Worker] = []
        self._settings = {
            "ca_file": receiver.ca_file,
            "allowed_networks": "127.0.0.0/8,::1/128",
            "metrics_port": 0,
            **settings,
        }

    def start(self, *arguments: str, **changes: object) -> Worker:
        """One more adapter, with settings changed."""
        prefix = f"TOCSIN_{self._kind.upper()}_"
        own = {prefix + name.upper(): str(text) for name, text in (self._settings | changes).items()}
        log = self._folder / f"{self._kind}-{next(self._numbers)}.log"
        command = (*COMMAND, "adapter", self._kind, *arguments)
        self._started.append(Worker(log, self._deployment.settings | own, command))
        return self._started[-1]

    def end(self) -> None:
        """Kill all, at the end of a test, and print what they logged last."""
        for process in self._started:
            process.end()
            print(f"--- {process.log.name}\n{process.tail()}")


def until(condition: Callable[[], object], seconds: float = 40) -> None:
    """Wait until something is so."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds * patience(), "not in time"
        time.sleep(0.05)


def metric(process: Worker, series: str) -> float:
    """The value of a series of an adapter's /metrics."""
    until(lambda: "address=" in process.text)
    address = process.text.rpartition("address=")[2].split()[0]
    for line in httpx.get(f"{address}/metrics").text.splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(series)


def rows(deployment: Deployment, topic: str = SET_ASIDE) -> list[Row]:
    """Everything in a topic, by partition and offset."""
    name = deployment.name(topic)
    with Reader(deployment.bootstrap, [name]) as reader:
        return [row for partition in reader.catch_up().rows[name].values() for row in partition]
