"""A publisher like those of other teams: librdkafka with any partitioner."""

from collections.abc import Iterable

from confluent_kafka import Producer

from tests.kafka.harness.reports import Published, source_of
from tests.kafka.harness.workers import patience

# The partitioner that Tocsin recommends, Java's. Records without a key go to any partition.
MURMUR2 = "murmur2_random"
# librdkafka's default: CRC32 of the key, which mostly gives another partition than Java's.
LIBRDKAFKA_DEFAULT = "consistent_random"


class Publisher:
    """Publishes to a topic, or reports to those that take them, and counts what the broker has confirmed."""

    def __init__(self, bootstrap: str, prefix: str, topic: str | None, partitioner: str = MURMUR2) -> None:
        self._prefix = prefix
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": partitioner,
                "linger.ms": 5,
                "acks": "all",
                # Tests stop brokers on purpose; librdkafka would log that.
                "log_level": 0,
                # A broker that restarts must not make the test lose or repeat what it publishes.
                "enable.idempotence": True,
                # The leader of a new partition may refuse the first batch, which is sent again, and take the
                # second one. The first then counts as written before: in one of 16 random stories the log
                # began with the second record.
                "max.in.flight.requests.per.connection": 1,
                "message.max.bytes": 20_000_000,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self.confirmed = 0
        self.failed: list[str] = []

    def send(self, records: Iterable[Published]) -> None:
        """Queue records for sending. The broker confirms them later."""
        for record in records:
            self._producer.produce(
                self._prefix + (self._topic or source_of(record)),
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=self._delivered,
            )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until every record is confirmed. Raises AssertionError if one could not be published."""
        left = self._producer.flush(90 * patience())
        assert left == 0 and not self.failed, f"{left} records not confirmed, failed: {self.failed[:3]}"

    def publish(self, records: Iterable[Published]) -> None:
        """Send records and wait until all are confirmed."""
        self.send(records)
        self.flush()

    def _delivered(self, error: object, _message: object) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self.failed.append(str(error))
