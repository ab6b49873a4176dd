"""Enriched reports: those assembled from prepared parts equal the encoding of the published type."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.report import MessageReport, Reporter
from streams.contract.wire.encoding import encode
from streams.deciding.reports.claims import UNRESTRICTED
from streams.deciding.reports.enrich import PreparedReport
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, reports
from tests.unit.law_reports import RULES
from tests.unit.traffic import START, Record, of_topic, report, run

COMPILED = compile_report_rules(replace(RULES, sources=UNRESTRICTED))


def test_a_prepared_report_has_the_fields_of_the_published_type() -> None:
    assert PreparedReport.__struct_fields__ == EnrichedReport.__struct_fields__


@pytest.mark.slow
@settings(max_examples=200)
@given(reports)
def test_a_prepared_report_has_the_bytes_of_the_published_type(given_report: MessageReport) -> None:
    value = encode(given_report)
    decode_report(value, (), APPEND_TIME_MS)
    record = Record("message-reports", 0, 1, APPEND_TIME_MS, None, value)
    outcome = run(ReportState(0, 1, COMPILED), COMPILED, [record])
    [written] = [output.value for output in outcome.outputs if output.topic == "enriched-reports"]
    assert written is not None
    enriched = msgspec.json.decode(written, type=EnrichedReport)
    assert encode(enriched) == written
    resolved = COMPILED.resolver.resolve(given_report)
    assert enriched.jurisdictions == resolved.jurisdictions
    assert [row.id for row in enriched.obligations] == [duty.obligation.id for duty in resolved.duties]
    assert enriched.routing == resolved.routing
    assert enriched.rule_of_law == resolved.rule_of_law
    of_category = RULES.categories[given_report.category]
    assert (enriched.dsa_category, enriched.dsa_keywords) == (
        of_category.dsa_category,
        of_category.dsa_keywords,
    )


@settings(max_examples=100)
@given(reports)
def test_no_reporter_ref_is_published(given_report: MessageReport) -> None:
    """In no output of any topic, nor in the state, which desks may read."""
    ref = "the-reporters-own-ref"
    # Only a detector's report may name a list that it matched.
    own = msgspec.structs.replace(given_report, reporter=Reporter(ref=ref, kind="user"), match=None)
    record = Record("message-reports", 0, 1, APPEND_TIME_MS, None, encode(own))
    outcome = run(ReportState(0, 1, COMPILED), COMPILED, [record])
    assert "enriched-reports" in {output.topic for output in outcome.outputs}
    for output in outcome.outputs:
        assert ref not in repr(output)
    assert ref not in repr(outcome.changes)


def enriched(**fields: Any) -> dict[str, Any]:
    [value] = of_topic(
        run(ReportState(0, 1, COMPILED), COMPILED, [report(1, START, **fields)]), "enriched-reports"
    )
    return value


VICTIM_REQUEST: dict[str, Any] = {
    "kind": "statutory_victim_request",
    "category": "ncii",
    "evidence": [{"country": "US", "basis": "victim", "confidence": 0.9}],
    "notice": {"elements": ["signature", "location", "good_faith", "contact"]},
}


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (None, "2026-09-06T00:00:00.000Z"),
        ("2026-09-05T02:00:00+02:00", "2026-09-07T00:00:00.000Z"),
    ],
)
def test_a_clock_starts_when_the_report_was_received(received: str | None, due: str) -> None:
    fields = VICTIM_REQUEST | ({"received_at": received} if received else {})
    record = report(1, START, appended=START + 86_400_000, **fields)
    [value] = of_topic(run(ReportState(0, 1, COMPILED), COMPILED, [record]), "enriched-reports")
    duties = {duty["id"]: duty for duty in value["obligations"]}
    armed = duties["US.take-it-down.s3"]
    assert (armed["clock_status"], armed["due_at"], armed["target"]) == ("armed", due, None)
    others = [duty for duty in duties.values() if duty["id"] != "US.take-it-down.s3"]
    assert {duty["due_at"] for duty in others} <= {None}


def test_a_request_without_its_elements_has_a_target_only() -> None:
    value = enriched(**VICTIM_REQUEST | {"notice": {"elements": ["signature", "location"]}})
    [duty] = [duty for duty in value["obligations"] if duty["id"] == "US.take-it-down.s3"]
    assert (duty["clock_status"], duty["not_armed_reason"]) == ("not_armed", "elements_missing")
    assert (duty["due_at"], duty["target"]) == (None, "PT48H")
