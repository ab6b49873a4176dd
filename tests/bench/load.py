"""Publish reports at a fixed rate and measure how long each takes to reach a read_committed reader."""

import threading
import time
from array import array
from collections.abc import Sequence

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from tests.bench import traffic
from tests.bench.place import ENRICHED, SOURCE, Site

# A report that takes longer counts as lost.
LAST_SECONDS = 40.0


class Load:
    """Publishes `rate` reports per second for `seconds`, from `begin()` on.

    Latency is measured from the moment a report was due to be sent: a sender that falls behind adds to it.
    `due` and `latency` are in seconds, indexed by the report's number; a latency of 0 means that the report
    has not arrived yet.
    """

    def __init__(self, site: Site, rate: int, seconds: float, seed: int) -> None:
        count = int(rate * seconds)
        self._reports = list(traffic.usual(count, int(time.time() * 1000), int(seconds * 1000), seed=seed))
        self._first = f"u{seed}-".encode()
        self._topic = site.name(SOURCE)
        self._rate = rate
        self.due = array("d", (number / rate for number in range(count)))
        self.latency = array("d", bytes(8 * count))
        self._arrived = 0
        self._producer = Producer(
            # The default linger of librdkafka, which is part of the latency.
            {"bootstrap.servers": site.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5}
        )
        self._consumer = Consumer(
            {
                "bootstrap.servers": site.bootstrap,
                "group.id": "bench",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "latest",
                "log_level": 0,
            }
        )
        enriched = site.name(ENRICHED)
        self._consumer.assign([TopicPartition(enriched, n, OFFSET_END) for n in range(site.partitions)])
        # The reader must be at the end of the topic before the first report.
        self._consumer.poll(1.0)
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self) -> float:
        """Start publishing; return the monotonic time at which the first report is due."""
        self._started = time.monotonic() + 0.1
        self._reader.start()
        self._sender.start()
        return self._started

    def finish(self) -> None:
        """Wait until every report has arrived. Raises AssertionError if one does not."""
        self._sender.join()
        self._reader.join()
        missing = len(self.latency) - self._arrived
        assert missing == 0, f"{missing} of {len(self.latency)} reports never arrived"

    def _send(self) -> None:
        produce = self._producer.produce
        number, count = 0, len(self._reports)
        while number < count:
            passed = time.monotonic() - self._started
            while number < count and self.due[number] <= passed:
                report = self._reports[number]
                produce(self._topic, report.value, report.key, headers=report.headers)
                number += 1
            self._producer.poll(0)
            time.sleep(max(0.0005, self.due[number] - passed if number < count else 0))
        self._producer.flush(LAST_SECONDS)

    def _read(self) -> None:
        deadline = self._started + self.due[-1] + LAST_SECONDS
        while self._arrived < len(self.latency) and time.monotonic() < deadline:
            for message in self._consumer.consume(1_000, 0.02) if self._rate > 2_000 else self._one():
                now = time.monotonic() - self._started
                report_id = next(value for name, value in message.headers() if name == "ce_id")
                if report_id.startswith(self._first):
                    number = int(report_id[len(self._first) :])
                    assert not self.latency[number], f"report {number} arrived twice"
                    self.latency[number] = now - self.due[number]
                    self._arrived += 1
        self._consumer.close()

    def _one(self) -> Sequence[object]:
        # `consume` would delay a record until the batch is full or its time is over; `poll` returns the first
        # at once.
        message = self._consumer.poll(0.1)
        return [message] if message is not None and message.error() is None else []


def percentile(values: Sequence[float], part: float) -> float:
    """The value at rank `part` (0 to 1) of the sorted values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
