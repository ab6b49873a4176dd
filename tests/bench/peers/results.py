"""Reads what a peer has counted: its committed state in changelog topics, and its escalations."""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec
from confluent_kafka.admin import AdminClient

from tests.bench.outputs import Outputs
from tests.bench.peers.job import Counting, Result, windows_of

# The counts of one peer, from its broker, the name of its application, and the job.
Counts = Callable[[str, str, Mapping[str, Counting]], Mapping[tuple[str, str, int], int]]

# Of Kafka Streams: a key in the changelog of a window store ends with the start of the window and a number.
_WINDOW_START = struct.Struct(">qi")
# Of ProcessorCounts.java: the level, then the start and count of each pane.
_LEVEL = struct.Struct(">i")
_PANE = struct.Struct(">qi")
# Of Quix Streams: a key in the changelog of windows ends with the start and end of the window.
_WINDOW = struct.Struct(">cQcQ")
_COLUMN_FAMILY = "__column_family__"


def result(
    bootstrap: str, application: str, output: str, counts: Counts, job: Mapping[str, Counting]
) -> Result:
    """What the peer has counted.

    Raises AssertionError if it escalates a channel and category twice to one level, or to a lower one.
    """
    levels: dict[tuple[str, str], int] = {}
    for message in Outputs(bootstrap, output).committed():
        told = msgspec.json.decode(message.value())
        key = (message.key().decode(), told["category"])
        assert told["level"] > levels.get(key, 0), f"{key} is escalated twice to level {told['level']}"
        levels[key] = told["level"]
    return Result(counts(bootstrap, application, job), levels)


def dsl_counts(
    bootstrap: str, application: str, job: Mapping[str, Counting]
) -> dict[tuple[str, str, int], int]:
    """The counts of `DslCounts.java`, by the start of a window."""
    found = {}
    for window, categories in _by_window(job).items():
        layout = struct.Struct(f">{len(categories)}i")
        for key, value in _newest(bootstrap, f"{application}-counts-{window}-changelog"):
            start, _ = _WINDOW_START.unpack(key[-_WINDOW_START.size :])
            channel = key[: -_WINDOW_START.size].decode()
            for category, number in zip(categories, layout.unpack(value), strict=True):
                if number:
                    found[channel, category, start] = number
    return found


def processor_counts(
    bootstrap: str, application: str, job: Mapping[str, Counting]
) -> dict[tuple[str, str, int], int]:
    """The counts of `ProcessorCounts.java`: those of its panes, added up to windows."""
    panes = {}
    for key, value in _newest(bootstrap, f"{application}-panes-changelog"):
        channel, _, category = key.decode().partition(" ")
        for start, number in _PANE.iter_unpack(value[_LEVEL.size :]):
            panes[channel, category, start] = number
    return windows_of(panes, job)


def quix_counts(
    bootstrap: str, application: str, job: Mapping[str, Counting]
) -> dict[tuple[str, str, int], int]:
    """The counts of `quix_counts.py`, by the start of a window."""
    found = {}
    for window in _by_window(job):
        (topic,) = (
            name
            for name in AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=20).topics
            if name.startswith(f"changelog__{application}-") and f"--counts-{window}_" in name
        )
        for key, value in _newest(bootstrap, topic):
            _, start, _, _ = _WINDOW.unpack(key[-_WINDOW.size :])
            for category, number in msgspec.json.decode(value).items():
                found[key[: -_WINDOW.size].decode(), category, start] = number
    return found


def _by_window(job: Mapping[str, Counting]) -> dict[int, list[str]]:
    """The categories by the length of their window, in the order in which the programs keep their counts."""
    found: dict[int, list[str]] = defaultdict(list)
    for category, counting in sorted(job.items()):
        found[counting.window].append(category)
    return found


def _newest(bootstrap: str, topic: str) -> Iterator[tuple[bytes, bytes]]:
    newest = {}
    for message in Outputs(bootstrap, topic).committed():
        family = dict(message.headers() or ()).get(_COLUMN_FAMILY, b"default")
        # Quix Streams keeps more than windows in a changelog.
        if family == b"default":
            newest[message.key()] = message.value()
    return ((key, value) for key, value in newest.items() if value is not None)
