"""A publisher like those of other teams: librdkafka, with the partitioner of their choice."""

from collections.abc import Iterable

from confluent_kafka import Producer

from tests.kafka.harness.reports import Published

# The rule that Tocsin advises, Java's; keys of None go anywhere.
MURMUR2 = "murmur2_random"
# What librdkafka does when nobody chose: CRC32 of the key, which is another partition than Java's most of the time.
LIBRDKAFKA_DEFAULT = "consistent_random"


class Publisher:
    """Publishes to one topic and counts what the broker has confirmed."""

    def __init__(self, bootstrap: str, topic: str, partitioner: str = MURMUR2) -> None:
        self.topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": partitioner,
                "linger.ms": 5,
                "acks": "all",
                # A broker that is away on purpose is no news.
                "log_level": 0,
                # A broker that restarts must not make the test lose or repeat what it publishes.
                "enable.idempotence": True,
                "message.max.bytes": 20_000_000,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self.confirmed = 0
        self.failed: list[str] = []

    def send(self, records: Iterable[Published]) -> None:
        """Hand over; the broker confirms later."""
        for record in records:
            self._producer.produce(
                self.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=self._delivered,
            )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything is confirmed. Fails if anything could not be published."""
        left = self._producer.flush(90)
        assert left == 0 and not self.failed, f"{left} records not confirmed, failed: {self.failed[:3]}"

    def publish(self, records: Iterable[Published]) -> None:
        """Send and wait."""
        self.send(records)
        self.flush()

    def _delivered(self, error: object, _message: object) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self.failed.append(str(error))
