"""The description of a topic, as a file of `schemas/topics/` holds it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

MIN_INSYNC = "min.insync.replicas"


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


class ReasonText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The meaning of a dead letter's reason, and what to do about it."""

    meaning: str
    remedy: str


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `schemas/topics/`. `partitions` is a number, or `source`: as many as message-reports has."""

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
    reasons: dict[str, ReasonText] = {}

    def settings(self, min_insync: int) -> dict[str, str]:
        """The topic's settings, as Kafka spells them, with `min_insync` as the minimum of in-sync replicas."""
        return {name: str(value) for name, value in self.config.items()} | {MIN_INSYNC: str(min_insync)}


# Topics by name, without prefix.
Catalogue = Mapping[str, Topic]
