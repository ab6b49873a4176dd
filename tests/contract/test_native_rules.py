"""The documents in which the native core is handed the rules have the form of their schemas, and the extension
refuses every other form by the name of the field.
"""

import base64
import json
import random
import struct
from math import isfinite
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from generators.__main__ import main
from streams.contract.wire.encoding import encode
from streams.deciding.partition.hash_key import LONGEST_KEY, HashKeys, hash_key
from streams.deciding.reporters.native.home_rules import reporter_home_rules
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reports.native.gate_rules import gate_rules
from streams.deciding.reports.native.home_rules import channel_home_rules
from streams.deciding.reports.native.risk_table import CategoryRisk, CohortRisk, RiskTable
from streams.deciding.reports.rules import compile_report_rules
from streams.registry.loader import load_rules
from tests.tools import native_core
from tests.unit.traffic import report

tocsin_native = native_core()

SCHEMAS = Path(__file__).parents[2] / "native" / "schemas"
# Of letters, which are the same in a repr.
KEY, EARLIER = b"current" * 5, b"earlier" * 5
SHIPPED = load_rules()
RULES = compile_report_rules(SHIPPED, hash_keys=HashKeys(hash_key(KEY), hash_key(EARLIER)))
RULES_OF_REPORTERS = compile_reporter_rules(SHIPPED, hash_key=hash_key(KEY))
STRUCTS = {
    "gate-rules.json": gate_rules(RULES),
    "channel-home-rules.json": channel_home_rules(RULES),
    "reporter-home-rules.json": reporter_home_rules(RULES_OF_REPORTERS),
}
DOCUMENTS = {name: json.loads(encode(document)) for name, document in STRUCTS.items()}
READERS = {
    "gate-rules.json": lambda document: tocsin_native.Gate(document, source_of=str),
    "channel-home-rules.json": lambda document: tocsin_native.ChannelHome(
        document, find_law=str, finding_of=str, open_episode=str
    ),
    "reporter-home-rules.json": lambda document: tocsin_native.ReporterHome(document, known_of=str),
}


def schema_of(name):
    return json.loads((SCHEMAS / name).read_text())


def test_the_schemas_match_the_types():
    assert main(["--check", "native_schemas"]) == 0
    assert {path.name for path in SCHEMAS.iterdir()} == DOCUMENTS.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_shipped_rules_are_valid_and_read(name):
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(DOCUMENTS[name])
    READERS[name](encode(STRUCTS[name]))


def places_in(node, place=()):
    """The place of each field and item."""
    named = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, item in named:
        yield (*place, name), item
        yield from places_in(item, (*place, name))


def few(document):
    """The document with the first cohorts alone: each is read once for each of the changes."""
    document = json.loads(json.dumps(document))
    if "risk" in document:
        del document["risk"]["categories"][1:]
        del document["risk"]["categories"][0]["cohorts"][40:]
    return document


FEW = {name: few(document) for name, document in DOCUMENTS.items()}


def shape_of(place):
    return tuple(0 if isinstance(step, int) else step for step in place)


def one_of_each(name):
    """A place of each shape, with a value if any of them has one."""
    found = {}
    for place, item in places_in(FEW[name]):
        if found.get(shape_of(place), (None, None))[1] is None:
            found[shape_of(place)] = place, item
    return [place for place, _ in found.values()]


PLACES = [
    pytest.param(name, place, id=f"{name}:{'.'.join(map(str, place))}")
    for name in DOCUMENTS
    for place in one_of_each(name)
]
VALUES = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 1.5,
    "string": "other",
    "array": [],
    "object": {},
}


def test_every_field_of_the_schemas_is_there():
    for name in DOCUMENTS:
        schema = schema_of(name)
        described = {field for node in (schema, *schema["$defs"].values()) for field in node["properties"]}
        assert described == {place[-1] for place in one_of_each(name) if isinstance(place[-1], str)}


def kinds_of(node, root):
    """The types that a schema allows, and the schemas of what is in it."""
    nodes = node.get("anyOf", [node])
    nodes = [root["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in nodes]
    types = set()
    for one in nodes:
        enumerated = {"null" if value is None else "string" for value in one.get("enum", ())}
        types |= {one["type"]} if "type" in one else enumerated
    return types, nodes


def types_at(name, place):
    root = schema_of(name)
    types, nodes = kinds_of(root, root)
    for step in place:
        (node,) = (one for one in nodes if one.get("type") in ("object", "array"))
        types, nodes = kinds_of(node["items"] if isinstance(step, int) else node["properties"][step], root)
    return types | ({"integer"} if "number" in types else set())


def within(document, place):
    for step in place:
        document = document[step]
    return document


def refusal_of(name, document):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        READERS[name](json.dumps(document).encode())
    return str(refused.value)


def field_of(place):
    return [step for step in place if isinstance(step, str)][-1]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_field_of_another_type_is_refused(name, place):
    allowed = types_at(name, place)
    assert allowed
    for kind in VALUES.keys() - allowed:
        document = few(FEW[name])
        within(document, place[:-1])[place[-1]] = VALUES[kind]
        assert field_of(place) in refusal_of(name, document)


@pytest.mark.parametrize(("name", "place"), [one for one in PLACES if isinstance(one.values[1][-1], str)])
def test_a_missing_field_is_refused(name, place):
    document = few(FEW[name])
    del within(document, place[:-1])[place[-1]]
    assert f"missing field `{place[-1]}`" in refusal_of(name, document)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_unknown_field_is_refused(name):
    objects = [(), *(place for place in one_of_each(name) if isinstance(within(FEW[name], place), dict))]
    for place in objects:
        document = few(FEW[name])
        within(document, place)["another"] = 1
        assert "unknown field `another`" in refusal_of(name, document), place


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_no_document_is_refused(name):
    for document in (b"", b"{", encode(STRUCTS[name]) + b"{}", b"[]", b"\xff"):
        with pytest.raises(ValueError, match="the rules"):
            READERS[name](document)


@pytest.mark.parametrize(
    ("name", "place", "value", "lacking"),
    [
        ("gate-rules.json", ("vocabulary", "reporters"), ["user"], "`vocabulary` lacks"),
        ("gate-rules.json", ("vocabulary", "kinds"), ["user_report"], "`vocabulary` lacks"),
        ("channel-home-rules.json", ("categories",), [], "`categories` lacks"),
        ("channel-home-rules.json", ("reporters",), [], "`reporters` lacks anonymous"),
        ("channel-home-rules.json", ("roles",), [], "`roles` lacks user_report by user"),
        ("channel-home-rules.json", ("enriched", "headers"), [], "`headers` lacks ce_id"),
        ("channel-home-rules.json", ("plans", 0, "windows"), [], "lacks its `window`"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(name, place, value, lacking):
    document = few(FEW[name])
    within(document, place[:-1])[place[-1]] = value
    assert lacking in refusal_of(name, document)


def test_a_topic_without_rights_is_refused():
    gate = tocsin_native.Gate(encode(STRUCTS["gate-rules.json"]), source_of=lambda topic: f"no-{topic}")
    with pytest.raises(ValueError, match="the rules: `sources` lacks no-message-reports"):
        gate.read([report(1, 0)], 0, (0, 1), None)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_message_says_a_secret(name):
    secret = base64.b64encode(KEY).decode()
    too_long = base64.b64encode(KEY[:1] * (LONGEST_KEY + 1)).decode()
    for damaged in (
        secret,
        [secret],
        {"another": secret, "base64": secret},
        {"base64": secret[:-1]},
        {"base64": f"{secret}!"},
        {"base64": [secret]},
        {"base64": {"base64": secret}},
        {"base64": too_long},
    ):
        document = few(FEW[name])
        document["hash_key"] = damaged
        message = refusal_of(name, document)
        assert "hash_key" in message
        assert secret[:8] not in message
        assert too_long[:8] not in message
    assert KEY.decode() not in repr(STRUCTS[name])
    assert EARLIER.decode() not in repr(STRUCTS[name])


def any_float(chance):
    while True:
        (number,) = struct.unpack("<d", chance.randbytes(8))
        if isfinite(number):
            return number


def test_floats_arrive_to_the_bit():
    chance = random.Random(1)
    categories = [
        CategoryRisk(
            category=f"category-{number}",
            severity=any_float(chance),
            prior=any_float(chance),
            prior_odds=any_float(chance),
            cohorts=[
                CohortRisk(
                    reporter="user",
                    member=member,
                    account_age=None,
                    **{field: any_float(chance) for field in ("odds", "score", "probability")},
                    **{
                        field: any_float(chance)
                        for field in ("reporter_weight", "full_weight", "most_weight")
                    },
                )
                for member in (None, True, False)
            ],
        )
        for number in range(200)
    ]
    table = RiskTable(classifier_limit=1.0, reporter_limit=1.0, categories=categories)
    questions = [
        (of.category, one.reporter, one.member, None, 1.0, None) for of in categories for one in of.cohorts
    ]
    expected = [
        (of.severity, of.prior, one.score, one.probability, one.reporter_weight)
        for of in categories
        for one in of.cohorts
    ]
    found = []
    for text, _ in tocsin_native.score_reports(encode(table), questions):
        risk = msgspec.json.decode(text)
        shown = risk["components"]
        found.append(
            (shown["severity"], shown["prior"], risk["score"], shown["probability"], shown["reporter_weight"])
        )
    # Of floats, repr compares all bits.
    assert repr(found) == repr(expected)
