"""Events that a receiver does not take, as records of `deliveries-set-aside`."""

from aiokafka import AIOKafkaProducer

from streams.contract.wire.records import Headers
from streams.contract.wire.topics import DELIVERIES_SET_ASIDE
from streams.desk.adapters.deliveries import SetAside

_ADAPTER = "tocsin-adapter"


class SetAsideLog:
    """Writes what one adapter sets aside. `producer` must be idempotent and started."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str, adapter: str) -> None:
        self._producer = producer
        self._topic = prefix + DELIVERIES_SET_ASIDE
        self._adapter = adapter

    async def write(self, found: SetAside) -> None:
        """Write the event as it was, with headers that say who did not take it and why. Raises KafkaError."""
        record = found.record
        # An event that was set aside before keeps the place where it was first.
        origin = (
            []
            if is_set_aside_by(self._adapter, record.headers)
            else [
                ("tocsin-topic", record.topic.encode()),
                ("tocsin-partition", b"%d" % record.partition),
                ("tocsin-offset", b"%d" % record.offset),
            ]
        )
        new = [
            (_ADAPTER, self._adapter.encode()),
            ("tocsin-failure", found.failed.failure.encode()),
            ("tocsin-detail", found.failed.why.encode()),
            ("tocsin-attempts", b"%d" % found.attempts),
            *origin,
        ]
        replaced = dict(new)
        kept = [header for header in record.headers if header[0] not in replaced]
        await self._producer.send_and_wait(self._topic, record.value, record.key, headers=[*kept, *new])


def is_set_aside_by(adapter: str, headers: Headers) -> bool:
    """Whether an event was set aside by the adapter of this name."""
    return dict(headers).get(_ADAPTER) == adapter.encode()
