"""Files of saved state, written without Kafka."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.commands.state.save_file import (
    FILE_VERSION,
    Header,
    SavedStage,
    Section,
    new_state_file,
    open_state_file,
)
from streams.running.log.position import SourcePosition

Stored = Sequence[Mapping[bytes, bytes]]

TOPICS = {
    "reports": (
        "channel-state",
        ("message-reports", "clock-outcomes", "moderation-outcomes", "message-reports-internal"),
    ),
    "requests": ("authority-state", ("authority-requests", "authority-requests-internal")),
    "reporters": ("reporter-state", ("reporters-internal",)),
}


def write_file(path: Path, stored: Mapping[str, Stored], unread: Mapping[str, int] | None = None) -> Path:
    """Write a file with the partitions of each stage; offset n + 7 of each source is the next in partition n."""
    header = Header(
        FILE_VERSION,
        "test",
        None,
        tuple(SavedStage(name, TOPICS[name][0], len(partitions)) for name, partitions in stored.items()),
    )
    with new_state_file(path, header) as writer:
        for name, partitions in stored.items():
            for number, entries in enumerate(partitions):
                position = {
                    topic: SourcePosition(number + 7, len(partitions), 1) for topic in TOPICS[name][1]
                }
                here = {topic: n for topic, n in (unread or {}).items() if topic in TOPICS[name][1]}
                section = Section(name, number, len(entries), position, here)
                writer.section(section, entries.items())
    return path


def read_file(path: Path) -> tuple[Header, dict[str, list[tuple[Section, dict[bytes, bytes]]]]]:
    """The header, and the partitions of each stage."""
    found: dict[str, list[tuple[Section, dict[bytes, bytes]]]] = {}
    with open_state_file(path) as file:
        for section, rows in file.sections():
            found.setdefault(section.stage, []).append((section, dict(rows)))
        return file.header, found
