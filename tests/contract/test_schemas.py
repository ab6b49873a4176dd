"""JSON Schemas match the event types, examples are valid under both, released versions stay compatible."""

import copy
import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from generators import event_schemas as schema
from generators.__main__ import main
from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.case_activity import ActivityKind
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS, RedactedRecord
from streams.contract.events.detector_feedback import DetectorFeedback
from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import OutcomeDecision, OutcomeGround, OutcomeSubject
from streams.contract.events.dead_letter import ReportRefusal
from streams.contract.events.report import MessageReport
from streams.contract.events.reporter_notice import ReporterNotice
from streams.contract.events.reporter_notice import StandingNotice
from streams.contract.events.rules.rule_trial import RuleTrialCount
from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.forms.reporter_history import REPORTER_HEADER
from streams.contract.wire.forms.reporter_standing_decoding import decode_reporter_standing
from streams.contract.wire.origin import Origin
from streams.contract.wire.personal_data import names_a_person
from streams.contract.wire.reading import MAX_EVENT_BYTES
from streams.contract.wire.topics import MESSAGE_REPORTS, REPORTERS_INTERNAL
from streams.deciding.clocks.clock import Clock
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.legal_clocks import apply_clock_outcome
from streams.deciding.partition.admission.newcomers import Newcomers
from streams.deciding.partition.settings import DEFAULTS
from streams.deciding.reporters.counters import ReporterCounters
from streams.deciding.reporters.decide_standing import handle_standing
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.state import ReporterState
from streams.deciding.reports.claims import check_claims
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.escalation.clock_events import publish_change
from streams.deciding.reports.escalation.transitions import serve_due
from streams.deciding.reports.outcomes import apply_outcome
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.judge import judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.loader import load_rules
from streams.registry.sources import load_sources
from streams.running.topics.topic_catalogue import SCHEMAS, load_catalogue
from tests.contract.examples import example, example_files, name_of
from tests.contract.schema_compatibility import Incompatibility, Refusal, refusals
from tests.readers import decode_case_activity, decode_moderation_outcome, decode_report, decode_request
from tests.report_strategies import APPEND_TIME_MS, Record, refs, reports

COMMITTED = {path.name: json.loads(path.read_text()) for path in (SCHEMAS / "json").glob("*.json")}
RELEASED = {path.name: json.loads(path.read_text()) for path in (SCHEMAS / "released").glob("*.json")}
VERSIONS = {
    version.file.removeprefix("json/"): version for t in load_catalogue().values() for version in t.schemas
}
REPORT = COMMITTED["report.v1.json"]


def validator(name):
    return Draft202012Validator(COMMITTED[name])


def test_committed_schemas_match_the_types():
    assert main(["--check", "event_schemas"]) == 0
    assert json.loads(json.dumps(schema.schemas())) == COMMITTED


def test_check_names_a_file_that_differs(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(schema, "FOLDER", tmp_path)
    assert main(["event_schemas"]) == 0
    assert main(["--check", "event_schemas"]) == 0
    (tmp_path / "tick.v1.json").write_text("{}")
    (tmp_path / "left-over.v1.json").write_text("{}")
    assert main(["--check", "event_schemas"]) == 1
    named = capsys.readouterr().err
    assert "tick.v1.json" in named
    assert "left-over.v1.json" in named
    assert "report.v1.json" not in named


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_every_schema_is_valid(name):
    Draft202012Validator.check_schema(COMMITTED[name])


def objects(node):
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for item in node.values():
            yield from objects(item)
    elif isinstance(node, list):
        for item in node:
            yield from objects(item)


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_input_schemas_are_open_and_output_schemas_are_closed(name):
    inbound = VERSIONS[name].compatibility == "backward"
    content = {node.get("additionalProperties", True) for node in objects(COMMITTED[name])}
    assert content == ({True} if inbound else {False})


@settings(max_examples=100)
@given(reports)
def test_a_valid_report_is_valid_under_the_schema(report):
    validator("report.v1.json").validate(json.loads(encode(report)))


VALID_REPORT = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-09-21T13:33:20Z",
    "received_at": "2026-09-21T13:33:20Z",
    "channel": {"ref": "mfrggzdfmz", "visibility": "public", "country": "DE", "language": "de"},
    "category": "fraud",
    "message_ref": "m-1",
    "reporter": {"kind": "user", "ref": "x", "country": "UK", "member": True, "account_age": "over_1y"},
    "classifier": {"name": "n", "version": "1", "score": 0.5},
    "evidence": [{"country": "FR", "basis": "victim", "confidence": 1}],
    "notice": {"elements": ["contact"], "declares": ["against_a_woman"]},
}


def places(node, path=()):
    for name, item in node.items():
        yield (*path, name)
        if isinstance(item, dict):
            yield from places(item, (*path, name))


# Without times: a schema can only say `date-time`, which validators may ignore.
PLACES = sorted(place for place in places(VALID_REPORT) if not place[-1].endswith("_at"))
near_refs = (
    st.text("0123456789-.", min_size=1, max_size=20)
    | st.from_regex(r"(tel:)?(00)?[0-9]{5,17}", fullmatch=True)
    | refs
    | st.text(max_size=4)
    | st.sampled_from(
        ["a\n", "x" * 128, "x" * 129, "de", "de-DE", "DE", "XK", "csam", "1" * 7, "TEL:1234567"]
    )
)
damage = near_refs | st.none() | st.booleans() | st.integers(-2, 2) | st.just(...) | st.just([]) | st.just({})


@settings(max_examples=700)
@given(st.sampled_from(PLACES), damage)
def test_schema_and_decoder_accept_the_same_reports(place, value):
    document = copy.deepcopy(VALID_REPORT)
    target = document
    for name in place[:-1]:
        target = target[name]
    if value is ...:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    valid = validator("report.v1.json").is_valid(document)
    try:
        decode_report(json.dumps(document).encode(), (), APPEND_TIME_MS)
    except Rejected:
        # No pattern can tell all numbers of telephones, cards and accounts.
        assert not valid or names_a_person(value)
    else:
        assert valid


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_the_schema_is_compatible_with_the_released_one(name):
    if VERSIONS[name].compatibility == "backward":
        assert refusals(writer=RELEASED[name], reader=COMMITTED[name]) == []
    else:
        found = refusals(writer=COMMITTED[name], reader=RELEASED[name])
        # The one list that may grow: schemas/README.md.
        assert [each for each in found if not _is_new_category(each)] == []


def _is_new_category(refusal):
    name = refusal.path.rpartition(".")[2].removesuffix("[]")
    return name in ("category", "categories") and refusal.what == Incompatibility.ENUM_NARROWED


def test_every_released_schema_is_still_there():
    """A new one is released with the next version."""
    assert RELEASED.keys() <= COMMITTED.keys() == VERSIONS.keys()


def changed(path, value):
    """The report's schema with `value` at the path; Ellipsis removes it."""
    document = copy.deepcopy(REPORT)
    *parents, last = path
    target = document
    for name in parents:
        target = target[name]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return document


EVIDENCE = ("$defs", "Evidence", "properties")
CHANGES = [
    # path, value, refusals of the old reader with the new writer, refusals of the new reader with the old
    # writer
    (("properties", "extra"), {"type": "string"}, [], []),
    (("properties", "message_ref"), ..., [], []),
    (("required",), [*REPORT["required"], "message_ref"], [], [Refusal("$.message_ref", Incompatibility.REQUIRED_ADDED)]),
    (("required",), REPORT["required"][1:], [Refusal("$.report_id", Incompatibility.REQUIRED_ADDED)], []),
    (
        ("$defs", "Category", "enum"),
        [*REPORT["$defs"]["Category"]["enum"], "new"],
        [Refusal("$.category", Incompatibility.ENUM_NARROWED)],
        [],
    ),
    (
        ("$defs", "Category", "enum"),
        REPORT["$defs"]["Category"]["enum"][1:],
        [],
        [Refusal("$.category", Incompatibility.ENUM_NARROWED)],
    ),
    (
        ("properties", "kind"),
        {"type": "string"},
        [Refusal("$.kind", Incompatibility.ENUM_NARROWED)],
        [],
    ),
    (("properties", "evidence", "maxItems"), 64, [Refusal("$.evidence", Incompatibility.BOUND_TIGHTENED)], []),
    (("properties", "evidence", "maxItems"), ..., [Refusal("$.evidence", Incompatibility.BOUND_TIGHTENED)], []),
    (("properties", "evidence", "minItems"), 1, [], [Refusal("$.evidence", Incompatibility.BOUND_TIGHTENED)]),
    (
        (*EVIDENCE, "confidence", "maximum"),
        0.5,
        [],
        [Refusal("$.evidence[].confidence", Incompatibility.BOUND_TIGHTENED)],
    ),
    (
        (*EVIDENCE, "confidence", "type"),
        "integer",
        [],
        [Refusal("$.evidence[].confidence", Incompatibility.TYPE_NARROWED)],
    ),
    (
        ("properties", "category"),
        {"anyOf": [{"$ref": "#/$defs/Category"}, {"type": "null"}]},
        [Refusal("$.category", Incompatibility.TYPE_NARROWED)],
        [],
    ),
    (
        ("$defs", "LanguageTag", "pattern"),
        "^[a-z]{2}$",
        [Refusal("$.channel.language", Incompatibility.PATTERN_CHANGED)],
        [Refusal("$.channel.language", Incompatibility.PATTERN_CHANGED)],
    ),
    (
        ("additionalProperties",),
        {"type": "string"},
        [],
        [Refusal("$.*", Incompatibility.CONTENT_NARROWED)],
    ),
    (("description",), "other words", [], []),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "forward", "backward"), CHANGES)
def test_a_change_is_compared_in_both_directions(path, value, forward, backward):
    new = changed(path, value)
    assert refusals(writer=new, reader=REPORT) == forward
    assert refusals(writer=REPORT, reader=new) == backward


def test_a_keyword_that_is_not_compared_raises():
    with pytest.raises(AssertionError, match="not compared"):
        refusals(writer=changed(("properties", "kind"), {"const": "x"}), reader=REPORT)


@pytest.mark.parametrize(
    "path", [path for topic in ("message-reports", "message-reports-internal/v1") for path in example_files(topic)], ids=name_of
)  # fmt: skip
def test_an_example_of_a_report_is_valid(path):
    record = example(path)
    report = decode_report(record.value, record.headers, APPEND_TIME_MS + 10**6).event
    validator("report.v1.json").validate(json.loads(encode(report)))
    if "specversion" not in record.document:
        validator("report.v1.json").validate(record.document)


@pytest.mark.parametrize(
    "path",
    [
        path
        for topic in ("clock-outcomes", "message-reports-internal/outcome-v1")
        for path in example_files(topic)
    ],
    ids=name_of,
)
def test_an_example_of_an_outcome_is_valid(path):
    record = example(path)
    outcome = decode_clock_outcome(record.value, record.headers, APPEND_TIME_MS + 10**10).event
    validator("clock-outcome.v1.json").validate(json.loads(encode(outcome)))


VALID_OUTCOME = {
    "outcome_id": "o-1",
    "clock_id": "dfcf50d4-a310-5397-bd24-11da982c70f4",
    "subject": "request",
    "key": "2026-4711",
    "outcome": "paused",
    "occurred_at": "2026-09-21T13:33:20Z",
    "reason": "clarification_awaited",
    "actor": "legal-7f3a",
}


@settings(max_examples=300)
@given(st.sampled_from(sorted(VALID_OUTCOME.keys() - {"occurred_at"})), damage)
def test_schema_and_decoder_accept_the_same_outcomes(name, value):
    # The subject is a request. For a report the key is a channel's ref, which must not be a telephone number
    # either.
    document = {**VALID_OUTCOME, name: value}
    if value is ...:
        del document[name]
    valid = validator("clock-outcome.v1.json").is_valid(document)
    try:
        decode_clock_outcome(json.dumps(document).encode(), (), APPEND_TIME_MS)
    except Rejected:
        assert not valid or names_a_person(value, counter=name != "actor")
    else:
        assert valid


@pytest.mark.parametrize("path", example_files("moderation-outcomes"), ids=name_of)
def test_an_example_of_a_moderation_outcome_is_valid(path):
    record = example(path)
    outcome = decode_moderation_outcome(record.value, record.headers, APPEND_TIME_MS + 10**10).event
    validator("moderation-outcome.v1.json").validate(json.loads(encode(outcome)))


@pytest.mark.parametrize("path", example_files("reporter-standing"), ids=name_of)
def test_an_example_of_a_decision_about_a_reporter_is_valid(path):
    record = example(path)
    standing = decode_reporter_standing(record.value, record.headers, APPEND_TIME_MS + 10**10).event
    validator("reporter-standing.v1.json").validate(json.loads(encode(standing)))
    assert standing.state in path.stem


def test_examples_of_moderation_outcomes_show_every_subject_ground_and_decision():
    shown = [
        decode_moderation_outcome(record.value, record.headers, APPEND_TIME_MS + 10**10).event
        for record in map(example, example_files("moderation-outcomes"))
    ]
    assert {type(outcome.subject) for outcome in shown} == set(get_args(OutcomeSubject))
    assert {type(outcome.ground) for outcome in shown} == set(get_args(OutcomeGround))
    assert {outcome.decision for outcome in shown} == set(get_args(OutcomeDecision))


@pytest.mark.parametrize("path", example_files("case-activity"), ids=name_of)
def test_an_example_of_an_act_on_a_case_is_valid(path):
    record = example(path)
    act = decode_case_activity(record.value, record.headers, APPEND_TIME_MS + 10**10).event
    validator("case-activity.v1.json").validate(record.document)
    assert json.loads(encode(act)) == record.document
    assert act.kind == path.stem.removeprefix("request-").removeprefix("integrity-").replace("-", "_")
    assert (act.request_id is not None) == path.stem.startswith("request-")
    assert (act.integrity_case_id is not None) == path.stem.startswith("integrity-")
    assert record.key == act.key


def test_examples_of_case_activity_show_every_kind():
    shown = {example(path).document["kind"] for path in example_files("case-activity")}
    assert shown == set(get_args(ActivityKind))


OUTPUTS = {
    "enriched-reports": EnrichedReport,
    "escalations": Escalation,
    "escalations-shadow": Escalation,
    "authority-routing": AuthorityRouting,
    "reporter-notices": ReporterNotice,
    "detector-feedback": DetectorFeedback,
    "refusals": ReportRefusal,
    "rule-trials": RuleTrialCount,
}
# By folder, of topics with several events.
OTHER_OUTPUTS = {"standing-v1": StandingNotice}


@pytest.mark.parametrize("path", [path for topic in OUTPUTS for path in example_files(topic)], ids=name_of)
def test_an_example_of_an_output_survives_a_round_trip(path):
    record = example(path)
    topic = load_catalogue()[path.parts[-3]]
    folder = path.parent.name
    event = msgspec.json.decode(record.value, type=OTHER_OUTPUTS.get(folder, OUTPUTS[topic.name]))
    assert json.loads(encode(event)) == record.document
    (schema,) = [one for one in topic.schemas if one.examples.endswith(f"/{folder}")]
    validator(schema.file.removeprefix("json/")).validate(record.document)
    assert dict(record.headers)["ce_type"].decode() in topic.event.type.split(", or ")


@pytest.mark.parametrize("path", example_files("authority-requests"), ids=name_of)
def test_an_example_of_a_request_is_valid(path):
    record = example(path)
    request = decode_request(record.value, record.headers, APPEND_TIME_MS + 10**10).event
    assert isinstance(request, AuthorityRequest)
    validator("authority-request.v1.json").validate(record.document)


@pytest.mark.parametrize("name", ["production-order-notified", "production-order-not-said"])
def test_an_example_of_a_wait_is_what_its_request_leads_to(name):
    asked, answered = (
        example(SCHEMAS / "examples" / topic / "v1" / f"{name}.json")
        for topic in ("authority-requests", "authority-routing")
    )
    request, _, received = decode_request(asked.value, asked.headers, APPEND_TIME_MS + 10**10)
    judged = judge_request(request, received, compile_request_rules(load_rules()))
    shown = msgspec.json.decode(answered.value, type=AuthorityRouting)
    assert shown.not_before == judged.not_before
    assert shown.findings.obligations == judged.findings.obligations
    assert [clock.not_before for clock in shown.clocks if clock.not_before] == [judged.not_before]
    assert f"do not send them before {judged.not_before}" in shown.recipients[0].reason


def test_examples_of_escalations_show_every_type_and_reason():
    shown = {
        (d["type"], d["reason"]) for d in (example(path).document for path in example_files("escalations"))
    }
    assert shown == {
        ("opened", "threshold_crossed"),
        ("updated", "level_raised"),
        ("resolved", "cleared"),
        ("resolved", "policy_changed"),
        ("opened", "clock_armed"),
        ("updated", "clock_half"),
        ("updated", "clock_nine_tenths"),
        ("updated", "clock_lapsed"),
        ("updated", "clock_paused"),
        ("updated", "clock_resumed"),
        ("resolved", "clock_fulfilled"),
        ("resolved", "clock_withdrawn"),
    }
    modes = {example(path).document["mode"] for path in example_files("escalations-shadow")}
    assert modes == {"shadow"}


def refuse_outcome(value, headers, append_time_ms):
    """Apply an outcome to a state with one open clock that must not be paused."""
    decoded = decode_clock_outcome(value, headers, append_time_ms)
    rules = compile_report_rules(load_rules())
    state = ReportState(0, 1, rules)
    if decoded.event.outcome == "paused":
        started = decoded.time_ms
        clock = Clock(started=started, length=1_000, pausable_for=(), terms=False, since=started)
        state.put_clock(ClockKey(decoded.event.key, decoded.event.clock_id), LegalClock(clock, "row", 1, b""))
    batch = Batch(state, rules, ReportCounters(), serve_due)
    apply_clock_outcome(batch, Origin("clock-outcomes", 0, 0, append_time_ms), decoded, publish_change)


def refuse_moderation_outcome(value, headers, append_time_ms):
    """Apply an outcome to a state that knows no report."""
    rules = compile_report_rules(load_rules())
    batch = Batch(ReportState(0, 1, rules), rules, ReportCounters(), serve_due)
    decoded = decode_moderation_outcome(value, headers, append_time_ms)
    origin = Origin("moderation-outcomes", 0, 0, append_time_ms)
    apply_outcome(batch, decoded.event.subject.channel_ref.encode(), origin, decoded)


def refuse_standing(value, headers, append_time_ms):
    """Apply a decision about a reporter of whom nothing is known."""
    rules = compile_reporter_rules(load_rules())
    home = Record(
        REPORTERS_INTERNAL, 0, 0, append_time_ms, None, value, [*headers, (REPORTER_HEADER, b"0" * 16)]
    )
    batch = Batch(ReporterState(0, 1, rules), rules, ReporterCounters(), serve_due)
    handle_standing(batch, home, Origin("reporter-standing", 1, 9, append_time_ms))


def refuse_report(value, headers, append_time_ms):
    """Read a report of `message-reports` whose publisher has brought as many channels as it may."""
    decoded = decode_report(value, headers, append_time_ms)
    check_claims(load_sources(), MESSAGE_REPORTS, decoded.event, decoded.ce_source)
    newcomers = Newcomers(DEFAULTS)
    while True:
        newcomers.admit("channels", MESSAGE_REPORTS, decoded.ce_source, decoded.time_ms)


def dead_letter_examples():
    return [pytest.param(path, id=path.stem) for path in example_files("dead-letters")]


@pytest.mark.parametrize("path", dead_letter_examples())
def test_an_example_of_a_dead_letter_is_what_its_original_leads_to(path):
    record = example(path)
    headers = dict(record.headers)
    if headers["tocsin-reason"] == b"skipped":
        # Not for what is in the record: an operator decided it.
        return
    if headers["tocsin-reason"] in (b"pii_detected", b"bad_batch"):
        validator("redacted-dead-letter.v1.json").validate(record.document)
        assert encode(msgspec.json.decode(record.value, type=RedactedRecord)) == record.value
        return
    original = [(name, value) for name, value in record.headers if not name.startswith("tocsin-")]
    append_time_ms = int(headers["tocsin-timestamp"])
    refuse = {
        b"clock-outcomes": refuse_outcome,
        b"moderation-outcomes": refuse_moderation_outcome,
        b"reporter-standing": refuse_standing,
    }.get(headers["tocsin-topic"], refuse_report)
    with pytest.raises(Rejected) as caught:
        refuse(record.value, original, append_time_ms)
    attempt = int(headers["tocsin-attempt"])
    carried = original + ([("tocsin-attempt", b"%d" % (attempt - 1))] if attempt > 1 else [])
    source = Record(
        topic=headers["tocsin-topic"].decode(),
        partition=int(headers["tocsin-partition"]),
        offset=int(headers["tocsin-offset"]),
        timestamp=append_time_ms,
        key=record.key.encode(),
        value=record.value,
        headers=carried,
    )
    assert list(dead_letter(source, caught.value).headers) == record.headers


def test_every_reason_has_an_example():
    shown = {dict(example(path).headers)["tocsin-reason"].decode() for path in example_files("dead-letters")}
    # An example of more than 64 KiB would help no reader.
    assert set(DEAD_LETTER_REASONS) - shown == {"oversized"}


def test_the_largest_report_that_the_schema_allows_is_far_below_the_limit():
    longest = "x" * 128
    largest = {
        **VALID_REPORT,
        "report_id": longest,
        "message_ref": longest,
        "channel": {**VALID_REPORT["channel"], "ref": longest, "language": "abc-" + "-".join(["x" * 8] * 4)},
        "reporter": {**VALID_REPORT["reporter"], "ref": longest},
        "classifier": {"name": longest, "version": longest, "score": 0.12345678901234567},
        "evidence": [{"country": "DE", "basis": "authority", "confidence": 0.12345678901234567}] * 32,
        "notice": {"elements": ["subject_or_authorised"] * 16},
    }
    value = json.dumps(largest).encode()
    assert msgspec.json.decode(value, type=MessageReport)
    assert len(value) < 8 * 1024 < MAX_EVENT_BYTES
