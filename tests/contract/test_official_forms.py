"""docs/forms.md and the examples of official forms: they name fields that exist, and lead to what the page says."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from streams.contract.events.authority_request import AuthorityRequest, Demand, IntakeElement
from streams.contract.events.authority_routing import Findings
from streams.contract.wire.times import moment_ms
from streams.deciding.requests.clock_events import clock_id
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.loader import load_rules
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.contract.examples import Example, example
from tests.unit.request_traffic import (
    new_requests,
    outcome_record,
    request_record,
    routings,
    run_requests,
)

PAGE = (Path(__file__).parents[2] / "docs" / "forms.md").read_text("utf-8")
EXAMPLES = SCHEMAS / "examples"
RULES = compile_request_rules(load_rules())
# The section of the page that lists the fields of each form.
FORMS = {
    "epoc-annex-1": "EPOC, Annex I",
    "epoc-annex-1-emergency": "EPOC, Annex I",
    "epoc-annex-1-incomplete": "EPOC, Annex I",
    "epoc-pr-annex-2": "EPOC, Annex I",
    "removal-order-annex-1": "Removal order, Annex I of Regulation 2021/784",
    "removal-order-annex-1-incomplete": "Removal order, Annex I of Regulation 2021/784",
}
READ = {"text", "article", "fields", "retyped", "memory", "-"}


def form(name: str) -> Example:
    return example(EXAMPLES / "authority-requests" / "v1" / f"{name}.json")


def judged(name: str) -> dict[str, Any]:
    shown = form(name)
    source = dict(shown.headers)["ce_source"].decode()
    (event,) = routings(
        run_requests(new_requests(rules=RULES), [request_record(shown.document, source=source)], RULES)
    )
    return event


def elements_named(text: str) -> set[str]:
    pairs = re.findall(r"elements? `(\w+)`(?: and `(\w+)`)?", text)
    return {name for pair in pairs for name in pair if name}


def test_every_line_of_a_form_says_how_it_was_read() -> None:
    tables = PAGE.partition("## EPOC")[2].split("| --- | --- | --- |\n")[1:]
    rows = [row for table in tables for row in table.partition("\n\n")[0].splitlines()]
    marks = [set(row.rstrip("| ").rpartition("| ")[2].split(", ")) for row in rows]
    assert len(marks) > 50
    assert set().union(*marks) <= READ


def test_every_field_and_value_that_the_page_names_exists() -> None:
    assert elements_named(PAGE) <= set(get_args(IntakeElement))
    demands = re.findall(r"demand `(\w+)`", PAGE)
    assert demands and set(demands) <= set(get_args(Demand))
    assert set(re.findall(r"`(\w+): \w+`", PAGE)) <= set(AuthorityRequest.__struct_fields__)
    found = re.findall(r"`findings\.(\w+)`", PAGE)
    assert found and set(found) <= set(Findings.__struct_fields__)


def test_the_page_names_every_example_of_a_form() -> None:
    assert [name for name in FORMS if f"{name}.json`" not in PAGE] == []


@pytest.mark.parametrize("name", FORMS)
def test_an_example_holds_nothing_that_its_form_has_not(name: str) -> None:
    section = PAGE.partition(f"## {FORMS[name]}\n")[2].partition("\n## ")[0]
    assert set(form(name).document["elements"]) <= elements_named(section)


@pytest.mark.parametrize(
    ("outcome", "order"),
    [
        ("removal-order-annex-2", "removal-order-annex-1"),
        ("removal-order-annex-3", "removal-order"),
        ("removal-order-annex-3-ended", "removal-order-annex-1-incomplete"),
    ],
)
def test_an_answer_is_about_the_hour_of_its_order(outcome: str, order: str) -> None:
    answer, asked = example(EXAMPLES / "clock-outcomes" / "v1" / f"{outcome}.json").document, form(order)
    source = dict(asked.headers)["ce_source"].decode()
    assert answer["key"] == asked.document["request_id"]
    assert answer["clock_id"] == clock_id("EU.tco.art3-3", source, answer["key"])
    (row,) = [row for row in load_rules().obligations if row.id == "EU.tco.art3-3"]
    assert answer.get("reason") in (None, *row.pausable_for)


@pytest.mark.parametrize(
    ("name", "clocks"),
    [
        ("epoc-annex-1", {"EU.e-evidence.art10-3": "2026-12-04T13:00:00.000Z"}),
        ("epoc-pr-annex-2", {"EU.e-evidence.art11-1": "2027-01-26T04:00:00.000Z"}),
        (
            "removal-order-annex-1",
            {"EU.tco.art3-3": "2026-11-24T14:20:00.000Z", "EU.tco.art6": "2027-05-25T04:00:00.000Z"},
        ),
    ],
)
def test_a_complete_form_starts_its_clocks(name: str, clocks: dict[str, str]) -> None:
    event = judged(name)
    assert (event["decision"], event["findings"]["missing"]) == ("routed", [])
    assert {clock["obligation"]: clock["due_at"] for clock in event["clocks"]} == clocks
    assert {clock["status"] for clock in event["clocks"]} == {"running"}


@pytest.mark.parametrize(
    "name",
    [
        "epoc-annex-1-incomplete",
        "epoc-annex-1-emergency",
        "removal-order-annex-1-incomplete",
        "requisition-of-a-member-state",
    ],
)
def test_the_answer_shown_is_what_the_request_leads_to(name: str) -> None:
    shown = example(EXAMPLES / "authority-routing" / "v1" / f"{name}.json").document
    event = judged(name)
    # The rows themselves change with the law: their ids and clocks are compared, not their sources.
    for field in ("routing_id", "decision", "recipients", "gate", "clocks", "lawyer_today"):
        assert shown.get(field) == event.get(field)
    for field in ("competence", "belongs_to", "missing", "questions", "telling", "disclosure", "gates"):
        assert shown["findings"].get(field) == event["findings"].get(field)


@pytest.mark.parametrize(
    ("answer", "order", "step"),
    [
        ("removal-order-annex-2", "removal-order-annex-1", ("clock_fulfilled", "2026-11-24T14:20:00.000Z")),
        ("removal-order-annex-3", "removal-order", ("clock_paused", "2026-11-24T13:00:00.000Z")),
        # Clarified at 16:25: the whole hour begins.
        (
            "removal-order-annex-3-ended",
            "removal-order-annex-1-incomplete",
            ("clock_resumed", "2026-11-24T17:25:00.000Z"),
        ),
    ],
)
def test_an_answer_ends_pauses_or_resumes_the_hour(answer: str, order: str, step: tuple[str, str]) -> None:
    asked = form(order)
    told = example(EXAMPLES / "clock-outcomes" / "v1" / f"{answer}.json").document
    state = new_requests(rules=RULES)
    run_requests(state, [request_record(asked.document, source="/authority-intake")], RULES)
    outcome = outcome_record(
        told["clock_id"],
        told["outcome"],
        moment_ms(told["occurred_at"]),
        outcome_id=told["outcome_id"],
        key=told["key"],
        reason=told.get("reason"),
    )
    (first, *_) = routings(run_requests(state, [outcome], RULES))
    assert (first["reason"], first["clocks"][0]["due_at"]) == step
