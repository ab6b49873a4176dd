"""What becomes of a record that is refused: a dead letter, of which a publisher who is listed is told."""

from collections.abc import Mapping
from typing import Any

from streams.contract.events.dead_letter import REFUSED_BY_STATE
from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.contract.wire.forms.refusal import encode_refusal, publisher_of
from streams.contract.wire.origin import origin_of
from streams.contract.wire.records import OutputRecord, SourceRecord
from streams.contract.wire.topics import DEAD_LETTERS, REPORT_SOURCES, without_prefix
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.counters import OTHER_PUBLISHER


def refuse_record(
    batch: Batch[Any, Any, Any],
    publishers: Mapping[str, frozenset[str]],
    record: SourceRecord,
    topic: str,
    rejected: Rejected,
) -> None:
    """Write a record that was read from `topic`, alone or in a bundle, to the dead letters.

    If it is a report of a publisher that the operator lists for the topic where it was published, tell that
    publisher. `publishers` (ce_source) are those, by topic.
    """
    batch.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
    batch.counters.dead_letters[rejected.reason] += 1
    origin = origin_of(record)
    published_to = without_prefix(origin.topic)
    if published_to in REPORT_SOURCES:
        ce_source = publisher_of(record)
        if ce_source is not None and ce_source in publishers.get(published_to, ()):
            batch.counters.refused_reports[ce_source] += 1
            told = batch.state.refusals.tell(ce_source, origin.timestamp)
            if told != "no":
                batch.outputs.append(encode_refusal(record, rejected, ce_source, last_of_hour=told == "last"))
        else:
            batch.counters.refused_reports[OTHER_PUBLISHER] += 1
    # A replay of the logs rejects many outcomes that fit a later state; skipped records were not read.
    unreadable = rejected.reason not in REFUSED_BY_STATE and rejected.reason != "skipped"
    batch.refused[topic] += unreadable
    batch.state.breaker.note(dead=unreadable)
