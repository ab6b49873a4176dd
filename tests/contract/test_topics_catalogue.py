"""The topic catalogue matches the code and is consistent."""

import re

import pytest

from streams.contract.events.case_activity import CASE_ACTIVITY_TYPE
from streams.contract.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS, REMEDIES
from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.contract.events.escalation import ESCALATION_TYPE
from streams.contract.events.internal.tick import TICK_TYPE
from streams.contract.events.moderation_outcome import MODERATION_OUTCOME_TYPE
from streams.contract.events.dead_letter import REFUSAL_TYPE
from streams.contract.events.report import REPORT_TYPE
from streams.contract.events.detector_feedback import DETECTOR_FEEDBACK_TYPE
from streams.contract.events.reporter_notice import REPORTER_NOTICE_TYPE, STANDING_NOTICE_TYPE
from streams.contract.events.reporter_standing import REPORTER_STANDING_TYPE
from streams.contract.wire.reading import MAX_EVENT_BYTES
from streams.contract.wire.records import MAX_PASSED_ON_BYTES
from streams.contract.wire.topics import (
    AUTHORITY_STATE,
    CASE_ACTIVITY,
    CHANNEL_STATE,
    CLAIMS,
    CLOCK_OUTCOMES,
    DELIVERIES_SET_ASIDE,
    DESK_VIEWS,
    DETECTOR_FEEDBACK,
    INTAKE_POSITIONS,
    INTEGRITY_CASES,
    MESSAGE_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    MODERATION_OUTCOMES,
    REPORT_SOURCES,
    REPORTER_NOTICES,
    REPORTER_STANDING,
    REPORTER_STATE,
    REFUSALS,
    REPORTERS_INTERNAL,
    REVIEW_QUESTIONS,
    RULE_CHANGES,
    RULE_SETS,
    RULE_TRIALS,
    TRANSPARENCY_COUNTERS,
    WORKER_PROGRESS,
)
from streams.deciding.reports.stage import SOURCES
from streams.deciding.requests.stage import SOURCES as REQUEST_SOURCES
from streams.running.log.connection import BATCH_BYTES, MAX_REQUEST_BYTES
from streams.running.patches.unpacking import MAX_UNPACKED_BYTES
from streams.running.topics.topic_admin import topic_name
from streams.running.topics.topic_catalogue import MIN_INSYNC, SCHEMAS, load_catalogue
from streams.running.topics.topic_problems import (
    FoundTopic,
    Problem,
    refusal,
    setting_problems,
    shape_problems,
)
from tests.contract.examples import example_files

CATALOGUE = load_catalogue()
COMPACTED = {
    CHANNEL_STATE,
    AUTHORITY_STATE,
    REPORTER_STATE,
    TRANSPARENCY_COUNTERS,
    CLAIMS,
    DESK_VIEWS,
    INTAKE_POSITIONS,
    RULE_SETS,
    RULE_TRIALS,
}
DAY_MS = 24 * 60 * 60 * 1000


def config(name, setting):
    return CATALOGUE[name].config[setting]


def test_the_catalogue_lists_the_topics_of_the_code():
    assert set(CATALOGUE) == {
        *SOURCES, CHANNEL_STATE, "enriched-reports", "escalations", "escalations-shadow", "dead-letters",
        *REQUEST_SOURCES, AUTHORITY_STATE, "authority-routing", TRANSPARENCY_COUNTERS, CLAIMS, WORKER_PROGRESS,
        MODERATION_OUTCOMES, CASE_ACTIVITY, REPORTER_NOTICES, DETECTOR_FEEDBACK, REPORTERS_INTERNAL, REPORTER_STATE,
        INTEGRITY_CASES, REVIEW_QUESTIONS, REFUSALS,
        DELIVERIES_SET_ASIDE, DESK_VIEWS, INTAKE_POSITIONS, RULE_CHANGES, RULE_SETS, RULE_TRIALS,
    }  # fmt: skip
    assert SOURCES.external[: len(REPORT_SOURCES)] == REPORT_SOURCES
    assert MESSAGE_REPORTS_INTERNAL == SOURCES.internal


def test_event_types_match_the_code():
    types = {name: topic.event.type for name, topic in CATALOGUE.items() if topic.event is not None}
    assert {types[source] for source in REPORT_SOURCES} == {REPORT_TYPE}
    assert REPORT_TYPE in types[MESSAGE_REPORTS_INTERNAL]
    assert TICK_TYPE in types[MESSAGE_REPORTS_INTERNAL]
    assert types[CLOCK_OUTCOMES] == CLOCK_OUTCOME_TYPE
    assert CLOCK_OUTCOME_TYPE in types[MESSAGE_REPORTS_INTERNAL]
    assert types[MODERATION_OUTCOMES] == MODERATION_OUTCOME_TYPE
    assert types[CASE_ACTIVITY] == CASE_ACTIVITY_TYPE
    assert types[REPORTER_NOTICES] == f"{REPORTER_NOTICE_TYPE}, or {STANDING_NOTICE_TYPE}"
    assert types[REPORTER_STANDING] == REPORTER_STANDING_TYPE
    assert types[DETECTOR_FEEDBACK] == DETECTOR_FEEDBACK_TYPE
    assert types[REFUSALS] == REFUSAL_TYPE
    assert types["enriched-reports"] == ENRICHED_REPORT_TYPE
    assert types["escalations"] == types["escalations-shadow"] == ESCALATION_TYPE


def test_dead_letter_reasons_match_the_code():
    reasons = CATALOGUE["dead-letters"].reasons
    assert tuple(reasons) == tuple(REMEDIES) == DEAD_LETTER_REASONS
    assert all(text.endswith(".") for text in (*reasons.values(), *REMEDIES.values()))
    assert all(not topic.reasons for name, topic in CATALOGUE.items() if name != "dead-letters")
    assert f"{MAX_EVENT_BYTES // 1024} KiB" in reasons["oversized"]


def test_every_schema_and_example_belongs_to_a_topic():
    schemas = [schema for topic in CATALOGUE.values() for schema in topic.schemas]
    assert {SCHEMAS / schema.file for schema in schemas} == set((SCHEMAS / "json").glob("*.json"))
    folders = {SCHEMAS / schema.examples for schema in schemas}
    assert folders == {path.parent for path in example_files(".")}
    assert all(schema.file.endswith(f".v{schema.version}.json") for schema in schemas)


def test_the_schemas_readme_names_every_folder_and_the_owner_of_every_topic():
    page = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    assert [
        path.name for path in SCHEMAS.iterdir() if path.is_dir() and f"| `{path.name}/` |" not in page
    ] == []
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (`.*`) \|$", page, re.MULTILINE))
    owned = {
        owner: set(re.findall(r"`([^`]+)`", topics)) for owner, topics in rows.items() if owner != "folder"
    }
    assert owned == {
        owner: {name for name, topic in CATALOGUE.items() if topic.owner == owner}
        for owner in {topic.owner for topic in CATALOGUE.values()}
    }


def test_topics_that_share_partitions_have_as_many_as_the_source():
    for name in (*SOURCES, CHANNEL_STATE, "enriched-reports", *REQUEST_SOURCES, AUTHORITY_STATE):
        assert CATALOGUE[name].partitions == "source"


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_settings_of_every_topic(name):
    settings = CATALOGUE[name].settings(2)
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings[MIN_INSYNC] == "2"
    assert settings["cleanup.policy"] == ("compact" if name in COMPACTED else "delete")
    assert all(re.fullmatch(r"[a-z.]+", setting) for setting in settings)
    assert int(settings["max.message.bytes"]) > BATCH_BYTES
    # What workers write compressed must be small enough for them to unpack: a batch is BATCH_BYTES or one
    # record.
    assert int(settings["max.message.bytes"]) < MAX_UNPACKED_BYTES


def test_retention_is_as_documented():
    days = {
        name: int(t.config["retention.ms"]) / DAY_MS for name, t in CATALOGUE.items() if name not in COMPACTED
    }
    # For ever: what is in force follows from all acts.
    assert days.pop("rule-changes") < 0
    assert days == {
        "message-reports": 14,
        "verified-reports": 14,
        "message-reports-internal": 14,
        "clock-outcomes": 14,
        "moderation-outcomes": 365,
        "case-activity": 365,
        "reporter-notices": 14,
        "reporter-standing": 14,
        "detector-feedback": 14,
        "reporters-internal": 14,
        "integrity-cases": 90,
        "review-questions": 365,
        "authority-requests": 14,
        "authority-requests-internal": 14,
        "authority-routing": 365,
        "enriched-reports": 14,
        "escalations": 365,
        "escalations-shadow": 365,
        "dead-letters": 7,
        "refusals": 7,
        "deliveries-set-aside": 30,
        "worker-progress": 1 / 24,
    }
    assert all("retention.ms" not in CATALOGUE[name].config for name in COMPACTED)


def test_the_largest_record_fits_in_every_topic_it_may_reach():
    largest = config(MESSAGE_REPORTS, "max.message.bytes")
    assert config(MESSAGE_REPORTS_INTERNAL, "max.message.bytes") > MAX_PASSED_ON_BYTES > largest
    assert config("dead-letters", "max.message.bytes") > MAX_PASSED_ON_BYTES
    assert largest > MAX_EVENT_BYTES
    assert config(CHANNEL_STATE, "max.message.bytes") < MAX_REQUEST_BYTES


def test_the_prefix_is_prepended_unchanged():
    assert topic_name("eu.", "escalations") == "eu.escalations"
    assert topic_name("", "escalations") == "escalations"


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("x.yaml", "name: [", "x.yaml"),
        ("x.yaml", "name: x", "x.yaml"),
        ("x.yaml", None, "must be the name of the file"),
        ("escalations.yaml", "+retention: 1\n", "retention"),
        ("escalations.yaml", None, "message-reports.yaml is missing"),
    ],
)
def test_a_faulty_catalogue_names_the_file(tmp_path, file, text, named):
    shipped = (SCHEMAS / "topics" / "escalations.yaml").read_text()
    content = shipped if text is None else shipped + text[1:] if text.startswith("+") else text
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=named):
        load_catalogue(tmp_path)


def test_a_different_number_of_partitions_is_reported():
    topic = CATALOGUE[CHANNEL_STATE]
    assert list(shape_problems("p.x", topic, FoundTopic(4, 3), FoundTopic(4, 3), 2)) == []
    assert list(shape_problems("p.x", topic, FoundTopic(1, 3), None, 2)) == []
    (problem,) = shape_problems("p.x", topic, FoundTopic(1, 3), FoundTopic(4, 3), 2)
    assert str(problem).startswith("p.x: has 1 partition, message-reports has 4. ")


def test_settings_are_compared_by_value_not_by_text():
    wanted = {"min.cleanable.dirty.ratio": "0.1", "cleanup.policy": "compact"}
    assert (
        list(
            setting_problems("x", wanted, {"min.cleanable.dirty.ratio": "0.10", "cleanup.policy": "compact"})
        )
        == []
    )
    problems = list(setting_problems("x", wanted, {"cleanup.policy": "delete"}))
    assert [problem.what for problem in problems] == [
        "min.cleanable.dirty.ratio is not known to the broker, it should be 0.1.",
        "cleanup.policy is delete, it should be compact.",
    ]
    assert all(isinstance(problem, Problem) and "kafka-configs.sh" in problem.remedy for problem in problems)


def test_an_unknown_broker_error_points_to_the_broker_log():
    text = refusal(OSError, None, "p.x")
    assert text == "p.x: cannot be created (OSError: no reason given). See the broker's log."
