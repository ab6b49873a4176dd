"""Applies records that change the rules on the way, as the owner of a partition does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from streams.contract.wire.records import SourceRecord
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.limits import UNLIMITED, Limits
from streams.deciding.partition.rules_in_force import Ruling
from streams.deciding.partition.stage import Stage

AnyStage = Stage[Any, Any, Any]


def shelved(files: AnyStage, sets: Mapping[str, AnyStage]) -> AnyStage:
    """The stage with the rules of `files`, which finds those with other rules by their ids."""
    shelf: dict[str | None, AnyStage] = {}
    shelf |= {
        rule_set: replace(stage, ruling=Ruling(rule_set), shelf=shelf)
        for rule_set, stage in {None: files, **sets}.items()
    }
    return shelf[None]


def batches(
    stage: AnyStage, state: Any, records: Sequence[SourceRecord], limits: Limits = UNLIMITED
) -> Iterator[Batch[Any, Any, Any]]:
    """Apply records to their end; a change of rules ends a batch, and the next one has the other rules."""
    begin = 0
    while begin < len(records):
        *_, batch = stage.for_state(state).apply_in_slices(state, records[begin:], limits)
        begin += batch.finished_records
        yield batch
