"""The description of a topic, as a file of `schemas/topics/` holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from streams.contract.wire.topics import MESSAGE_REPORTS

SCHEMAS = Path(__file__).parents[3] / "schemas"

# libyaml's, where PyYAML has it, takes 5 ms for all topics instead of 80.
_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MIN_INSYNC = "min.insync.replicas"

# With 3 replicas of which 2 must have a record, one broker may fail without loss and without a stop.
# Partitions are the most workers that can share the load; 4 of them use four cores.
DEFAULT_PARTITIONS = 4
DEFAULT_REPLICAS = 3
DEFAULT_MIN_INSYNC = 2


class EventAttributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The CloudEvents type of the records, and what their id and time are."""

    type: str
    id: str
    time: str


class SchemaVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON Schema of the topic and its examples; paths are relative to `schemas/`."""

    version: int
    file: str
    compatibility: Literal["backward", "forward"]
    examples: str


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `schemas/topics/`.

    `partitions` is a number, or `source`: as many as message-reports has. `reasons` are the meanings of those
    of dead letters.
    """

    name: str
    description: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    event: EventAttributes | None
    schemas: tuple[SchemaVersion, ...]
    partitions: Literal["source"] | int
    config: dict[str, str | int | float]
    reasons: dict[str, str] = {}

    def settings(self, min_insync: int) -> dict[str, str]:
        """The topic's settings, as Kafka spells them, with `min_insync` in-sync replicas at least."""
        return {name: str(value) for name, value in self.config.items()} | {MIN_INSYNC: str(min_insync)}

    @property
    def max_message_bytes(self) -> int:
        """The largest record batch that the brokers accept."""
        return int(self.config["max.message.bytes"])


# Topics by name, without prefix.
Catalogue = Mapping[str, Topic]


def load_catalogue(folder: Path = SCHEMAS / "topics") -> Catalogue:
    """All topics by name without prefix. Raises ValueError with the name of the file that is invalid."""
    catalogue = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), _SAFE_LOADER)  # noqa: S506
            topic = msgspec.convert(content, Topic)
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        if topic.name != path.stem:
            raise ValueError(
                f"{path}: `name` is {topic.name!r}, it must be the name of the file, {path.stem!r}"
            )
        catalogue[topic.name] = topic
    if MESSAGE_REPORTS not in catalogue:
        raise ValueError(
            f"{folder}: {MESSAGE_REPORTS}.yaml is missing, so the installation is incomplete. Install Tocsin "
            "again."
        )
    return catalogue
