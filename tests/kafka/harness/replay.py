"""The second oracle: the pure core applies the log again and must write the same bytes and keep the same state."""

from collections.abc import Iterator, Sequence

import orjson

from streams.assessment.assess import assess
from streams.assessment.partition_state import PARTITION_TIME, new_state
from streams.assessment.policies import CompiledRules, compile_rules
from streams.assessment.replay import applied_of, order_of_application, outcome_of
from streams.events.enriched_report import Source
from streams.registry.loader import load_rules
from streams.runtime.position import POSITION_KEY
from tests.kafka.harness.deployment import (
    ENRICHED,
    ESCALATIONS,
    INTERNAL,
    OUTCOMES,
    SHADOW,
    SOURCE,
    STATE,
    Deployment,
)
from tests.kafka.harness.reader import Reader, Row

OUTPUTS = (ENRICHED, ESCALATIONS, SHADOW)

# Version byte and the four numbers; the flood window behind them counts dead letters and duplicates too, which leave
# no trace in the order of application.
TIME_BYTES = 1 + 8 + 8 + 8 + 4

Written = tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


def shipped_rules(**changes: object) -> CompiledRules:
    """The rules of a worker without settings of its own."""
    return compile_rules(load_rules(**changes), dead_letter_breaker=True, duplicates_remembered=200_000)


def order_of(deployment: Deployment, reader: Reader, partition: int) -> list[Row]:
    """What was applied in a partition, in that order, as the logs tell it."""
    originals = {
        (deployment.name(topic), number): {row.offset: row for row in rows}
        for topic in (SOURCE, OUTCOMES)
        for number, rows in reader.rows[deployment.name(topic)].items()
    }
    applied = [
        applied_of(Source(**orjson.loads(row.value)["source"]), row.headers)
        for row in reader.rows[deployment.name(ENRICHED)][partition]
    ]
    outcomes = [
        outcome_of(row.value, row.headers) for row in reader.rows[deployment.name(ESCALATIONS)][partition]
    ]
    return list(
        order_of_application(
            applied,
            lambda source: originals[source.topic, source.partition][source.offset],
            reader.rows[deployment.name(INTERNAL)][partition],
            [told for told in outcomes if told is not None],
        )
    )


def replayed(
    deployment: Deployment, rules: CompiledRules, partition: int, batches: Iterator[Sequence[Row]]
) -> tuple[dict[str, list[Written]], dict[bytes, bytes]]:
    """Outputs by topic and the state, when these batches are applied to an empty state."""
    state = new_state(partition, deployment.partitions, rules)
    outputs: dict[str, list[Written]] = {topic: [] for topic in OUTPUTS}
    kept: dict[bytes, bytes] = {}
    for batch in batches:
        outcome = assess(state, batch, rules)
        for topic, number, key, value, headers in outcome.outputs:
            if topic not in outputs:
                # The counters of a day are published with each batch, and a replay has others.
                continue
            outputs[topic].append((partition if number is None else number, key, value, tuple(headers)))
        for key, value in outcome.changes.items():
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value
    return outputs, kept


def check_replay(
    deployment: Deployment, reader: Reader, rules: CompiledRules, cut: object = None
) -> dict[str, int]:
    """Compare the topics, byte for byte, with a replay; gives how many records of each topic were compared.

    `cut(records)` cuts the records into batches; by default they are one.
    """
    compared = dict.fromkeys((*OUTPUTS, STATE), 0)
    for partition in range(deployment.partitions):
        records = order_of(deployment, reader, partition)
        batches = iter([records] if records else []) if cut is None else cut(records)
        outputs, kept = replayed(deployment, rules, partition, batches)
        for topic, expected in outputs.items():
            rows = reader.rows[deployment.name(topic)][partition]
            found = [(row.partition, row.key, row.value, row.headers) for row in rows]
            assert len(found) == len(expected), (
                f"{topic} {partition}: {len(found)} records, replay gives {len(expected)}"
            )
            for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
                assert ours == theirs, f"{topic} {partition}, record {number} differs from the replay"
            compared[topic] += len(found)
        view = reader.latest(deployment.name(STATE), partition)
        view.pop(POSITION_KEY, None)
        for state in (view, kept):
            if PARTITION_TIME in state:
                state[PARTITION_TIME] = state[PARTITION_TIME][:TIME_BYTES]
        assert view.keys() == kept.keys()
        different = [key for key, value in view.items() if value != kept[key]]
        assert not different, f"state {partition}: {len(different)} records differ, first {different[:3]}"
        compared[STATE] += len(view)
    return compared
