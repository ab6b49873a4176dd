"""schemas/asyncapi.json describes every topic of the catalogue, and AsyncAPI's own parser accepts it."""

import base64
import copy
import json
import subprocess

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from generators import asyncapi_document
from generators.__main__ import main
from streams.running.topics.topic_catalogue import DEFAULT_PARTITIONS, SCHEMAS, load_catalogue
from tests.contract.examples import example, name_of
from tests.tools import npm_install, program

PARSER = "@asyncapi/parser@3.6.3"
CATALOGUE = load_catalogue()
DOCUMENT = json.loads(asyncapi_document.DOCUMENT.read_text(encoding="utf-8"))
CHANNELS = DOCUMENT["channels"]
MESSAGES = {
    f"{channel}/{name}": message
    for channel, described in CHANNELS.items()
    for name, message in described["messages"].items()
    if "payload" in message
}


def merged(first, second):
    """Apply a trait as the specification says: a JSON merge patch, in which the message's own fields win."""
    both = first.keys() & second.keys()
    deeper = {
        name: merged(first[name], second[name])
        for name in both
        if isinstance(first[name], dict) and isinstance(second[name], dict)
    }
    return first | second | deeper


def headers_schema(message):
    (trait,) = message["traits"]
    shared = DOCUMENT["components"]["messageTraits"][trait["$ref"].rpartition("/")[2]]
    return merged(shared["headers"], message.get("headers", {}))


def event_of(envelope):
    return envelope["data"] if "data" in envelope else json.loads(base64.b64decode(envelope["data_base64"]))


def test_check_tells_when_the_document_is_out_of_date(monkeypatch, tmp_path, capsys):
    assert main(["--check", "asyncapi_document"]) == 0
    monkeypatch.setattr(asyncapi_document, "DOCUMENT", tmp_path / "asyncapi.json")
    assert main(["--check", "asyncapi_document"]) == 1
    assert main(["asyncapi_document"]) == 0
    assert main(["--check", "asyncapi_document"]) == 0
    (tmp_path / "asyncapi.json").write_text("{}")
    assert main(["--check", "asyncapi_document"]) == 1
    assert (
        capsys.readouterr().err.count(
            "asyncapi.json is out of date: run `python -m generators asyncapi_document`"
        )
        == 2
    )


def test_every_topic_is_a_channel_with_its_settings():
    assert CHANNELS.keys() == CATALOGUE.keys()
    for name, channel in CHANNELS.items():
        topic = CATALOGUE[name]
        binding = channel["bindings"]["kafka"]
        assert channel["address"] == "{prefix}" + name
        settings = dict(binding["topicConfiguration"])
        settings["cleanup.policy"] = ",".join(settings["cleanup.policy"])
        assert {setting: str(value) for setting, value in settings.items()} == topic.settings(2)
        assert binding["partitions"] == (1 if topic.partitions == 1 else DEFAULT_PARTITIONS)
        assert binding["replicas"] == 3


def test_channels_say_who_writes_and_reads_them():
    roles = {}
    for name, channel in CHANNELS.items():
        roles.setdefault(channel["x-role"], set()).add(name)
    assert roles.pop("state") == {name for name, topic in CATALOGUE.items() if topic.event is None}
    internal = {name for name in CATALOGUE if name.endswith("-internal")}
    assert roles.pop("internal") == internal | {"desk-views", "rule-sets", "rule-changes", "rule-trials"}
    # What Tocsin writes is its own; what others write is theirs.
    owners = {role: {CATALOGUE[name].owner for name in names} for role, names in roles.items()}
    assert owners == {"input": {"trust and safety platform"}, "output": {"tocsin"}}
    days = {name: CHANNELS[name]["x-retention-days"] for name in ("escalations", "dead-letters", "claims")}
    assert days == {"escalations": 365, "dead-letters": 7, "claims": None}


def test_operations_are_those_of_tocsin():
    operations = DOCUMENT["operations"]
    assert operations.keys() >= {
        "receive-message-reports",
        "send-escalations",
        "send-claims",
        "receive-claims",
    }
    assert not operations.keys() & {"send-message-reports", "receive-escalations"}
    for name, operation in operations.items():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        assert name == f"{operation['action']}-{channel}"
        assert operation["x-programs"] and all(each.startswith("tocsin") for each in operation["x-programs"])
        assert [each["$ref"].rpartition("/")[2] for each in operation["messages"]] == list(
            CHANNELS[channel]["messages"]
        )


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_valid_under_the_message(name):
    message = MESSAGES[name]
    schema = json.loads((SCHEMAS / message["payload"]["schema"]["$ref"]).read_text(encoding="utf-8"))
    payloads, headers = Draft202012Validator(schema), Draft7Validator(headers_schema(message))
    examples = sorted((SCHEMAS / message["x-examples"]).glob("*.json"))
    assert examples
    validated = 0
    for path in examples:
        record = example(path)
        texts = {header: text.decode() for header, text in record.headers}
        structured = texts.get("content-type", "").startswith("application/cloudevents+json")
        assert headers.is_valid(texts), name_of(path)
        payload = event_of(record.document) if structured else record.document
        # A dead letter holds what was published, valid or not, unless it was not kept.
        if name != "dead-letters/redacted-dead-letter.v1" or "sha256" in (payload or {}):
            payloads.validate(payload)
            validated += 1
    assert validated


def test_headers_that_are_wrong_are_refused():
    written = headers_schema(MESSAGES["escalations/escalation.v1"])
    shown = MESSAGES["escalations/escalation.v1"]["examples"][0]["headers"]
    published = headers_schema(MESSAGES["message-reports/report.v1"])
    assert Draft7Validator(written).is_valid(shown)
    assert not Draft7Validator(written).is_valid(shown | {"ce_type": "tocsin.report.v1"})
    assert not Draft7Validator(written).is_valid({})
    # Plain JSON has no attribute; some without the others are an error.
    assert Draft7Validator(published).is_valid({})
    assert not Draft7Validator(published).is_valid({"ce_id": "1"})


def wrong(change):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return document


WRONG = {
    "action": wrong(lambda d: d["operations"]["send-escalations"].update(action="publish")),
    "partitions": wrong(lambda d: d["channels"]["claims"]["bindings"]["kafka"].update(partitions=0)),
    "channel": wrong(lambda d: d["operations"]["send-claims"]["channel"].update({"$ref": "#/channels/x"})),
    "schema": wrong(
        lambda d: d["channels"]["escalations"]["messages"]["escalation.v1"]["payload"]["schema"].update(
            {"$ref": "./json/x.json"}
        )
    ),
}

PARSE = """
const { Parser, fromFile } = require("@asyncapi/parser");
Promise.all(process.argv.slice(2).map(async (file) => {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  const titles = document && document.channels().all().flatMap((channel) => channel.messages().all())
    .filter((message) => message.hasPayload()).map((message) => message.payload().json().schema.title);
  return { remarks: diagnostics.map(({ code, message }) => `${code}: ${message}`), titles };
})).then((results) => console.log(JSON.stringify(results)));
"""


@pytest.mark.nightly
def test_the_parser_accepts_the_document_and_no_wrong_one(tmp_path):
    npm_install(tmp_path, PARSER)
    (tmp_path / "parse.js").write_text(PARSE)
    (tmp_path / "json").symlink_to(SCHEMAS / "json")
    documents = {"right": DOCUMENT} | WRONG
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    node = program("node", "apt-get install nodejs")
    done = subprocess.run(
        [node, "parse.js", *(f"{name}.json" for name in documents)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    said = dict(zip(documents, json.loads(done.stdout), strict=True))
    assert said["right"]["remarks"] == []
    assert sorted(said["right"]["titles"]) == sorted(message["name"] for message in MESSAGES.values())
    assert [name for name in WRONG if not said[name]["remarks"]] == []
