"""Subscribers while reports flow: one that notes how long each report takes, and one that is slow."""

import threading
import time
from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from tests.kafka.harness.deployment import ENRICHED, ESCALATIONS, Deployment
from tests.kafka.harness.reports import Published

# Records a second that the slow one takes: far fewer than come.
SLOW_RATE = 5


class Subscribers:
    """Both, from now until `end`. Call `sent` for all that is published."""

    def __init__(self, deployment: Deployment) -> None:
        self._sent: dict[bytes, float] = {}
        self._seconds: dict[bytes, float] = {}
        self._slow: list[tuple[int, int]] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=read, args=(_consumer(deployment, topic, size),), daemon=True)
            for read, topic, size in (
                (self._note, ENRICHED, 1_000_000),
                # A few records each time, so that it is behind on the broker and not in its own memory.
                (self._dawdle, ESCALATIONS, 2_000),
            )
        ]
        for thread in self._threads:
            thread.start()

    def sent(self, records: Iterable[Published]) -> None:
        """Note that these are published now."""
        now = time.monotonic()
        for record in records:
            if record.facts is not None:
                self._sent.setdefault(record.facts.report_id.encode(), now)

    def end(self) -> None:
        """End both. The slow one must have read each record once, in order."""
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
        assert len(set(self._slow)) == len(self._slow), "a subscriber got a record twice"

    def percentile(self, part: float) -> float:
        """In how many seconds this part of the reports that have arrived came, from publication on."""
        ordered = sorted(self._seconds.values())
        assert ordered, f"none of {len(self._sent)} reports reached the subscriber"
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def _note(self, consumer: Consumer) -> None:
        found: list[Message] = []
        # To the end: what the last workers write must not be missing.
        while not self._ended.is_set() or found:
            found = consumer.consume(1_000, 1.0 if self._ended.is_set() else 0.1)
            for message in found:
                if message.error() is None:
                    name = dict(message.headers())["ce_id"]
                    if name in self._sent:
                        self._seconds.setdefault(name, time.monotonic() - self._sent[name])
        consumer.close()

    def _dawdle(self, consumer: Consumer) -> None:
        while not self._ended.wait(1 / SLOW_RATE):
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                self._slow.append((message.partition(), message.offset()))
        consumer.close()


def _consumer(deployment: Deployment, topic: str, size: int) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": deployment.bootstrap,
            "group.id": "not-used",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.message.max.bytes": size,
            "queued.max.messages.kbytes": 1 + size // 1_000,
            "log_level": 0,
        }
    )
    name = deployment.name(topic)
    consumer.assign([TopicPartition(name, n, OFFSET_BEGINNING) for n in range(deployment.partitions)])
    return consumer
