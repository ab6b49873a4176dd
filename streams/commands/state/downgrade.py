"""Writes saved state in the form of the version before, for the way back to it: from one file to another.

What differs between the two forms is in here alone. A release that changes the form of a record says here how
it was written before, and drops what led to the version before that one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from click import ClickException

from streams.commands.state.save_file import Header, Section, new_state_file, open_state_file
from streams.commands.state.stages import AnyStage
from streams.contract.wire.state_records import STATE_VERSION
from streams.counting.expiry import EXPIRY_DAY
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.admission.newcomers import NEWCOMERS
from streams.deciding.partition.admission.refusal_budget import REFUSAL_BUDGET
from streams.deciding.partition.admission.source_controls import (
    SOURCE_CONTROL,
    SourceControls,
    without_offsets,
)
from streams.deciding.partition.daily_counters import OWN_DAY_COUNTERS, without_counts
from streams.deciding.partition.duplicates import SLOT_HEAD, read_slots
from streams.deciding.partition.partly_read import PARTLY_READ
from streams.deciding.partition.rules_in_force import RULES_IN_FORCE
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reporters.part import PART
from streams.deciding.reports.crowd import APPROVALS, CHANNEL_HISTORY, CHANNEL_SIZE, WATCHED_REPORTS
from streams.deciding.reports.decisions_read import DECISIONS_READ
from streams.deciding.reports.escalation.budgets import RESTING, SPENT
from streams.deciding.reports.escalation.samples import SAMPLE

VERSION_BEFORE: Final = "0.2"

# Of the file: without the records that wait.
_FILE_VERSION: Final = 1

# What 0.2 does not have: of a bundle of which nothing is left to read, what each publisher brought and was
# told in the current hour, the parts of detectors and lists, and what people decided about reporters and
# versions of messages: they weigh again there. It has no header that says which decisions were read before a
# report, judges by the files of its installation, compares no channel with itself, and draws no messages.
_NOT_BEFORE: Final = (
    PARTLY_READ,
    NEWCOMERS,
    REFUSAL_BUDGET,
    PART,
    WATCHED_REPORTS,
    APPROVALS,
    DECISIONS_READ,
    RULES_IN_FORCE,
    CHANNEL_SIZE,
    CHANNEL_HISTORY,
    SPENT,
    SAMPLE,
)

# The list of transparency counters that 0.2 does not have. What was published of it stays published.
_NOT_COUNTED_BEFORE: Final = "suspensions"

# The place of voices among the fields of counts, and how many numbers a row of them has.
_VOICES: Final = 6
_SUMS_OF_VOICES: Final = 6

# Slots of 0.2 have so many bytes of hashes, but for the last one, and no times. Those of the first version of
# slots may hold hashes of source and id alone.
_SLOT_BYTES: Final = 1_000 * 8
_WITHOUT_KEY: Final = STATE_VERSION
_WITH_KEY: Final = b"\x02"


def downgrade(path: Path, target: Path, stages: Mapping[str, AnyStage]) -> Header:
    """Write the state in `path` to `target` as version 0.2 would have saved it; return the new header.

    Raises ClickException if something was on its way between partitions, which 0.2 could not read. Raises
    BadStateFile, UnknownStateVersion and FileExistsError; then there is no `target`.
    """
    with open_state_file(path) as file:
        header = msgspec.structs.replace(file.header, tocsin_state=_FILE_VERSION, saved_at=0, unsure=False)
        with new_state_file(target, header) as writer:
            for section, rows in file.sections():
                _require_nothing_on_its_way(section, stages[section.stage])
                kept = dict(rows)
                _require_nothing_waits(section, kept)
                entries = entries_before(kept)
                writer.section(msgspec.structs.replace(section, records=len(entries)), entries.items())
    return header


def _require_nothing_waits(section: Section, entries: Mapping[bytes, bytes]) -> None:
    waiting = sum(key[:1] == RESTING for key in entries)
    if waiting:
        raise ClickException(
            f"{waiting:,} episodes of partition {section.partition} wait for the budget of their policy, and "
            f"version {VERSION_BEFORE} would never open them. Remove the `budget` from the file of policies, "
            "let the workers run until all have opened, which takes half a day at most, and save again."
        )


def _require_nothing_on_its_way(section: Section, stage: AnyStage) -> None:
    topic = stage.sources.internal
    if topic in section.unread:
        raise ClickException(
            f"{topic} partition {section.partition} had {section.unread[topic]:,} unread offsets when the "
            f"state was saved. Version {VERSION_BEFORE} cannot read what workers pass on now: stop the "
            "publishers, wait until the workers have applied everything, stop the workers and save again."
        )


def entries_before(entries: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the records of a partition's state as version 0.2 writes them.

    Raises UnknownStateVersion.
    """
    slots: dict[int, bytes] = {}
    kept: dict[bytes, bytes] = {}
    for key, value in entries.items():
        if key[:1] == DUPLICATES_SLOT:
            slots[int.from_bytes(key[1:], "big")] = value
        elif key[:1] == SOURCE_CONTROL:
            control = _control_before(key, value)
            if control is not None:
                kept[key] = control
        elif key[:1] == OWN_DAY_COUNTERS:
            kept[key] = without_counts(value, _NOT_COUNTED_BEFORE)
        elif key[:1] == CHANNEL_COUNTS:
            kept[key] = _counts_before(value)
        elif key[:1] not in _NOT_BEFORE:
            kept[key] = value
    # The times of slots are not kept, so it does not matter what they are.
    found = read_slots(slots, 0)
    version = _WITHOUT_KEY if any(slot.without_key for slot in found) else _WITH_KEY
    hashes = b"".join(slot.encode()[SLOT_HEAD:] for slot in found)
    for begin in range(0, len(hashes), _SLOT_BYTES):
        key = DUPLICATES_SLOT + (begin // _SLOT_BYTES).to_bytes(8, "big")
        kept[key] = version + hashes[begin : begin + _SLOT_BYTES]
    return kept


def _counts_before(value: bytes) -> bytes:
    """Return counts without the sums that 0.2 does not have, and which it could not read."""
    fields = msgspec.msgpack.decode(value[len(STATE_VERSION) : -EXPIRY_DAY.size])
    if len(fields) <= _VOICES or all(len(row) <= _SUMS_OF_VOICES for row in fields[_VOICES]):
        return value
    fields[_VOICES] = [row[:_SUMS_OF_VOICES] for row in fields[_VOICES]]
    return STATE_VERSION + msgspec.msgpack.encode(fields) + value[-EXPIRY_DAY.size :]


def _control_before(key: bytes, value: bytes) -> bytes | None:
    """Return what operators decided about a source; 0.2 skips no single entries of bundles."""
    controls = SourceControls()
    controls.restore(key, value)
    if controls.of(key[1:].decode()).skip_entry is None:
        return value
    return without_offsets(key, value)
