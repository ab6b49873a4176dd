"""Skeletons of notices to authorities, and their score."""

import json
import re
from datetime import date

import msgspec
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.contract.events.escalation import Escalation
from streams.contract.events.routing import Routing
from streams.registry.categories import built_in_categories
from streams.statutory.dossier.completeness import ITEMS, completeness
from streams.statutory.dossier.form import DOSSIER_FORMS
from streams.statutory.dossier.skeleton import dossiers, forms_for
from tests.categories import CATEGORIES
from tests.contract.examples import example, example_files
from tests.shipped import RULES as SHIPPED_RULES

DUTIES = {duty.id: duty for duty in SHIPPED_RULES.obligations}
DAY = date(2026, 11, 26)
ANY = msgspec.json.decode(example(example_files("escalations")[0]).value, type=Escalation)

# The API documentation of the CyberTipline lists them.
INCIDENT_TYPES = {
    "Child Pornography (possession, manufacture, and distribution)",
    "Child Sex Trafficking",
    "Child Sex Tourism",
    "Child Sexual Molestation",
    "Misleading Domain Name",
    "Misleading Words or Digital Images on the Internet",
    "Online Enticement of Children for Sexual Acts",
    "Unsolicited Obscene Material Sent to a Child",
}


def event(category, escalation_id="case-1", sequence=1, at="2026-11-24T12:00:00.000Z", **changes):
    fields = {
        "escalation_id": escalation_id,
        "sequence": sequence,
        "at": at,
        "category": category,
        "categories": (category,),
        "clock": None,
        "channel_ref": "ch-1",
        "message_refs": ("m-1",),
    }
    return msgspec.structs.replace(ANY, **(fields | changes))


def made(*events, case="case-1"):
    return {each.form: each for each in dossiers(case, events, built_in_categories(), DUTIES, DAY)}


@pytest.mark.parametrize("category", CATEGORIES)
def test_forms_follow_the_category(category):
    expected = set()
    if category in ("csam", "csam_synthetic", "grooming", "sextortion", "trafficking"):
        expected.add("cybertipline")
    if category in ("threat_to_life", "csam", "csam_synthetic", "grooming", "trafficking", "terrorism"):
        expected.add("dsa_art18")
    assert set(forms_for(category, built_in_categories(), DUTIES)) == expected
    assert set(made(event(category))) == expected


def test_incident_types_are_those_of_the_cybertipline():
    tips = {category: row.cybertip for category, row in built_in_categories().items() if row.cybertip}
    assert {tip.incident_type for tip in tips.values()} <= INCIDENT_TYPES
    assert set(tips) >= set(DUTIES["US.2258A"].categories)


@pytest.mark.parametrize("form", DOSSIER_FORMS)
def test_weights_add_up_to_one(form):
    assert sum(item.weight for item in ITEMS[form]) == pytest.approx(1)


def test_a_skeleton_has_what_tocsin_knows():
    first = event("grooming", at="2026-11-24T12:00:00.000Z")
    later = event("grooming", sequence=2, at="2026-11-24T15:00:00.000Z", message_refs=("m-1", "m-2"))
    tip = made(later, first)["cybertipline"]
    assert (tip.opened_at, tip.changed_at) == ("2026-11-24T12:00:00.000Z", "2026-11-24T15:00:00.000Z")
    assert tip.message_refs == ("m-1", "m-2")
    summary = tip.notice["incidentSummary"]
    assert summary["incidentType"] == "Online Enticement of Children for Sexual Acts"
    assert summary["incidentDateTime"] == "2026-11-24T12:00:00.000Z"
    assert summary["escalateToHighPriority"] is None
    assert tip.notice["personOrUserReported"]["groupIdentifier"] == "ch-1"
    assert tip.conditions == ("a person must review the content first",)
    assert not tip.completeness.acceptable
    assert tip.completeness.score == 0.25
    assert {each.field for each in tip.completeness.missing if each.required} == {
        "reporter.reportingPerson.email"
    }


def test_a_legal_clock_begins_with_its_report():
    clock = next(
        each
        for each in (
            msgspec.json.decode(example(path).value, type=Escalation) for path in example_files("escalations")
        )
        if each.clock is not None
    )
    (tip, _) = dossiers("case-1", [event("csam", clock=clock.clock)], built_in_categories(), DUTIES, DAY)
    assert tip.opened_at == clock.clock.started_at


def test_preservation_lasts_a_year_from_the_submission():
    preservation = made(event("csam"))["cybertipline"].preservation
    assert (preservation.submitted, preservation.until) == ("2026-11-26", "2027-11-26")
    assert preservation.duty == "US.2258A.h"
    assert preservation.source_url == "https://www.law.cornell.edu/uscode/text/18/2258A"
    (leap, _) = dossiers("case-1", [event("csam")], built_in_categories(), DUTIES, date(2028, 2, 29))
    assert leap.preservation.until == "2029-02-28"
    assert made(event("csam"))["dsa_art18"].preservation is None


def test_earlier_cases_of_the_group_are_named():
    before = event("csam", "case-0", at="2026-11-20T12:00:00.000Z")
    elsewhere = event("csam", "case-8", at="2026-11-20T12:00:00.000Z", channel_ref="ch-2")
    later = event("csam", "case-9", at="2026-11-25T12:00:00.000Z")
    other = event("fraud", "case-7", at="2026-11-20T12:00:00.000Z")
    tip = made(event("csam"), before, elsewhere, later, other)["cybertipline"]
    (prior,) = tip.prior_cases
    assert (prior.escalation_id, prior.opened_at) == ("case-0", "2026-11-20T12:00:00.000Z")
    assert prior.dossier_id == made(before, case="case-0")["cybertipline"].dossier_id


def test_a_threat_to_life_in_the_group_gives_a_reason_for_priority():
    threat = event("threat_to_life", "case-0", at="2026-11-24T11:00:00.000Z")
    summary = made(event("csam"), threat)["cybertipline"].notice["incidentSummary"]
    assert "also allege a threat to life (case case-0)" in summary["escalateToHighPriority"]


def test_where_the_victim_must_be_a_minor_a_person_must_establish_it():
    tip = made(event("sextortion"))["cybertipline"]
    assert tip.notice["incidentSummary"]["reportAnnotations"] == {"sextortion": True}
    assert any("a minor" in each for each in tip.conditions)


def test_a_notice_under_article_18_names_whom_to_inform():
    routing = (Routing("internal_review", "", "human_review"), Routing("BKA", "", "human_review"))
    notice = made(event("threat_to_life", routing=routing))["dsa_art18"]
    assert notice.notice["authorities"] == ["BKA"]
    assert notice.completeness.score == 0.15
    assert any("threat to the life or safety" in each for each in notice.conditions)
    nobody = made(event("threat_to_life", routing=routing[:1]))["dsa_art18"]
    assert "authorities" in {each.field for each in nobody.completeness.missing if each.required}


@pytest.mark.parametrize("form", DOSSIER_FORMS)
def test_a_complete_notice_scores_one(form):
    notice = {}
    for item in ITEMS[form]:
        place = notice
        for name in item.path[:-1]:
            place = place.setdefault(name, {})
        place[item.path[-1]] = ["given"]
    found = completeness(form, notice)
    assert (found.score, found.acceptable, found.missing) == (1, True, ())
    assert completeness(form, {}).score == 0


def test_what_leads_to_a_place_weighs_most_in_a_tip():
    weights = {".".join(item.path): item.weight for item in ITEMS["cybertipline"]}
    assert max(weights, key=weights.get) == "personOrUserReported.ipCaptureEvent"


def test_a_dossier_names_nobody():
    text = json.dumps(msgspec.to_builtins(made(event("csam"))["cybertipline"]))
    assert not re.search(r"@|reporter_ref", text)


def run(*arguments, **options):
    return CliRunner().invoke(commands, ["transparency", "dossier", *map(str, arguments)], **options)


@pytest.fixture
def file(tmp_path):
    def save(*events):
        path = tmp_path / "escalations.jsonl"
        lines = [json.dumps({"headers": {}, "value": msgspec.to_builtins(each)}) for each in events]
        path.write_text("\n".join(lines), "utf-8")
        return path

    return save


def test_the_commands_draft_and_score(file):
    result = run("draft", "case-1", "--escalations", file(event("csam")), "--submitted", "2026-11-26")
    assert result.exit_code == 0, result.output
    tip, notice = map(json.loads, result.stdout.splitlines())
    assert tip["preservation"]["until"] == "2027-11-26"
    assert notice["form"] == "dsa_art18"
    result = run("score", input=json.dumps(tip))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == [
        "line 1: cybertipline 0.25",
        "  required (0.10): reporter.reportingPerson.email: whom at the platform investigators can ask",
    ]
    tip["notice"]["reporter"]["reportingPerson"]["email"] = "safety@example.org"
    result = run("score", input=json.dumps(tip))
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "line 1: cybertipline 0.35\n  missing (0.20): personOrUserReported.ipCaptureEvent"
    )


def test_the_commands_refuse_what_they_cannot_use(file):
    result = run("draft", "case-2", "--escalations", file(event("csam")))
    assert (result.exit_code, "no event of case case-2" in result.output) == (1, True)
    result = run("draft", "case-1", "--escalations", file(event("spam")))
    assert (result.exit_code, "category spam calls for neither" in result.output) == (1, True)
    result = run("score", input="{}")
    assert (
        result.exit_code,
        "line 1 is no dossier with form (cybertipline, dsa_art18)" in result.output,
    ) == (1, True)
