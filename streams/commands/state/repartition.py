"""Moves saved state to another number of partitions, from one file to another."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
from click import ClickException

from streams.commands.state.row_spool import RowSpool
from streams.commands.state.save_file import (
    LENGTHS,
    Header,
    Section,
    StateFile,
    StateWriter,
    new_state_file,
    open_state_file,
)
from streams.commands.state.stages import AnyStage
from streams.contract.wire.state_records import UnknownStateVersion
from streams.deciding.partition.moving import ByRef, Merged, NewPartition, NotMovable, Shared, merged
from streams.running.log.position import SourcePosition
from streams.running.log.restore import UnreadableState, build_state


class Moved(NamedTuple):
    """What moves in one stage: records by type of key, and how many of them change their partition."""

    stage: str
    kept: Counter[bytes]
    changed: Counter[bytes]


def plan_moves(path: Path, stages: Mapping[str, AnyStage], partitions: int) -> tuple[Header, list[Moved]]:
    """Read a file and count what moves. Raises BadStateFile, UnknownStateVersion or ClickException."""
    with open_state_file(path) as file:
        before = _partitions(file.header, stages, partitions)
        found = {name: Moved(name, Counter(), Counter()) for name in stages}
        for section, rows in file.sections():
            _check_read(section, stages[section.stage], in_place=partitions > before)
            moved = found[section.stage]
            for key, _ in rows:
                rule = _rule_of(stages[section.stage], key)
                moved.kept[key[:1]] += 1
                if isinstance(rule, ByRef) and rule.home(key, partitions) != section.partition:
                    moved.changed[key[:1]] += 1
        return file.header, list(found.values())


def repartition(path: Path, target: Path, stages: Mapping[str, AnyStage], partitions: int) -> None:
    """Write the state in `path` to `target`, for `partitions` partitions, and verify what was written.

    Raises as `plan_moves` does, and FileExistsError. `target` does not appear if anything is wrong.
    """
    with open_state_file(path) as file:
        before = _partitions(file.header, stages, partitions)
        header = msgspec.structs.replace(
            file.header,
            stages=tuple(msgspec.structs.replace(one, partitions=partitions) for one in file.header.stages),
            moved_from=before,
            # Its positions are of the logs that the workers will have, and no others.
            saved_at=0,
            new_topics=file.header.new_topics or partitions < before,
        )
        with new_state_file(target, header) as writer:
            tallies = _write_moved(file, writer, stages, partitions, target.parent)
    try:
        _verify(target, stages, tallies)
    except BaseException:
        target.unlink()
        raise


def _write_moved(
    file: StateFile,
    writer: StateWriter,
    stages: Mapping[str, AnyStage],
    partitions: int,
    folder: Path,
) -> Counter[str]:
    tallies: Counter[str] = Counter()
    sections = file.sections()
    for saved in file.header.stages:
        stage, before = stages[saved.name], saved.partitions
        with ExitStack() as stack:
            # Records that belong to a channel wait in files, because all of them may not fit into memory.
            waiting = [
                RowSpool(stack.enter_context(tempfile.TemporaryFile(dir=folder))) for _ in range(partitions)
            ]
            shared: list[Shared] = []
            places: list[Section] = []
            for section, rows in (next(sections) for _ in range(before)):
                _check_read(section, stage, in_place=partitions > before)
                own: dict[bytes, bytes] = {}
                types = set()
                for key, value in rows:
                    rule = _rule_of(stage, key)
                    types.add(key[:1])
                    if isinstance(rule, ByRef):
                        tallies[saved.name] += _hashed(key, value)
                        waiting[rule.home(key, partitions)].put(key, value)
                    else:
                        own[key] = value
                shared.append(Shared(section.partition, own, frozenset(types)))
                places.append(section)
            for number in range(partitions):
                new = NewPartition(number, partitions, stage.rules.settings.duplicates_most)
                own = merged(stage.moves, new, before, shared)
                moved = waiting[number]
                section = _section(stage, places, number, partitions, moved.count + len(own))
                writer.section(section, chain(moved.rows(), own.items()))
    # Reads the checksum of the whole.
    next(sections, None)
    return tallies


def _hashed(key: bytes, value: bytes) -> int:
    """The sums of two heaps of records are equal only if they hold the same."""
    return int.from_bytes(
        hashlib.blake2b(LENGTHS.pack(len(key), len(value)) + key + value, digest_size=16).digest()
    )


def _section(stage: AnyStage, old: Sequence[Section], number: int, partitions: int, records: int) -> Section:
    """The new partition `number`: where it begins to read, and what is unread there.

    Topics that grow keep their records, so the old partitions go on where they were; what is read in a
    partition that is no longer its home is re-keyed. New partitions are empty, and those of new topics too.
    """
    beginning = {topic: SourcePosition(0, partitions, None) for topic in stage.sources}
    if partitions < len(old) or number >= len(old):
        return Section(stage.name, number, records, beginning, {})
    position = old[number].position
    if position is not None:
        position = {topic: source._replace(partitions=partitions) for topic, source in position.items()}
    return Section(stage.name, number, records, position, old[number].unread)


def _partitions(header: Header, stages: Mapping[str, AnyStage], partitions: int) -> int:
    """The number of partitions in the file. Raises ClickException if its state cannot be moved."""
    before = {stage.partitions for stage in header.stages}
    if {stage.name for stage in header.stages} != stages.keys() or len(before) != 1:
        raise ClickException(
            f"the file must have all stages ({', '.join(stages)}) with the same number of partitions, "
            "because their topics change together. Save without --stage."
        )
    (number,) = before
    if number == partitions:
        raise ClickException(f"the state in the file is for {partitions} partitions already")
    return number


def _check_read(section: Section, stage: AnyStage, *, in_place: bool) -> None:
    """Raise ClickException if the partition has unread records that would be lost or misplaced."""
    for topic, number in section.unread.items():
        where = (
            f"{topic} partition {section.partition} had {number:,} unread offsets when the state was saved"
        )
        if topic == stage.sources.internal:
            raise ClickException(
                f"{where}. Its records were re-keyed for the old number of partitions: stop the publishers, "
                "wait until the workers have applied everything, stop the workers and save again."
            )
        if not in_place:
            raise ClickException(
                f"{where}. Fewer partitions need new topics, which will not have these records: stop the "
                "publishers, wait until the workers have applied everything, stop the workers and save again."
            )


def _rule_of(stage: AnyStage, key: bytes) -> ByRef | Merged:
    """Return how a state record moves.

    Raises UnknownStateVersion if this version does not know that, ClickException if the record must be gone
    before.
    """
    rule = stage.moves.get(key[:1])
    if rule is None:
        known = ", ".join(map(repr, sorted(stage.moves)))
        raise UnknownStateVersion(
            f"the state of {stage.name} has records of key type {key[:1]!r}, and this version of Tocsin does "
            f"not know where they belong; known: {known}. Use the version that wrote the state"
        )
    if isinstance(rule, NotMovable):
        raise ClickException(f"the state of {stage.name} cannot move: {rule.remedy}.")
    return rule


def _verify(target: Path, stages: Mapping[str, AnyStage], before: Counter[str]) -> None:
    """Read a written file as a worker reads the state, and compare it with what was read from the old one."""
    after: Counter[str] = Counter()
    with open_state_file(target) as file:
        partitions = {stage.name: stage.partitions for stage in file.header.stages}
        for section, rows in file.sections():
            stage = stages[section.stage]
            entries = dict(rows)
            for key, value in entries.items():
                rule = _rule_of(stage, key)
                if isinstance(rule, ByRef):
                    after[section.stage] += _hashed(key, value)
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
    if after != before:
        raise ClickException(f"{target}: what was written is not what was read from the old file")
