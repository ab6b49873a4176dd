"""Checks a file of moved state before anybody relies on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click import ClickException

from streams.commands.state.save_file_reading import open_state_file
from streams.commands.state.tally import Tally
from streams.partition.moving import ByRef, Merged, NotMovable
from streams.partition.stage import Stage
from streams.runtime.restore import UnreadableState, build_state
from streams.wire.state_records import UnknownStateVersion

AnyStage = Stage[Any, Any, Any]


def rule_of(stage: AnyStage, key: bytes) -> ByRef | Merged:
    """Return how a state record moves.

    Raises UnknownStateVersion if this version does not know that, ClickException if the record must be gone before.
    """
    rule = stage.moves.get(key[:1])
    if rule is None:
        known = ", ".join(map(repr, sorted(stage.moves)))
        raise UnknownStateVersion(
            f"the state of {stage.name} has records of key type {key[:1]!r}, and this version of Tocsin does not "
            f"know where they belong; known: {known}. Use the version that wrote the state"
        )
    if isinstance(rule, NotMovable):
        raise ClickException(f"the state of {stage.name} cannot move: {rule.remedy}.")
    return rule


def verify(target: Path, stages: Mapping[str, AnyStage], before: Mapping[str, Tally]) -> None:
    """Read a written file as a worker reads the state, and compare it with what was read from the old one."""
    after = {name: Tally() for name in stages}
    with open_state_file(target) as file:
        partitions = {stage.name: stage.partitions for stage in file.header.stages}
        for section, rows in file.sections():
            stage = stages[section.stage]
            entries = dict(rows)
            for key, value in entries.items():
                rule = rule_of(stage, key)
                if isinstance(rule, ByRef):
                    after[section.stage].add(key, value)
                    if rule.home(key, partitions[section.stage]) != section.partition:
                        raise ClickException(
                            f"{target}: a record is in partition {section.partition}, not at home"
                        )
            try:
                build_state(
                    lambda rows, stage=stage, section=section: stage.restore(  # type: ignore[misc]
                        section.partition, partitions[section.stage], rows
                    ),
                    entries,
                )
            except UnreadableState as error:
                raise ClickException(f"{section.stage} partition {section.partition}: {error}") from error
    if after != dict(before):
        raise ClickException(f"{target}: what was written is not what was read from the old file")
