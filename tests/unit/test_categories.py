"""A category is an entry of categories.yaml: those of Tocsin, what a deployment changes in them, and what it
adds.
"""

import dataclasses
from datetime import date
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest
from aiokafka import TopicPartition

from streams.commands.state.state_check import check_entries
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import MessageSubject, ModerationOutcome, TermsGround
from streams.contract.events.transparency import TransparencyCounter
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.state_records import UnknownCategory
from streams.contract.wire.times import from_epoch_ms
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.state import ReporterState, state_key
from streams.deciding.reporters.tally import category_and_verdict
from streams.deciding.reports.claims import UNRESTRICTED
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState, restore_reports
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from streams.registry.categories import (
    OWN_CODES,
    SHIPPED_CATEGORIES,
    CategoryRow,
    built_in_categories,
    load_categories,
)
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.statutory.dossier.skeleton import forms_for
from streams.statutory.report import make_report
from streams.statutory.reporting_period import Period
from streams.statutory.statements.draft import DecidedContent, HowLearned, drafts
from streams.statutory.sums import PeriodSums
from tests.unit.clock_traffic import duty
from tests.unit.registry_files import copy_files
from tests.unit.reporter_traffic import KEY, credit, read_back
from tests.unit.statutory_check import read_table
from tests.unit.request_traffic import preservation_order, request_record
from tests.unit.traffic import (
    DAY,
    START,
    Record,
    arriving,
    escalations,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

DATE = date(2026, 1, 1)
OWN = """
prior:
  value: 0.25
  reason: what was measured here
  source: {title: our desk, checked: 2026-11-28, verification: verified}
source: {title: our desk, checked: 2026-11-28, verification: verified}
categories:
  spam: {severity: 0.9, dsa_category: STATEMENT_CATEGORY_SCAMS_AND_FRAUD, dsa_keywords: [], floor: false, abuse_prone: false}
  x_loan_sharks:
    code: 130
    severity: 0.5
    dsa_category: STATEMENT_CATEGORY_SCAMS_AND_FRAUD
    dsa_keywords: []
    floor: false
    abuse_prone: false
    template: {keyword: KEYWORD_OTHER, description: "Lending at illegal rates"}
    ozone_reason: MisleadingScam
"""
FLAGS = ("endangers_life", "terrorist_content", "deceptive_commercial")
OWN_POLICY = policy(id="sharks", categories=("x_loan_sharks",), levels=levels({"reports": 3}))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.fixture
def rules(file):
    return dataclasses.replace(load_rules(categories=file), sources=UNRESTRICTED, policies=(OWN_POLICY,))


def sharks(first, number):
    return [report(first + n, START + n * 1_000, category="x_loan_sharks") for n in range(number)]


def test_codes_are_for_ever():
    # Frozen: state of every version has them. A new category takes the next one.
    codes = {row.code: name for name, row in built_in_categories().items()}
    assert list(codes) == list(range(len(codes)))
    assert [codes[number] for number in (0, 6, 12, 19)] == ["csam", "ncii_deepfake", "hate", "unspecified"]
    assert max(codes) < OWN_CODES.start


def test_a_file_changes_numbers_adds_categories_and_may_leave_the_others_out(file):
    own, shipped = load_categories(file), built_in_categories()
    assert list(own) == [*shipped, "x_loan_sharks"]
    assert own["hate"] == shipped["hate"]
    spam = own["spam"]
    assert (spam.severity, spam.prior) == (0.9, 0.25)
    # State, law and other systems mean the same by it everywhere.
    assert (spam.code, spam.template, spam.ozone_reason) == (18, shipped["spam"].template, "MisleadingSpam")
    assert spam.deceptive_commercial and not own["x_loan_sharks"].deceptive_commercial


def test_codes_and_other_facts_of_tocsins_categories_leave_the_version_of_a_registry_as_it_was(tmp_path):
    """A copy that a deployment made of the file of 0.2 has none of them, and the same registry_version as
    ever.
    """
    lines = SHIPPED_CATEGORIES.read_text(encoding="utf-8").splitlines(keepends=True)
    facts = ("code", "template", "ozone_reason", "cybertip", "child_safety", *FLAGS)
    kept = [line for line in lines if not line.startswith(tuple(f"    {name}:" for name in facts))]
    copy = tmp_path / "categories.yaml"
    copy.write_text("".join(line for line in kept if not line.startswith("      ")), encoding="utf-8")
    assert load_categories(copy) == built_in_categories()
    assert load_rules(categories=copy).registry_version == load_rules().registry_version


def test_what_decides_of_a_category_of_its_own_is_in_the_version_of_a_registry(file):
    before = load_rules(categories=file).registry_version
    file.write_text(OWN + "    endangers_life: true\n", encoding="utf-8")
    assert load_rules(categories=file).registry_version != before


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("x_loan_sharks:", "loan_sharks:", "loan_sharks", "must begin with x_"),
        ("x_loan_sharks:", "X_loan:", "X_loan", "or be a category of Tocsin: csam, csam_synthetic"),
        *(
            ("x_loan_sharks:", f"{name}:", name, "must not be a telephone number")
            for name in ("x_4915112345678", "x_49_151_12345678", "x_tel_4915112345678", "x_4111111111111111",
                         "x_de89370400440532013000")
        ),
        ("code: 130", "code: 20", "x_loan_sharks.code", "from 128 to 255"),
        ("code: 130", "code: 256", "x_loan_sharks.code", "the first that is free: 128"),
        ("    code: 130\n", "", "x_loan_sharks.code", "from 128 to 255"),
        ("severity: 0.5", "severity: 5", "x_loan_sharks.severity", "less than or equal to 1"),
        ("    floor: false\n", "", "x_loan_sharks.floor", "is missing"),
        ("    floor: false\n", "    flor: false\n", "x_loan_sharks.flor", "valid fields here: abuse_prone, " "child_safety"),
        ("    template:", "    # template:", "x_loan_sharks.template", "is missing"),
        ("KEYWORD_OTHER, ", "KEYWORD_PHISHING, ", "x_loan_sharks.template.description", "no other keyword"),
        ("{keyword: KEYWORD_OTHER, ", "{", "x_loan_sharks.template.keyword", "of STATEMENT_CATEGORY_SCAMS"),
        ("{keyword:", "{category: STATEMENT_CATEGORY_OTHER_VIOLATION_TC, keyword:",
         "x_loan_sharks.template.category", "they have no STATEMENT_CATEGORY_OTHER_VIOLATION_TC"),
        ("spam: {", "spam: {code: 129, ", "spam.code", "leave it out"),
        ("spam: {", "spam: {deceptive_commercial: false, ", "spam.deceptive_commercial", "leave it out"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_its_field_and_what_is_valid(file, old, new, field, says):
    assert old in OWN
    file.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RegistryError) as refused:
        load_categories(file)
    line = next(line for line in str(refused.value).splitlines() if f": categories.{field}: " in line)
    assert line.startswith("own.yaml:") and says in line


def test_two_categories_never_share_a_code(file):
    again = OWN[OWN.index("  x_loan_sharks:") :].replace("x_loan_sharks", "x_pyramids")
    file.write_text(OWN + again, encoding="utf-8")
    with pytest.raises(RegistryError, match=r"own.yaml:\d+: categories\.x_pyramids\.code: must be"):
        load_categories(file)


def test_a_policy_and_a_duty_may_name_it_and_nothing_that_there_is_not(tmp_path):
    folder = copy_files(tmp_path)
    (folder / "categories.yaml").write_text(OWN, encoding="utf-8")
    policies = (folder / "policies.yaml").read_text(encoding="utf-8")
    (folder / "policies.yaml").write_text(
        policies.replace("[fraud]", "[fraud, x_loan_sharks]", 1), encoding="utf-8"
    )
    loaded = load_rules(folder)
    assert any("x_loan_sharks" in each.categories for each in loaded.policies)
    # A duty for all categories is for these as well.
    assert any("x_loan_sharks" in each.categories for each in loaded.obligations)
    (folder / "policies.yaml").write_text(policies.replace("[fraud]", "[x_pyramids]", 1), encoding="utf-8")
    with pytest.raises(
        RegistryError, match=r"policies\.yaml:\d+: .*categories\[0\]: should be 'csam', .* or 'x_loan_sharks'"
    ):
        load_rules(folder)


def test_a_report_of_it_becomes_an_escalation(rules):
    compiled = compile_report_rules(rules)
    batch = run(ReportState(0, 1, compiled), compiled, sharks(0, 3))
    assert escalations(batch) == [("opened", 1, rfc3339(START + 2_000))]
    (escalation,) = of_topic(batch, "escalations")
    assert (escalation["category"], escalation["dsa_category"]) == (
        "x_loan_sharks",
        "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    )


def test_a_category_that_nobody_defined_is_refused_with_what_is_valid(rules):
    compiled = compile_report_rules(rules)
    batch = run(ReportState(0, 1, compiled), compiled, [report(1, START, category="x_pyramids")])
    (dead,) = [output for output in batch.outputs if output.topic == "dead-letters"]
    said = dict(dead.headers or ())
    assert (said["tocsin-reason"], said["tocsin-field"]) == (b"unknown_category", b"category")
    assert said["tocsin-detail"].startswith(b"Must be one of csam, csam_synthetic, ")
    assert said["tocsin-detail"].endswith(b", x_loan_sharks.")


def test_without_the_entry_of_an_open_escalation_no_worker_starts(rules):
    """Whether it caused the escalation, or is among what a policy that is gone, too, had counted."""
    both = policy(id="both", categories=("spam", "x_loan_sharks"), levels=levels({"reports": 3}))
    own, other = sharks(0, 3), [report(3 + n, START + 9_000 + n) for n in range(3)]
    for records, before, after, starts in (
        (own, OWN_POLICY, (), False),
        (own, both, (policy(id="both"),), False),
        (own[:1] + other, both, (), False),
        (own[:1] + other, both, (policy(id="both"),), True),
        (own[:2], OWN_POLICY, (), True),
    ):
        compiled = compile_report_rules(dataclasses.replace(rules, policies=(before,)))
        kept = dict(run(ReportState(0, 1, compiled), compiled, records).changes)
        without = compile_report_rules(dataclasses.replace(load_rules(), policies=after))
        place = TopicPartition("channel-state", 0)
        problems = check_entries(report_stage(without), place, 1, kept).problems
        if starts:
            assert not problems
            state = restore_reports(0, 1, without, kept.items())
            run(state, without, [tick(state.time.applied, START + DAY, 9)])
        else:
            (problem,) = problems
            assert "gone: x_loan_sharks (1). Put their entries back" in problem


@pytest.mark.parametrize("name", ["reports", "requests"])
def test_without_the_entry_of_a_clock_no_worker_starts(rules, name):
    """It would run on and lapse, and nobody could see it in the console or end it with a decision."""

    def stage_with(categories):
        # The duty of both is one for the shipped category as well, so that only the category is gone.
        obligations = (*rules.obligations, duty(categories=("spam", "x_loan_sharks")))
        registry = dataclasses.replace(rules, categories=categories, obligations=obligations, policies=())
        if name == "reports":
            return report_stage(compile_report_rules(registry))
        return request_stage(compile_request_rules(registry))

    stage = stage_with(rules.categories)
    order = preservation_order(category="x_loan_sharks")
    records = arriving(stage.rules, sharks(0, 1)) if name == "reports" else [request_record(order)]
    kept = dict(stage.apply(stage.restore(0, 1), records).changes)
    clocks = len(stage.restore(0, 1, kept.items()).clocks)
    assert clocks
    with pytest.raises(UnknownCategory, match=rf"gone: x_loan_sharks \({clocks}\)\. Put"):
        stage_with(built_in_categories()).restore(0, 1, kept.items())


def passed_on(rules):
    """A report as a worker with these rules passes it on to the stage of reporters."""
    compiled = compile_report_rules(rules)
    gated = report_stage(compiled).apply(ReportState(0, 1, compiled), sharks(1, 1))
    return read_back(gated.outputs, "reporters-internal")


def test_trust_counts_it_under_its_code(rules):
    stage = compile_reporter_rules(rules)
    state = ReporterState(0, 1, stage)
    records = [*passed_on(rules), credit(1, START, ref="u1", category="x_loan_sharks")]
    batch = reporter_stage(stage).apply(state, records)
    assert not batch.counters.dead_letters
    found = state.reporters.find(state_key(b"%016x" % KEY.reporter_hash("u1")))
    assert {category_and_verdict(code) for code in found.sums} == {(130, "upheld")}


def test_a_code_that_nobody_has_any_more_is_a_finding_about_the_state(rules, file):
    stage = compile_reporter_rules(rules)
    state = ReporterState(0, 1, stage)
    records = [*passed_on(rules), credit(1, START, ref="u1", category="x_loan_sharks")]
    kept = dict(reporter_stage(stage).apply(state, records).changes)
    place = TopicPartition("reporter-state", 0)
    assert not check_entries(reporter_stage(stage), place, 1, kept).problems
    file.write_text(OWN.replace("code: 130", "code: 131"), encoding="utf-8")
    for other in (load_rules(), load_rules(categories=file)):
        changed = reporter_stage(compile_reporter_rules(other))
        (problem,) = check_entries(changed, place, 1, kept).problems
        assert problem.startswith("reporter-state partition 0: no category has these codes")
        assert ": 130 (1). Put" in problem


def test_a_worker_that_has_not_got_it_yet_refuses_what_another_passed_on(rules):
    stage = compile_reporter_rules(load_rules())
    for records in (passed_on(rules), [credit(1, START, category="x_loan_sharks")]):
        batch = reporter_stage(stage).apply(ReporterState(0, 1, stage), records)
        (dead,) = [output for output in batch.outputs if output.topic == "dead-letters"]
        assert dict(dead.headers or ())["tocsin-reason"] == b"unknown_category"


def test_it_is_counted_in_its_row_of_a_transparency_report(rules):
    compiled = compile_report_rules(rules)
    state = ReportState(0, 1, compiled)
    places = {"evidence": [{"country": "DE", "basis": "victim", "confidence": 0.9}]}
    records = [report(n, START + n, category="x_loan_sharks", **places) for n in range(3)]
    batch = run(state, compiled, [*records, tick(0, START + 2 * DAY, 9)])
    values = [each.value for each in batch.outputs if each.topic == "transparency-counters"]
    counters = [msgspec.json.decode(value or b"", type=TransparencyCounter) for value in values]
    day = from_epoch_ms(START).date()
    period = Period(day, day)
    table = read_table(
        make_report(PeriodSums(counters), rules, "Chirp", period, "platform").files["4_notices.csv"]
    )
    counted = {
        (row["Category of illegal content"], row['Description of the sub-category "Other"']): row[
            "Number of notices received "
        ]
        for row in table
    }
    assert counted["KEYWORD_OTHER", "Lending at illegal rates"] == "3"
    with pytest.raises(RegistryError, match="has no row for x_loan_sharks, of which something was counted"):
        make_report(PeriodSums(counters), load_rules(), "Chirp", period, "platform")


def test_a_keyword_that_its_category_does_not_have_is_refused_when_the_report_is_written(file):
    file.write_text(
        OWN.replace('KEYWORD_OTHER, description: "Lending at illegal rates"', "KEYWORD_DOXING"),
        encoding="utf-8",
    )
    with pytest.raises(
        RegistryError, match=r"x_loan_sharks.template.keyword: KEYWORD_DOXING .* valid: KEYWORD_"
    ):
        make_report(PeriodSums(()), load_rules(categories=file), "Chirp", Period(DATE, DATE), "platform")


def test_a_statement_of_reasons_has_its_category_of_the_database(rules):
    outcome = ModerationOutcome(
        "o-1", MessageSubject("c", "m"), "upheld", "x_loan_sharks", TermsGround("loans-1"), "other",
        from_epoch_ms(START), DeskMember("desk-1", "desk"), "one_reviewer",
    )  # fmt: skip
    (draft,) = drafts([DecidedContent(outcome, "/desk")], HowLearned(()), {}, rules.categories)
    assert draft.statement["category"] == "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
    assert forms_for("x_loan_sharks", rules.categories, {}) == ()


def test_the_file_shown_in_the_docs_is_valid(file):
    page = (Path(__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
    shown = page[page.index("    prior:\n") :].split("\n\n")[0]
    file.write_text(dedent(shown), encoding="utf-8")
    assert load_categories(file)["x_loan_sharks"].code == OWN_CODES.start
    fields = [field for field in CategoryRow.model_fields if f"`{field}`" not in page]
    assert fields == []
