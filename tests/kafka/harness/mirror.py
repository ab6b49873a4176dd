"""A program that mirrors topics to another cluster, as MirrorMaker does: at least once, partition by partition."""

from collections import defaultdict
from collections.abc import Iterable

from confluent_kafka import Producer

from tests.kafka.harness.deployment import (
    MODERATION,
    OUTCOMES,
    REQUESTS,
    SOURCE,
    STANDING,
    VERIFIED,
    Deployment,
)
from tests.kafka.harness.reader import Place, Reader

SOURCES = (SOURCE, VERIFIED, OUTCOMES, MODERATION, STANDING, REQUESTS)

# So many records that were mirrored before are mirrored again, as after a restart of a mirror that had not
# committed its position.
REPEATED = 20


class Mirror:
    """Mirrors topics of one deployment to those of another one, with the same partitions: its sources, and
    whatever else is named.
    """

    def __init__(self, source: Deployment, target: Deployment, others: Iterable[str] = ()) -> None:
        self._target = target
        self._names = {source.name(topic): target.name(topic) for topic in {*SOURCES, *others}}
        self._reader = Reader(source.bootstrap, self._names)
        self._producer = Producer(
            {
                "bootstrap.servers": target.bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "max.in.flight.requests.per.connection": 1,
                "message.max.bytes": 20_000_000,
                "log_level": 0,
            }
        )
        self._done: dict[Place, int] = defaultdict(int)

    def catch_up(self) -> None:
        """Mirror all that is in the topics now."""
        self._reader.catch_up()
        for name, target in self._names.items():
            for partition, rows in self._reader.rows[name].items():
                place = name, partition
                for row in rows[max(0, self._done[place] - REPEATED) :]:
                    self._producer.produce(
                        target, row.value, row.key, partition, headers=[*row.headers, ("mirrored-from", b"a")]
                    )
                self._done[place] = len(rows)
        assert self._producer.flush(60) == 0

    def close(self) -> None:
        """End it."""
        self._reader.__exit__()
