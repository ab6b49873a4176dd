"""Outcomes of desks, acts on cases and notices to reporters: what is read, refused and why, and written."""

import json
import uuid
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contract.events.moderation_outcome import LawGround, ReportSubject
from streams.contract.events.outcome_reason import (
    DISMISSAL_REASONS,
    UNFOUNDED_REASONS,
    VIOLATION_REASONS,
    OutcomeReason,
)
from streams.contract.events.reporter_notice import NoticeOutcome, ReporterNotice
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.case_activity_decoding import VALID_IN_ACTIVITY
from streams.contract.wire.forms.moderation_outcome_decoding import REASONS, VALID_IN_OUTCOME
from streams.contract.wire.forms.reporter_notice import encode_reporter_notice
from streams.contract.wire.ids import stable_id
from streams.contract.wire.personal_data import names_a_person
from streams.contract.wire.reading import MAX_AHEAD_MS
from streams.registry.loader import load_rules
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.readers import decode_case_activity, decode_moderation_outcome
from tests.report_strategies import APPEND_TIME_MS, case_activities, moderation_outcomes

NOON = 1_790_164_800_000  # 2026-09-23T12:00:00Z

LAW = {"kind": "law", "duty": "EU.dsa.art16-5", "jurisdiction": "DE"}
MESSAGE = {"kind": "message", "channel_ref": "channel-a", "message_ref": "message-a"}
REPORT = {"kind": "report", "channel_ref": "channel-a", "report_id": "4711", "ce_source": "/platform/web"}
ESCALATION = {"kind": "escalation", "channel_ref": "channel-a", "escalation_id": "e-1"}
OUTCOME = {
    "outcome_id": "o-1",
    "subject": MESSAGE,
    "decision": "upheld",
    "category": "fraud",
    "ground": LAW,
    "reason": "phishing",
    "decided_at": "2026-09-23T12:00:00Z",
    "reviewer": {"ref": "desk-a", "role": "desk"},
    "confidence": "one_reviewer",
}
FULL = {
    **OUTCOME,
    "action": {"visibility": "removed", "account": "suspended"},
    "supersedes": "o-0",
    "sampled": 0.02,
}
PROPOSAL = {
    "decision": "upheld",
    "category": "fraud",
    "ground": LAW,
    "reason": "phishing",
    "action": {"visibility": "removed", "account": "suspended"},
}
ACT = {
    "activity_id": "a-1",
    "escalation_id": "e-1",
    "channel_ref": "channel-a",
    "kind": "claimed",
    "actor": {"ref": "desk-a", "role": "desk"},
    "at": "2026-09-23T12:00:00Z",
    "expected_version": 0,
}


def outcome(**changes):
    return json.dumps({**FULL, **changes}).encode()


def act(**changes):
    return json.dumps({**ACT, **changes}).encode()


def refusal(decode, value, now=NOON):
    with pytest.raises(Rejected) as caught:
        decode(value, (), now)
    return caught.value


@pytest.mark.parametrize("subject", [MESSAGE, REPORT, ESCALATION], ids=lambda subject: subject["kind"])
def test_every_subject_is_read_back(subject):
    decoded = decode_moderation_outcome(outcome(subject=subject), (), NOON)
    assert json.loads(msgspec.json.encode(decoded.event)) == {**FULL, "subject": subject}
    assert decoded.time_ms == NOON


@given(moderation_outcomes() | case_activities())
def test_every_valid_decision_and_act_is_read_back(event):
    decode = decode_case_activity if hasattr(event, "activity_id") else decode_moderation_outcome
    assert decode(msgspec.json.encode(event), (), APPEND_TIME_MS).event == event


def test_a_report_without_an_envelope_has_an_empty_source():
    subject = {name: value for name, value in REPORT.items() if name != "ce_source"}
    read = decode_moderation_outcome(outcome(subject=subject), (), NOON).event.subject
    assert read == ReportSubject("channel-a", "4711", "")


NOT_UPHELD = {"decision": "dismissed", "reason": "not_a_violation", "action": None}


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"subject": {"kind": "message", "message_ref": "m"}}, "missing_field", "subject.channel_ref"),
        ({"subject": {"channel_ref": "c", "message_ref": "m"}}, "missing_field", "subject.kind"),
        ({"subject": {"kind": "message", "channel_ref": "c"}}, "missing_field", "subject.message_ref"),
        ({"subject": {"kind": "account", "channel_ref": "c"}}, "invalid_value", "subject.kind"),
        ({"subject": {**MESSAGE, "channel_ref": "0049-30-123456"}}, "pii_detected", "subject.channel_ref"),
        ({"subject": {**MESSAGE, "message_ref": "a@b.de"}}, "pii_detected", "subject.message_ref"),
        ({"subject": {**MESSAGE, "message_ref": "a b"}}, "invalid_value", "subject.message_ref"),
        ({"subject": {**REPORT, "ce_source": "mailto:a@b.de"}}, "pii_detected", "subject.ce_source"),
        ({"subject": {**REPORT, "ce_source": "x" * 2049}}, "invalid_value", "subject.ce_source"),
        ({"subject": {**REPORT, "report_id": "+4930123456"}}, "pii_detected", "subject.report_id"),
        ({"subject": {**ESCALATION, "escalation_id": ""}}, "invalid_value", "subject.escalation_id"),
        ({"decision": "overturned"}, "invalid_value", "decision"),
        ({"category": "rudeness"}, "unknown_category", "category"),
        ({"ground": {"kind": "law", "duty": "EU.dsa.art16-5"}}, "missing_field", "ground.jurisdiction"),
        ({"ground": {**LAW, "jurisdiction": "EU"}}, "invalid_country", "ground.jurisdiction"),
        ({"ground": {**LAW, "duty": "art. 16"}}, "invalid_value", "ground.duty"),
        ({"ground": {"kind": "terms", "rule": "see a@b.de"}}, "pii_detected", "ground.rule"),
        ({"ground": {"kind": "custom"}}, "invalid_value", "ground.kind"),
        ({"reason": "because"}, "invalid_value", "reason"),
        ({"reason": "not_a_violation"}, "invalid_value", "reason"),
        ({**NOT_UPHELD, "reason": "phishing"}, "invalid_value", "reason"),
        ({**NOT_UPHELD, "reason": "repeated"}, "invalid_value", "reason"),
        ({**NOT_UPHELD, "action": {"visibility": "removed"}}, "invalid_value", "action"),
        ({"action": {"visibility": "hidden"}}, "invalid_value", "action.visibility"),
        ({"action": {"account": "muted"}}, "invalid_value", "action.account"),
        ({"reviewer": {"ref": "+49 30 123456", "role": "desk"}}, "pii_detected", "reviewer.ref"),
        ({"reviewer": {"ref": "desk-a", "role": "read_only"}}, "invalid_value", "reviewer.role"),
        ({"reviewer": {"ref": "desk-a"}}, "missing_field", "reviewer.role"),
        ({"confidence": 1}, "wrong_type", "confidence"),
        ({"supersedes": "o-1"}, "invalid_value", "supersedes"),
        ({"supersedes": "a@b.de"}, "pii_detected", "supersedes"),
        ({"sampled": 0}, "invalid_value", "sampled"),
        ({"sampled": 1.5}, "invalid_value", "sampled"),
        ({"known_answer": "right"}, "invalid_value", "known_answer"),
        ({"known_answer": "upheld", "subject": ESCALATION}, "invalid_value", "subject.kind"),
        ({"known_answer": "upheld", "action": {"visibility": "removed"}}, "invalid_value", "action"),
        ({"known_answer": "upheld", "action": None}, "invalid_value", "supersedes"),
        ({"known_answer": "upheld", "action": None, "supersedes": None}, "invalid_value", "sampled"),
        ({"decided_at": "2026-09-23T12:00:00"}, "invalid_time", "decided_at"),
        ({"decided_at": "1969-12-31T23:59:59Z"}, "invalid_time", "decided_at"),
    ],
)  # fmt: skip
def test_a_refused_outcome_names_reason_and_field(changes, reason, field):
    rejected = refusal(decode_moderation_outcome, outcome(**changes))
    assert (rejected.reason, rejected.field) == (reason, field)


@pytest.mark.parametrize("name", ["outcome_id", "subject", "decision", "category", "ground", "reason", "decided_at", "reviewer", "confidence"])  # fmt: skip
def test_a_missing_field_of_an_outcome_is_named(name):
    document = {**OUTCOME}
    del document[name]
    rejected = refusal(decode_moderation_outcome, json.dumps(document).encode())
    assert (rejected.reason, rejected.field) == ("missing_field", name)


def test_an_outcome_from_the_future_is_refused():
    assert decode_moderation_outcome(outcome(), (), NOON - MAX_AHEAD_MS)
    rejected = refusal(decode_moderation_outcome, outcome(), NOON - MAX_AHEAD_MS - 1)
    assert (rejected.reason, rejected.field) == ("future_timestamp", "decided_at")


def test_a_reason_that_does_not_fit_says_which_ones_do():
    text = str(refusal(decode_moderation_outcome, outcome(decision="dismissed", action=None)))
    assert "not_a_violation, lawful_context" in text
    assert "as the decision is dismissed" in text


def test_an_outcome_refused_for_another_reason_is_not_kept_if_it_names_a_person():
    document = {**FULL, "decision": "overturned", "reviewer": {"ref": "a@b.de", "role": "desk"}}
    rejected = refusal(decode_moderation_outcome, json.dumps(document).encode())
    assert (rejected.reason, rejected.field) == ("pii_detected", "reviewer.ref")
    nested = {**ACT, "kind": "shouted", "proposed": {"ground": {"kind": "terms", "rule": "a@b.de"}}}
    rejected = refusal(decode_case_activity, json.dumps(nested).encode())
    assert (rejected.reason, rejected.field) == ("pii_detected", "proposed")


def test_every_reason_fits_exactly_one_decision():
    lists = [VIOLATION_REASONS, DISMISSAL_REASONS, UNFOUNDED_REASONS]
    assert sum(map(len, lists)) == len(set().union(*lists))
    assert set().union(*lists) == set(OutcomeReason.__args__)
    assert list(REASONS.values()) == lists


def test_the_reason_of_every_keyword_of_a_category_exists():
    keywords = {keyword for category in load_rules().categories.values() for keyword in category.dsa_keywords}
    assert keywords
    assert keywords <= {f"KEYWORD_{reason.upper()}" for reason in VIOLATION_REASONS}


SNOOZED = {"kind": "snoozed", "until": "2026-09-24T12:00:00Z"}
PROPOSED = {"kind": "outcome_proposed", "proposed": PROPOSAL}
CLOSING = {"clock_id": "4711", "subject": "report", "key": "k7f3", "outcome": "fulfilled"}
DECIDED_ALONE = {
    "kind": "decided",
    "proposed": {**PROPOSAL, "message_ref": "m7f3", "clocks": [CLOSING], "supersedes": "a7"},
}


ON_REQUEST = {
    **{name: value for name, value in ACT.items() if name not in ("escalation_id", "channel_ref")}, "request_id": "ar-1",
}  # fmt: skip
CLOSING_OF_REQUEST = {"clock_id": "4712", "subject": "request", "key": "ar-1", "outcome": "fulfilled"}
ANSWERED = {
    "kind": "decided", "proposed_answer": {"answer": "followed", "clocks": [CLOSING_OF_REQUEST], "supersedes": "a7"},
}  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{}, ANSWERED, {**ANSWERED, "kind": "outcome_proposed"}, {"kind": "proposal_signed"}, SNOOZED]
)
def test_an_act_on_a_request_is_read_back(changes):
    document = {**ON_REQUEST, **changes}
    act = decode_case_activity(json.dumps(document).encode(), (), NOON).event
    assert json.loads(msgspec.json.encode(act)) == document
    assert act.key == "ar-1"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"request_id": None}, "missing_field", "escalation_id"),
        ({"request_id": None, "escalation_id": "e-1"}, "missing_field", "channel_ref"),
        ({"request_id": None, "channel_ref": "c-1"}, "missing_field", "escalation_id"),
        ({"escalation_id": "e-1"}, "invalid_value", "escalation_id"),
        ({"channel_ref": "c-1"}, "invalid_value", "channel_ref"),
        ({"request_id": "a@b.de"}, "pii_detected", "request_id"),
        ({"request_id": "a b"}, "invalid_value", "request_id"),
        ({"kind": "decided"}, "missing_field", "proposed_answer"),
        ({"kind": "decided", "proposed": PROPOSAL}, "invalid_value", "proposed"),
        ({"kind": "noted", "note": "context_checked", **{"proposed_answer": ANSWERED["proposed_answer"]}}, "invalid_value", "proposed_answer"),
        ({"kind": "decided", "proposed_answer": {"answer": "shrugged"}}, "invalid_value", "proposed_answer.answer"),
        ({"kind": "decided", "proposed_answer": {"answer": "withdrawn", "clocks": [CLOSING_OF_REQUEST]}}, "invalid_value", "proposed_answer.clocks[0].outcome"),
        ({"kind": "decided", "proposed_answer": {"answer": "refused", "supersedes": "a b"}}, "invalid_value", "proposed_answer.supersedes"),
    ],
)  # fmt: skip
def test_a_refused_act_on_a_request_names_reason_and_field(changes, reason, field):
    document = {**ON_REQUEST, **changes}
    rejected = refusal(decode_case_activity, json.dumps(document).encode())
    assert (rejected.reason, rejected.field) == (reason, field)


def test_an_act_on_an_escalation_has_no_answer_to_a_request():
    rejected = refusal(
        decode_case_activity, act(**DECIDED_ALONE, proposed_answer=ANSWERED["proposed_answer"])
    )
    assert (rejected.reason, rejected.field) == ("invalid_value", "proposed_answer")


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"until": "2026-09-23T13:00:00Z"}, {"kind": "released"}, {"kind": "escalated"}, SNOOZED, PROPOSED,
        {"kind": "proposal_signed"}, {"kind": "proposal_declined"}, DECIDED_ALONE,
        {"kind": "noted", "note": "translation_needed"},
    ],
)  # fmt: skip
def test_an_act_is_read_back(changes):
    assert json.loads(msgspec.json.encode(decode_case_activity(act(**changes), (), NOON).event)) == {
        **ACT, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"kind": "snoozed"}, "missing_field", "until"),
        ({"kind": "noted"}, "missing_field", "note"),
        ({"kind": "outcome_proposed"}, "missing_field", "proposed"),
        ({"kind": "released", "until": "2026-09-24T12:00:00Z"}, "invalid_value", "until"),
        ({"note": "translation_needed"}, "invalid_value", "note"),
        ({"proposed": PROPOSAL}, "invalid_value", "proposed"),
        ({"kind": "noted", "note": "she is my neighbour"}, "invalid_value", "note"),
        ({"kind": "snoozed", "until": "2026-09-23T12:00:00Z"}, "invalid_time", "until"),
        ({"kind": "snoozed", "until": "0001-01-01T00:00:00+23:59"}, "invalid_time", "until"),
        ({"kind": "snoozed", "until": "tomorrow"}, "invalid_time", "until"),
        ({"kind": "outcome_proposed", "proposed": {**PROPOSAL, "reason": "repeated"}}, "invalid_value", "proposed.reason"),
        ({"kind": "outcome_proposed", "proposed": {**PROPOSAL, "category": "x"}}, "unknown_category", "proposed.category"),
        ({"kind": "outcome_proposed", "proposed": {**PROPOSAL, "ground": {**LAW, "duty": "a b"}}}, "invalid_value", "proposed.ground.duty"),
        ({"kind": "decided"}, "missing_field", "proposed"),
        ({"kind": "proposal_signed", "proposed": PROPOSAL}, "invalid_value", "proposed"),
        ({"kind": "decided", "proposed": {**PROPOSAL, "clocks": [{**CLOSING, "key": "0049-30-123456"}]}}, "pii_detected", "proposed.clocks[0].key"),
        ({"kind": "decided", "proposed": {**PROPOSAL, "clocks": [{**CLOSING, "outcome": "paused"}]}}, "invalid_value", "proposed.clocks[0].outcome"),
        ({"kind": "decided", "proposed": {**PROPOSAL, "clocks": [CLOSING] * 101}}, "invalid_value", "proposed.clocks"),
        ({"expected_version": -1}, "invalid_value", "expected_version"),
        ({"expected_version": True}, "wrong_type", "expected_version"),
        ({"activity_id": "a@b.de"}, "pii_detected", "activity_id"),
        ({"escalation_id": "a b"}, "invalid_value", "escalation_id"),
        ({"channel_ref": "0049-30-123456"}, "pii_detected", "channel_ref"),
        ({"actor": {"ref": "a@b.de", "role": "desk"}}, "pii_detected", "actor.ref"),
        ({"kind": "shouted"}, "invalid_value", "kind"),
        ({"at": "1969-12-31T23:59:59Z"}, "invalid_time", "at"),
    ],
)  # fmt: skip
def test_a_refused_act_names_reason_and_field(changes, reason, field):
    rejected = refusal(decode_case_activity, act(**changes))
    assert (rejected.reason, rejected.field) == (reason, field)


FORMS = {
    "moderation-outcome.v1.json": (decode_moderation_outcome, VALID_IN_OUTCOME, FULL),
    "case-activity.v1.json": (decode_case_activity, VALID_IN_ACTIVITY, {**ACT, **DECIDED_ALONE}),
    "case-activity.v1.json of a request": (
        decode_case_activity,
        VALID_IN_ACTIVITY,
        {**ON_REQUEST, **ANSWERED},
    ),
}
DAMAGE = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 2) | st.text(max_size=4) | st.just([])
    | st.just({}) | st.sampled_from(["x" * 128, "x" * 129, "a\n", "DE", "EU", "law", "1" * 7])
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_schema_and_decoder_agree_and_every_fault_has_words(file, data):
    decode, valid_in, document = FORMS[file]
    schema = Draft202012Validator(json.loads((SCHEMAS / "json" / file.split()[0]).read_text()))
    # Times, because a schema can only say date-time; what depends on other fields is beyond a schema.
    paths = [
        path
        for path in valid_in
        if path != "value"
        and not path.endswith(("at", "until"))
        and ("." not in path or path.partition(".")[0] in document)
    ]
    names = data.draw(st.sampled_from(sorted(paths))).split(".")
    value = data.draw(DAMAGE)
    document = json.loads(json.dumps(document))
    target = document
    for name in names[:-1]:
        target = target[name.removesuffix("[]")]
        target = target[0] if name.endswith("[]") else target
    last = names[-1].removesuffix("[]")
    target[last] = [value] if names[-1].endswith("[]") else value
    try:
        decode(json.dumps(document).encode(), (), NOON)
    except Rejected as rejected:
        case = {"escalation_id", "channel_ref", "request_id"}
        names_two = names[-1] == "integrity_case_id" and rejected.field in case
        of_act = {"kind", "note", "proposed", "proposed_answer", "action", *case}
        depends = {"reason", "holds_for_version", *of_act}
        assert (
            not schema.is_valid(document)
            or names[-1] in depends
            or names_two
            or (isinstance(value, str) and names_a_person(value))
            # To a JSON Schema, 0.0 is a whole number.
            or (isinstance(value, float) and value.is_integer())
        ), rejected
    else:
        assert schema.is_valid(document)


DECIDED = ReporterNotice(
    "4711", "/platform/web", "decided", date(2026, 9, 21),
    NoticeOutcome("dismissed", LawGround("EU.dsa.art16-5", "DE"), date(2027, 3, 21)),
)  # fmt: skip


def test_a_notice_has_the_keyed_hash_as_key_and_days_for_times():
    record = encode_reporter_notice(0x1F, "channel-a", "o-1", DECIDED)
    assert (record.topic, record.key, record.partition) == ("reporter-notices", b"000000000000001f", None)
    assert dict(record.headers)["ce_time"] == b"2026-09-21T00:00:00.000Z"
    value = json.loads(record.value)
    assert value["outcome"]["redress_until"] == "2027-03-21"
    assert (value["day"], set(value)) == (
        "2026-09-21", {"report_id", "ce_source", "state", "day", "outcome"},
    )  # fmt: skip


def test_ids_are_those_of_uuid5():
    namespace = uuid.UUID("5b4e1f0c-6d0f-5c0e-9a53-2f4c7d1f8a60")
    for number in range(200):
        assert stable_id("a", str(number)) == str(uuid.uuid5(namespace, f"a\0{number}"))


def test_notices_of_the_same_cause_have_the_same_id_and_others_another_one():
    def notice_id(reporter=1, channel="channel-a", outcome_id="o-1", **changes):
        notice = msgspec.structs.replace(DECIDED, **changes)
        return dict(encode_reporter_notice(reporter, channel, outcome_id, notice).headers)["ce_id"]

    assert notice_id() == notice_id(day=date(2026, 9, 22))
    others = [
        notice_id(reporter=2), notice_id(channel="b"), notice_id(outcome_id="o-2"), notice_id(report_id="4712"),
        notice_id(ce_source="/app"), notice_id(state="superseded"), notice_id(),
    ]  # fmt: skip
    assert len(set(others)) == 7
