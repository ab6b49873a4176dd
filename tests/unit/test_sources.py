"""What reports may claim in each topic to which they are published."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.report import REPORTER_KINDS, ReportKind
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.topics import (
    MESSAGE_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    REPORT_SOURCES,
    REPORTERS_INTERNAL,
    VERIFIED_REPORTS,
)
from streams.deciding.reports.claims import Sources
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.rules import SourceRights
from streams.registry.sources import load_sources
from tests.shipped import RULES as SHIPPED_RULES
from tests.unit.registry_files import SHIPPED, copy_files, edit, refused
from tests.unit.traffic import START, Record, arriving, counted, of_topic, rekeyed

RULES = compile_report_rules(SHIPPED_RULES)
MOVING = Path(__file__).parents[2] / "deploy" / "registry" / "sources-while-moving.yaml"

FLAGGER = {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger", "ref": "f"}}
DETECTION = {"kind": "automated_detection", "reporter": {"kind": "automated"}}
VICTIM = {
    "kind": "statutory_victim_request",
    "category": "ncii",
    "reporter": {"kind": "user", "ref": "v"},
    "evidence": [{"country": "US", "basis": "victim", "confidence": 1.0}],
    "notice": {"elements": ["location", "good_faith", "contact", "signature"]},
}
BY_STATE = VICTIM | {"reporter": {"kind": "state_actor", "ref": "s"}}


def published(
    topic: str, fields: dict[str, Any], number: int = 1, channel: str = "c", source: str | None = None
) -> Record:
    body = {
        "report_id": f"r{number}",
        "kind": "user_report",
        "occurred_at": rfc3339(START),
        "channel": {"ref": channel, "visibility": "public"},
        "category": "spam",
        **fields,
    }
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"x"),
        ("ce_type", b"tocsin.report.v1"),
        ("ce_source", (source or "").encode()),
    ]
    value = msgspec.json.encode(body)
    return Record(topic, 0, number, START, b"k", value, headers if source else ())


def applied(*records: Record, rules: ReportRules = RULES, partition: int = 0, partitions: int = 1) -> Any:
    stage = report_stage(rules)
    return stage.apply(stage.restore(partition, partitions), arriving(rules, records, partition, partitions))


def rejection(batch: Any) -> tuple[str, str, str]:
    [letter] = [output for output in batch.outputs if output.topic == "dead-letters"]
    headers = dict(letter.headers)
    reason, field, detail = (headers[f"tocsin-{name}"].decode() for name in ("reason", "field", "detail"))
    return reason, field, detail


@pytest.mark.parametrize("claim", [FLAGGER, DETECTION, VICTIM], ids=["flagger", "detection", "victim"])
def test_what_the_platform_vouches_for_is_taken_from_its_own_topic_alone(claim: dict[str, Any]) -> None:
    assert counted(applied(published(VERIFIED_REPORTS, claim)))["applied"] == 1
    batch = applied(published(MESSAGE_REPORTS, claim))
    assert rejection(batch) == (
        "not_allowed_here",
        "kind",
        "Must be user_report in message-reports. Publish this report to verified-reports.",
    )
    # Nothing else: no risk, no clock, no counter.
    assert [output.topic for output in batch.outputs] == ["dead-letters"]


def test_a_user_report_cannot_have_the_weight_of_a_trusted_flagger_or_a_detector() -> None:
    for kind in ("trusted_flagger", "automated"):
        batch = applied(published(MESSAGE_REPORTS, {"reporter": {"kind": kind}}))
        assert rejection(batch)[:2] == ("not_allowed_here", "reporter.kind")
        assert rejection(batch)[2] == (
            "Must be anonymous, state_actor or user in message-reports. No topic takes such a report."
        )


def test_nobody_vouches_for_what_a_state_says() -> None:
    for topic in REPORT_SOURCES:
        assert rejection(applied(published(topic, BY_STATE)))[0] == "not_allowed_here"


@pytest.mark.parametrize("reporter", ["user", "anonymous", "state_actor", None])
def test_reports_of_the_public_are_taken_from_message_reports_alone(reporter: str | None) -> None:
    fields = {"reporter": reporter and {"kind": reporter}}
    assert counted(applied(published(MESSAGE_REPORTS, fields)))["applied"] == 1
    assert rejection(applied(published(VERIFIED_REPORTS, fields))) == (
        "not_allowed_here",
        "kind",
        "Must be automated_detection, statutory_victim_request or trusted_flagger_notice in "
        "verified-reports. Publish this report to message-reports.",
    )


@pytest.mark.parametrize("passed_on_by", [RULES, compile_report_rules(load_rules(sources=MOVING))])
def test_a_report_on_its_way_home_is_judged_by_its_original_topic(passed_on_by: ReportRules) -> None:
    """Re-keyed, passed on by way of its reporter, or re-keyed by version 0.2 although it has a reporter."""
    channel = next(name for name in map(str, range(99)) if home_partition(name.encode(), 2) == 1)
    for topic, claim, allowed in (
        (MESSAGE_REPORTS, FLAGGER, False),
        (VERIFIED_REPORTS, FLAGGER, True),
        (VERIFIED_REPORTS, {}, False),
        (MESSAGE_REPORTS, {}, True),
    ):
        record = published(topic, claim, channel=channel)
        [output] = applied(record, rules=passed_on_by, partitions=2).outputs
        moved = [rekeyed(record)]
        if output.topic == MESSAGE_REPORTS_INTERNAL:
            moved.append(Record(output.topic, 1, 7, START, output.key, output.value, output.headers))
        elif output.topic == REPORTERS_INTERNAL:
            moved += arriving(passed_on_by, [record], partitions=2)
        else:
            assert (output.topic, allowed) == ("dead-letters", False)
        assert {each.topic for each in moved} == {MESSAGE_REPORTS_INTERNAL}
        for each in moved:
            home = applied(each, partition=1, partitions=2)
            assert counted(home).get("applied", 0) == allowed
            if not allowed:
                assert rejection(home)[0] == "not_allowed_here"


def test_a_forged_origin_gives_no_rights() -> None:
    for partitions in (1, 2):
        channel = next(name for name in map(str, range(99)) if home_partition(name.encode(), 2) == 1)
        record = published(MESSAGE_REPORTS, FLAGGER, channel=channel)
        forged = record._replace(headers=[("tocsin-origin", b"verified-reports/0/1/1")])
        assert rejection(applied(forged, partitions=partitions))[0] == "not_allowed_here"


def test_a_record_on_the_internal_topic_without_an_origin_may_claim_what_the_public_may() -> None:
    assert rejection(applied(published(MESSAGE_REPORTS_INTERNAL, FLAGGER)))[0] == "not_allowed_here"


def test_a_service_that_publishes_to_the_other_topic_is_no_flood() -> None:
    records = [published(MESSAGE_REPORTS, FLAGGER, number) for number in range(1_500)]
    assert counted(applied(*records)) == {"dead_letter:not_allowed_here": 1_500}


def with_names(**names: list[str]) -> ReportRules:
    rules = load_rules()
    sources = {
        topic: replace(rights, ce_sources=frozenset(names[topic.partition("-")[0]]))
        for topic, rights in rules.sources.items()
    }
    return compile_report_rules(replace(rules, sources=sources))


def test_a_publisher_of_one_topic_cannot_use_the_name_of_one_of_the_other() -> None:
    rules = with_names(message=["/button"], verified=["/flaggers"])
    taken = published(MESSAGE_REPORTS, {}, source="/button")
    assert counted(applied(taken, rules=rules))["applied"] == 1
    for source in ("/flaggers", "/button/", "/Button", "/buttons", None):
        batch = applied(published(MESSAGE_REPORTS, {}, source=source), rules=rules)
        assert rejection(batch) == (
            "not_allowed_here",
            "ce_source",
            "Must be a name that is listed for the topic in the deployment's sources file in "
            "message-reports. No topic takes such a report.",
        )
    # So it cannot suppress a notice by claiming its source, id and channel before it.
    before = published(MESSAGE_REPORTS, {}, source="/flaggers")
    notice = published(VERIFIED_REPORTS, FLAGGER, source="/flaggers")
    assert counted(applied(before, notice, rules=rules)) == {"applied": 1, "dead_letter:not_allowed_here": 1}


def test_a_report_cannot_be_suppressed_by_guessing_its_source_and_id() -> None:
    guess = published(MESSAGE_REPORTS, {}, 1, channel="elsewhere", source="/button")
    report = published(MESSAGE_REPORTS, {}, 1, channel="c", source="/button")
    batch = applied(guess, report, report)
    assert counted(batch) == {"applied": 2, "duplicates": 1}
    channels = [row["report"]["channel"]["ref"] for row in of_topic(batch, "enriched-reports")]
    assert channels == ["elsewhere", "c"]


@given(
    topic=st.sampled_from(REPORT_SOURCES),
    kind=st.sampled_from(get_args(ReportKind)),
    reporter=st.none() | st.sampled_from(REPORTER_KINDS),
    source=st.sampled_from(["/a", "/b", None]),
    sources=st.fixed_dictionaries(
        {
            topic: st.builds(
                SourceRights,
                st.frozensets(st.sampled_from(get_args(ReportKind)), min_size=1),
                st.frozensets(st.sampled_from(REPORTER_KINDS), min_size=1),
                st.none() | st.frozensets(st.sampled_from(["/a", "/b"]), min_size=1),
            )
            for topic in REPORT_SOURCES
        }
    ),
)
def test_a_report_is_applied_exactly_if_its_topic_takes_kind_reporter_and_name(
    topic: Any, kind: Any, reporter: Any, source: str | None, sources: Sources
) -> None:
    fields = {"kind": kind, "reporter": reporter and {"kind": reporter}}
    rules = replace(RULES, registry=replace(RULES.registry, sources=sources))
    batch = applied(published(topic, fields, source=source), rules=rules)
    rights = sources[topic]
    names = rights.ce_sources
    allowed = (
        kind in rights.kinds
        and (reporter or "anonymous") in rights.reporters
        and (names is None or (source or "") in names)
    )
    assert counted(batch).get("applied", 0) == allowed
    if not allowed:
        reason, _, detail = rejection(batch)
        assert reason == "not_allowed_here"
        named = detail.removesuffix(".").rpartition("Publish this report to ")[2]
        if named in sources:
            taken = published(named, fields, source=source)
            assert counted(applied(taken, rules=rules))["applied"] == 1


# --- the file


def test_the_shipped_files_are_valid_and_part_of_the_version() -> None:
    assert load_sources() == load_rules().sources
    moving = load_rules(sources=MOVING)
    assert moving.sources == load_sources(MOVING)
    assert moving.registry_version != load_rules().registry_version
    both = moving.sources
    assert both[MESSAGE_REPORTS].kinds == set(get_args(ReportKind))
    assert both[MESSAGE_REPORTS].reporters == set(REPORTER_KINDS)
    assert both[VERIFIED_REPORTS] == load_sources()[VERIFIED_REPORTS]


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("[user_report]", "[user_reports]", "sources.message-reports.kinds[0]", "'user_report', 'trusted"),
        ("[user, anonymous, state", "[police, state", "sources.message-reports.reporters[0]", "'state_actor'"),
        ("[user_report]", "[]", "sources.message-reports.kinds", "at least 1 item"),
        ("[user_report]", "[user_report, user_report]", "sources.message-reports.kinds[1]", "remove one"),
        ("kinds: [user_report]", "kind: user_report", "sources.message-reports.kind", "valid fields here: " "ce_s"),
        ("  verified-reports:", "  trusted-reports:", "sources.trusted-reports", "'verified-reports'"),
        ("    reporters: [user, anonymous, s", "    ce_sources: any\n    reporters: [user, anonymous, s",
         "sources.message-reports.ce_sources", "valid list"),
        ("    reporters: [user, anonymous, s", "    ce_sources: ['']\n    reporters: [user, anonymous, s",
         "sources.message-reports.ce_sources[0]", "at least 1 character"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    line = edit(copy_files(tmp_path), "sources.yaml", old, new)
    [problem, *_] = refused(tmp_path, "sources.yaml", field, says)
    assert problem.startswith(f"sources.yaml:{line}: ")


def test_a_topic_without_a_row_is_refused(tmp_path: Path) -> None:
    text = (SHIPPED / "sources.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(text[: text.index("  verified-reports:")], encoding="utf-8")
    with pytest.raises(RegistryError, match=r"own\.yaml:\d+: sources: has no row for verified-reports"):
        load_sources(path)
