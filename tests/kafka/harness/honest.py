"""Honest reports at a fixed rate, and how long each takes to reach a read_committed reader."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import orjson
from aiokafka.partitioner import murmur2
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from tests.kafka.harness.deployment import ENRICHED, SOURCE, Deployment
from tests.kafka.harness.reports import Published, now_ms, report

CHANNELS = 64
# Reports about one message, which all channels get at the same time.
PER_MESSAGE = 10


class HonestTraffic:
    """Publishes `rate` user reports per second from `start` to `stop`. Latencies are in seconds.

    `published` has the reports so far.
    """

    def __init__(self, deployment: Deployment, rate: int) -> None:
        self._topic = deployment.name(SOURCE)
        self._partitions = deployment.partitions
        self._rate = rate
        self._producer = Producer(
            {"bootstrap.servers": deployment.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5}
        )
        self._consumer = Consumer(
            {
                "bootstrap.servers": deployment.bootstrap,
                "group.id": "not-used",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "latest",
                "log_level": 0,
            }
        )
        enriched = deployment.name(ENRICHED)
        self._consumer.assign([TopicPartition(enriched, n, OFFSET_END) for n in range(self._partitions)])
        # The reader must be at the end of the topic before the first report.
        self._consumer.poll(1.0)
        self.published: list[Published] = []
        self._sent: dict[bytes, float] = {}
        self._arrived: Counter[bytes] = Counter()
        self._latency: dict[bytes, float] = {}
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._reader.start()
        self._sender.start()

    def stop(self) -> None:
        """Stop publishing; the reader goes on until `finish`."""
        self._stopping.set()
        self._sender.join(60)

    def finish(self, wait_for: Callable[[Callable[[], bool]], object]) -> None:
        """Wait until every report has arrived, then check that none came twice."""
        wait_for(lambda: len(self._arrived) >= len(self._sent))
        self._done.set()
        self._reader.join(30)
        twice = [name for name, times in self._arrived.items() if times > 1]
        assert not twice, f"{len(twice)} honest reports were applied twice, e.g. {twice[:3]}"
        assert self._arrived.keys() == self._sent.keys()

    @property
    def sent(self) -> int:
        """Number of reports published so far."""
        return len(self._sent)

    def latencies(self, *, flooded: int, at_flooded: bool) -> list[float]:
        """Ascending latencies of the reports whose home is the flooded partition, or of all the others."""
        return sorted(
            seconds
            for name, seconds in self._latency.items()
            if (_home(_channel(name), self._partitions) == flooded) == at_flooded
        )

    def _send(self) -> None:
        began = time.monotonic()
        number = 0
        while not self._stopping.is_set():
            due = int((time.monotonic() - began) * self._rate)
            while number < due:
                name = b"honest-%d" % number
                channel = _channel(name)
                document = report(
                    name.decode(),
                    now_ms(),
                    channel={"ref": channel.decode(), "visibility": "public"},
                    message_ref=f"message-{number // (CHANNELS * PER_MESSAGE)}",
                    reporter={"kind": "user", "ref": f"reporter-{number % 997}"},
                )
                # The moment at which it was due: a sender that falls behind adds to the latency.
                self._sent[name] = began + number / self._rate
                record = Published(channel, orjson.dumps(document))
                self._producer.produce(self._topic, record.value, record.key)
                self.published.append(record)
                number += 1
            self._producer.poll(0)
            time.sleep(0.002)
        assert self._producer.flush(60) == 0

    def _read(self) -> None:
        while not self._done.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            name = dict(message.headers())["ce_id"]
            if name in self._sent:
                self._arrived[name] += 1
                self._latency.setdefault(name, time.monotonic() - self._sent[name])
        self._consumer.close()


def _channel(name: bytes) -> bytes:
    return b"honest-channel-%d" % (int(name.rpartition(b"-")[2]) % CHANNELS)


def _home(channel: bytes, partitions: int) -> int:
    return (murmur2(channel) & 0x7FFFFFFF) % partitions
