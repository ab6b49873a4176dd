"""Reads for `tocsin status` which legal clocks are due, from the state of both stages that keep clocks."""

from collections import Counter
from collections.abc import Mapping

from aiokafka import TopicPartition

from streams.commands.shared.kept_clocks import (
    KEY_NAMES,
    STATE_TOPICS,
    KeptClock,
    WantedClocks,
    wanted_clocks,
)
from streams.commands.status.facts import DueClock, LegalClocks
from streams.contract.wire.times import HOUR
from streams.running.clients.kafka_reading import partition_reader
from streams.running.topics.topic_admin import all_led
from streams.running.worker.settings import Settings

# As long as TocsinClockLapsed looks back.
LAPSED_LATELY_MS = HOUR
# Clocks are read from the whole state. `tocsin clocks` does so however large it is.
RECORDS_MOST = 300_000
_SHOWN_MOST = 5


async def legal_clocks(
    settings: Settings, led: Mapping[str, Mapping[int, bool]], now_ms: int
) -> LegalClocks | None:
    """The clocks that have not ended; None if a state topic is missing or lacks a leader.

    `led` says whether each partition has a leader, by topic (with prefix) and number.
    """
    topics = [settings.topic_prefix + name for name in STATE_TOPICS.values()]
    places = [TopicPartition(topic, number) for topic in topics for number in led.get(topic, {})]
    if not all(all_led(led, topic) for topic in topics):
        return None
    async with partition_reader(settings.connection(), places) as consumer:
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    records = sum(ends[place] - begins[place] for place in places)
    if records > RECORDS_MOST:
        return LegalClocks(records=records)
    found = await wanted_clocks(settings, WantedClocks(), now_ms)
    return summary(found.clocks, len(found.unreadable), records)


def summary(clocks: list[KeptClock], unreadable: int, records: int) -> LegalClocks:
    """What `tocsin status` says of clocks, which are the most urgent first."""
    urgent = [each for each in clocks if each.view.status != "over" and each.view.not_before is None]
    return LegalClocks(
        records=records,
        by_status=dict(Counter(each.view.status for each in clocks).most_common()),
        lapsed_lately=sum(
            each.view.status == "lapsed" and each.left_ms > -LAPSED_LATELY_MS for each in clocks
        ),
        nearly_due=sum(each.nearly_due for each in clocks),
        unreadable=unreadable,
        first=tuple(
            DueClock(
                each.view.obligation,
                f"{KEY_NAMES[each.subject]} {each.key}",
                each.view.status,
                each.view.due_at,
                each.left_ms,
                each.nearly_due,
            )
            for each in urgent[:_SHOWN_MOST]
        ),
    )
