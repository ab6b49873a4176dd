"""Writes schemas/asyncapi.json from the topic catalogue."""

import json
from pathlib import Path
from typing import Any, Literal

from streams import __version__
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.wire.envelope import (
    CE_ID,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TIME,
    CE_TYPE,
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
)
from streams.running.topics.topic_catalogue import (
    DEFAULT_MIN_INSYNC,
    DEFAULT_PARTITIONS,
    DEFAULT_REPLICAS,
    SCHEMAS,
    SchemaVersion,
    Topic,
    load_catalogue,
)

DOCUMENT = SCHEMAS / "asyncapi.json"
BINDING_VERSION = "0.5.0"
DAY_MS = 24 * 60 * 60 * 1000

Json = dict[str, Any]
Role = Literal["input", "output", "internal", "state"]

_OWN_PROGRAMS = "tocsin"
_SCHEMA_FORMAT = "application/schema+json;version=2020-12"

_DESCRIPTION = """\
The topics of Tocsin, written from the catalogue in `schemas/topics/`. Operations are those of Tocsin's own programs: what it
receives, others publish.

Numbers of partitions and replicas are defaults; a deployment sets its own with TOCSIN_PARTITIONS, TOCSIN_REPLICATION_FACTOR
and TOCSIN_MIN_INSYNC_REPLICAS. `x-partitions: source` marks topics that must have as many partitions as message-reports.

`x-role` of a channel: `input` (others write), `output` (Tocsin alone writes, others read), `internal` (between Tocsin's own
programs), `state` (the same, with keys and values in a format of Tocsin's own). Grant write access to all but `input` to
Tocsin only. `x-retention-days` is null for compacted topics."""


def document() -> Json:
    """The AsyncAPI 3.1 document of all topics.

    Payloads refer to the JSON Schemas in `json/`, beside the document.
    """
    catalogue = load_catalogue()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON_CONTENT_TYPE.decode(),
        "channels": {name: _channel(topic) for name, topic in catalogue.items()},
        "operations": {
            f"{action}-{name}": _operation(action, topic)
            for name, topic in catalogue.items()
            for action in _actions(topic)
        },
        "components": {
            "parameters": {
                "prefix": {"description": "TOCSIN_TOPIC_PREFIX of the deployment.", "default": ""},
            },
            "messageTraits": {
                "cloudEvent": _written_event(),
                "publishedCloudEvent": _published_event(),
                "deadLetter": _dead_letter(),
            },
        },
    }


def files() -> dict[Path, str]:
    """The text of the document."""
    return {DOCUMENT: json.dumps(document(), indent=2, ensure_ascii=False) + "\n"}


def _role(topic: Topic) -> Role:
    """Who writes and reads a topic, as the document's description explains."""
    if topic.event is None:
        return "state"
    if _are_foreign(topic.producers):
        return "input"
    return "output" if _are_foreign(topic.consumers) else "internal"


def _are_foreign(programs: tuple[str, ...]) -> bool:
    return any(not program.startswith(_OWN_PROGRAMS) for program in programs)


def _actions(topic: Topic) -> dict[Literal["receive", "send"], list[str]]:
    """What Tocsin does with a topic, and which of its programs do it."""
    programs: dict[Literal["receive", "send"], tuple[str, ...]] = {
        "receive": topic.consumers,
        "send": topic.producers,
    }
    own = {
        action: [program for program in those if program.startswith(_OWN_PROGRAMS)]
        for action, those in programs.items()
    }
    return {action: those for action, those in own.items() if those}


def _channel(topic: Topic) -> Json:
    return {
        "address": "{prefix}" + topic.name,
        "description": topic.description,
        "parameters": {"prefix": {"$ref": "#/components/parameters/prefix"}},
        "messages": _messages(topic),
        "bindings": {"kafka": _channel_binding(topic)},
        "x-role": _role(topic),
        "x-owner": topic.owner,
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
        "x-partitions": topic.partitions,
        "x-retention-days": _retention_days(topic),
    }


def _channel_binding(topic: Topic) -> Json:
    settings = {"min.insync.replicas": DEFAULT_MIN_INSYNC} | topic.config
    return {
        "partitions": DEFAULT_PARTITIONS if topic.partitions == "source" else topic.partitions,
        "replicas": DEFAULT_REPLICAS,
        # The binding wants the policies as a list; Kafka and the catalogue write them as one text.
        "topicConfiguration": settings | {"cleanup.policy": str(settings["cleanup.policy"]).split(",")},
        "bindingVersion": BINDING_VERSION,
    }


def _retention_days(topic: Topic) -> int | None:
    retention = topic.config.get("retention.ms")
    return None if retention is None else int(retention) // DAY_MS


def _operation(action: Literal["receive", "send"], topic: Topic) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _messages(topic)],
        "x-programs": _actions(topic)[action],
    }


def _messages(topic: Topic) -> Json:
    messages = {Path(version.file).stem: _message(topic, version) for version in topic.schemas}
    # Records are kept as they were published, or else replaced by what the schema describes.
    return messages | {"rejected-record": _rejected_record(topic)} if topic.reasons else messages


def _message(topic: Topic, version: SchemaVersion) -> Json:
    schema = json.loads((SCHEMAS / version.file).read_text(encoding="utf-8"))
    message: Json = {
        "name": schema["title"],
        "summary": schema["description"].partition("\n")[0],
        "contentType": JSON_CONTENT_TYPE.decode(),
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{version.file}"}},
        "bindings": {"kafka": _message_binding(topic)},
        "x-compatibility": version.compatibility,
        "x-examples": version.examples,
    }
    if topic.reasons:
        return message | {"traits": [{"$ref": "#/components/messageTraits/deadLetter"}]}
    assert topic.event is not None
    # What is re-keyed to an internal topic keeps the form in which it was published.
    trait = "cloudEvent" if _role(topic) == "output" else "publishedCloudEvent"
    return message | {
        "traits": [{"$ref": f"#/components/messageTraits/{trait}"}],
        "headers": {"type": "object", "properties": {CE_TYPE: {"const": schema["title"]}}},
        "examples": [_first_example(version)],
        "x-event-id": topic.event.id,
        "x-event-time": topic.event.time,
    }


def _rejected_record(topic: Topic) -> Json:
    return {
        "name": "rejected record",
        "summary": "Key, headers and value as they were published, plus the headers that say what is wrong.",
        "traits": [{"$ref": "#/components/messageTraits/deadLetter"}],
        "bindings": {"kafka": _message_binding(topic)},
        "x-reasons": topic.reasons,
    }


def _message_binding(topic: Topic) -> Json:
    return {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING_VERSION}


def _first_example(version: SchemaVersion) -> Json:
    """The first example in binary mode, whose value is the event alone."""
    for path in sorted((SCHEMAS / version.examples).glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if CE_TYPE in content["headers"]:
            return {"name": path.stem, "headers": content["headers"], "payload": content["value"]}
    raise ValueError(f"{SCHEMAS / version.examples}: no example has the header {CE_TYPE}")


def _written_event() -> Json:
    """The headers of an event that Tocsin writes."""
    return {
        "headers": {
            "type": "object",
            "required": [CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE, CONTENT_TYPE],
            "properties": _attributes(),
        }
    }


def _published_event() -> Json:
    """The headers of an event that others write."""
    return {
        "headers": {
            "type": "object",
            "description": "CloudEvents in binary mode, as shown here; or in structured mode, with the "
            "content type application/cloudevents+json and the event in `data`; or plain JSON without "
            "any ce_ header.",
            "properties": _attributes(),
            # The schemas of an AsyncAPI document are of draft 7, in which `dependentRequired` has this name.
            "dependencies": {
                name: [CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE]
                for name in _attributes()
                if name != CONTENT_TYPE
            },
        }
    }


def _attributes() -> Json:
    return {
        CE_SPECVERSION: {"const": SPECVERSION.decode()},
        CE_ID: {"type": "string", "minLength": 1},
        CE_SOURCE: {"type": "string", "minLength": 1},
        CE_TYPE: {"type": "string", "minLength": 1},
        CE_TIME: {"type": "string", "format": "date-time"},
        CONTENT_TYPE: {"type": "string"},
    }


def _dead_letter() -> Json:
    number = {"type": "string", "pattern": "^[0-9]+$"}
    properties = {
        "tocsin-reason": {"enum": list(DEAD_LETTER_REASONS)},
        "tocsin-field": {"type": "string"},
        "tocsin-detail": {"type": "string"},
        "tocsin-topic": {"type": "string"},
        "tocsin-partition": number,
        "tocsin-offset": number,
        "tocsin-timestamp": number,
        "tocsin-attempt": number,
    }
    return {"headers": {"type": "object", "required": list(properties), "properties": properties}}
