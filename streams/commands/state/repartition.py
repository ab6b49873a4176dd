"""Moves saved state to another number of partitions, from one file to another."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
from click import ClickException

from streams.commands.state.repartition_check import AnyStage, rule_of, verify
from streams.commands.state.save_file import (
    Header,
    Row,
    Section,
    StateWriter,
    new_state_file,
)
from streams.commands.state.save_file_reading import StateFile, open_state_file
from streams.commands.state.tally import Tally
from streams.partition.moving import ByRef, NewPartition, Shared, merged
from streams.runtime.position import SourcePosition

_LENGTHS_BYTES = 8


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
                rule = rule_of(stages[section.stage], key)
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
            new_topics=file.header.new_topics or partitions < before,
        )
        with new_state_file(target, header) as writer:
            tallies = _write_moved(file, writer, stages, partitions, target.parent)
    try:
        verify(target, stages, tallies)
    except BaseException:
        target.unlink()
        raise


def _write_moved(
    file: StateFile,
    writer: StateWriter,
    stages: Mapping[str, AnyStage],
    partitions: int,
    folder: Path,
) -> dict[str, Tally]:
    tallies = {name: Tally() for name in stages}
    sections = file.sections()
    for saved in file.header.stages:
        stage, before = stages[saved.name], saved.partitions
        with ExitStack() as stack:
            # Records that belong to a channel wait in files, because all of them may not fit into memory.
            waiting = [
                _Waiting(stack.enter_context(tempfile.TemporaryFile(dir=folder))) for _ in range(partitions)
            ]
            shared: list[Shared] = []
            places: list[Section] = []
            for section, rows in (next(sections) for _ in range(before)):
                _check_read(section, stage, in_place=partitions > before)
                own: dict[bytes, bytes] = {}
                types = set()
                for key, value in rows:
                    rule = rule_of(stage, key)
                    types.add(key[:1])
                    if isinstance(rule, ByRef):
                        tallies[saved.name].add(key, value)
                        waiting[rule.home(key, partitions)].put(key, value)
                    else:
                        own[key] = value
                shared.append(Shared(section.partition, own, frozenset(types)))
                places.append(section)
            for number in range(partitions):
                new = NewPartition(number, partitions, stage.rules.settings.duplicates_remembered)
                own = merged(stage.moves, new, before, shared)
                moved = waiting[number]
                section = _section(stage, places, number, partitions, moved.count + len(own))
                writer.section(section, _both(moved.rows(), own))
    # Reads the checksum of the whole.
    next(sections, None)
    return tallies


def _both(first: Iterator[Row], second: Mapping[bytes, bytes]) -> Iterator[Row]:
    yield from first
    yield from second.items()


class _Waiting:
    """Records on their way to a new partition."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def put(self, key: bytes, value: bytes) -> None:
        self._stream.write(len(key).to_bytes(4, "big") + len(value).to_bytes(4, "big") + key + value)
        self.count += 1

    def rows(self) -> Iterator[Row]:
        self._stream.seek(0)
        for _ in range(self.count):
            lengths = self._stream.read(_LENGTHS_BYTES)
            yield (
                self._stream.read(int.from_bytes(lengths[:4], "big")),
                self._stream.read(int.from_bytes(lengths[4:], "big")),
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
            f"the file must have all stages ({', '.join(stages)}) with the same number of partitions, because "
            "their topics change together. Save without --stage."
        )
    (number,) = before
    if number == partitions:
        raise ClickException(f"the state in the file is for {partitions} partitions already")
    return number


def _check_read(section: Section, stage: AnyStage, *, in_place: bool) -> None:
    """Raise ClickException if the partition has unread records that would be lost, or be in a wrong partition."""
    for topic, number in section.unread.items():
        where = (
            f"{topic} partition {section.partition} had {number:,} unread offsets when the state was saved"
        )
        if topic == stage.sources.internal:
            raise ClickException(
                f"{where}. Its records were re-keyed for the old number of partitions: stop the publishers, wait "
                "until the workers have applied everything, stop the workers and save again."
            )
        if not in_place:
            raise ClickException(
                f"{where}. Fewer partitions need new topics, which will not have these records: stop the "
                "publishers, wait until the workers have applied everything, stop the workers and save again."
            )
