"""`tocsin registry`: what it shows a lawyer, and that the core decides the same."""

import dataclasses
import itertools
import json
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from streams.commands.main import commands, main
from streams.commands.registry import options
from streams.deciding.law.answer import TRIGGERS, Question, answer
from streams.desk.text.law_words import TRIGGER_WORDS, clock_in_words, duration_in_words, time_in_words
from streams.contract.events.report import Channel, Evidence, MessageReport, Notice, NoticeDeclaration
from streams.deciding.law.resolution import Resolver
from streams.registry import loader
from streams.registry.row_of_law import NextDay, Penalty, Signature, WatchedRow
from streams.registry.jurisdiction import Authority
from tests.categories import CATEGORIES
from tests.marked import marked, read_on
from tests.shipped import RULES as SHIPPED
from tests.unit.law_reports import duty, place

TODAY = date(2026, 11, 24)


def obligation(id_, **changes):
    values = {
        "id": id_,
        "instrument": "Act on Tests",
        "article": "s. 1",
        "title": "Take it down",
        "categories": ("ncii", "ncii_deepfake"),
        "trigger": "statutory_victim_request",
        "duration": "PT48H",
        "applies_to": "hosting services",
        "in_force_from": date(2026, 1, 1),
        "sources": read_on(TODAY, "The Gazette", "https://law.example/1"),
    }
    return duty("NZ", **(values | changes))


WATCHDOG = Authority(
    "WATCHDOG", "The Watchdog", "NZ", "regulator", "portal of the office", ("en", "mi"), TODAY, "secondary"
)
ROW = place(
    "NZ", "guarded", name="New Zealand", rule_of_law_basis="For a test.", rule_of_law_as_of=TODAY,
    authorities=(WATCHDOG,), languages=("en", "mi"), checked=TODAY,
)  # fmt: skip
RULES = dataclasses.replace(
    SHIPPED,
    jurisdictions={**SHIPPED.jurisdictions, "NZ": ROW},
    authorities={**SHIPPED.authorities, "WATCHDOG": WATCHDOG},
    obligations=(
        obligation("NZ.armed", required_elements=("contact", "good_faith"), authority="WATCHDOG"),
        obligation("NZ.slower", duration="P3D", article="s. 2"),
        obligation("NZ.advisory", marks=marked("unverified"), action="acknowledge"),
        obligation(
            "NZ.known", trigger="actual_knowledge", duration=None, standard="swiftly", public_only=True
        ),
        obligation(
            "NZ.ordered", trigger="authority_order", gate="judicial_order", legal_bases=("national_law",)
        ),
        obligation("NZ.repealed", in_force_until=date(2026, 5, 31), article="s. 0"),
    ),
)


BILL = WatchedRow(
    id="NZ.bill",
    jurisdiction="NZ",
    status="bill",
    instrument="Tests Amendment Bill",
    article="cl. 4",
    title="Take it down sooner",
    in_force_from=None,
    next=NextDay(date(2027, 2, 1), "second reading"),
    sources=read_on(TODAY, "The bill", "https://bill.example/1"),
    marks=marked("secondary"),
    owner="registry",
    read_by=None,
    review_by=date(2027, 1, 15),
)


@pytest.fixture
def tocsin(monkeypatch):
    monkeypatch.setattr(options, "load_rules", lambda **_: RULES)

    def run(*arguments):
        return CliRunner().invoke(commands, ["registry", *arguments])

    return run


def shown(result):
    """The printed block of each duty, by its id."""
    assert result.exit_code == 0, result.output
    blocks = re.split(r"\n\n", result.stdout)
    found = (re.match(r"([A-Z]{2,6}\.\S+)(.*)\n", block) for block in blocks)
    return {match[1]: match.string for match in found if match}


def test_show_prints_the_duties_that_apply_and_why(tocsin):
    result = tocsin(
        "show",
        "nz",
        "--category",
        "ncii_deepfake",
        "--trigger",
        "statutory_victim_request",
        "--at",
        "2026-11-24",
    )
    duties = shown(result)
    assert list(duties) == ["NZ.armed", "NZ.slower", "NZ.advisory", "NZ.known"]
    assert "4 duties apply:" in result.stdout
    assert "NZ New Zealand: ncii_deepfake, a request by the person concerned" in result.stdout
    assert re.search(r"rule of law +guarded, as of 2026-11-24\. For a test\.", result.stdout)
    assert re.search(r"(?m)^gate +two person review", result.stdout)
    armed = duties["NZ.armed"]
    assert armed.startswith("NZ.armed   [strictest]\n")
    assert "[strictest]" not in duties["NZ.slower"]
    for line in (
        r"duty +Take it down \(remove, in NZ\)",
        r"provision +Act on Tests, s\. 1",
        r"time limit +within 48 hours",
        r"clock +runs from receipt, if it contains: contact, good faith",
        r"authority +The Watchdog \(WATCHDOG, regulator, secondary\): portal of the office; languages: en, mi",
        r"in force +from 2026-01-01\n",
        r"source +The Gazette\n +https://law\.example/1\n +checked 2026-11-24, verified; review by 2027-05-23",
    ):
        assert re.search(line, armed), line
    assert (
        "none, because this row is not verified; the platform's internal target is 48 hours"
        in duties["NZ.advisory"]
    )
    assert "none, because it needs actual knowledge; the platform's" in duties["NZ.known"]
    assert "public content only" in duties["NZ.known"]


def test_what_is_watched_of_countries_without_a_file_is_shown_with_global_alone(tocsin):
    heading = "Watched, and no duty: law that is not in force, or that nothing here starts:\n"
    assert "Watched" not in tocsin("show", "NZ", "--at", "2026-11-28").stdout
    watched = tocsin("show", "GLOBAL", "--at", "2026-11-28").stdout.partition(heading)[2]
    assert "GLOBAL.pk.rules-2021, in force: " in watched


def test_show_without_a_category_lists_everything(tocsin):
    result = tocsin("show", "NZ", "--at", "2026-11-24")
    duties = shown(result)
    assert list(duties) == ["NZ.armed", "NZ.slower", "NZ.advisory", "NZ.known", "NZ.ordered"]
    assert duties["NZ.armed"].endswith("\n  categories    ncii, ncii_deepfake")
    assert "Not in force on 2026-11-24:\n  NZ.repealed, from 2026-01-01 until 2026-05-31\n" in result.stdout
    assert re.search(
        r"WATCHDOG +regulator +The Watchdog +portal of the office +en, mi +secondary", result.stdout
    )


def test_show_prints_the_law_of_the_given_day(tocsin):
    duties = shown(tocsin("show", "NZ", "--category", "ncii", "--at", "2026-05-31"))
    assert "NZ.repealed" in duties
    assert "NZ.repealed" not in shown(tocsin("show", "NZ", "--category", "ncii", "--at", "2026-06-01"))
    assert "No duty applies." in tocsin("show", "NZ", "--at", "2025-12-31").stdout


def test_an_order_has_its_own_gate_and_no_routing_of_reports(tocsin):
    result = tocsin("show", "NZ", "--category", "ncii", "--trigger", "authority_order", "--at", "2026-11-24")
    assert list(shown(result)) == ["NZ.ordered"]
    assert re.search(r"(?m)^gate +judicial order", result.stdout)
    assert re.search("trigger +an authority's order under national_law", result.stdout)
    assert "Recipients of such" not in result.stdout
    # The gate of a report says nothing about orders.
    assert re.search(r"(?m)^gate +two person review", tocsin("show", "NZ", "--category", "ncii").stdout)


def test_show_says_what_an_advisory_duty_rests_on_who_signed_it_and_the_penalty(tocsin, monkeypatch):
    quoted = obligation(
        "NZ.quoted",
        trigger="regulator_notice",
        marks=dataclasses.replace(marked("verified"), time="secondary"),
        penalties=(Penalty("NZ$ 20,000", "provider", "s. 25"),),
        signed=Signature("counsel-1", TODAY),
    )
    rules = dataclasses.replace(RULES, obligations=(*RULES.obligations, quoted))
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)
    duty = shown(tocsin("show", "NZ", "--trigger", "regulator_notice"))["NZ.quoted"]
    for line in (
        r"clock +none, because its time or dates are known from secondary sources only; advisory: by the row it\n"
        r" +would be due within 48 hours",
        r"time secondary, dates verified, reach verified, elements verified, categories verified\n",
        r"(?m)^ +signed by counsel-1 on 2026-11-24$",
        r"penalty +NZ\$ 20,000; liable: provider \(s\. 25\)",
    ):
        assert re.search(line, duty), duty
    armed = shown(tocsin("show", "NZ", "--trigger", "statutory_victim_request"))["NZ.armed"]
    assert re.search(r"(?m)^ +unsigned$", armed)


def test_show_lists_the_law_that_is_watched(tocsin, monkeypatch):
    rules = dataclasses.replace(
        RULES, watched=(BILL, dataclasses.replace(BILL, id="KR.bill", jurisdiction="KR"))
    )
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)
    result = tocsin("show", "NZ")
    watched = result.stdout.partition("Watched, and no duty")[2]
    assert (
        "NZ.bill, bill: Take it down sooner (Tests Amendment Bill, cl. 4). Next, 2027-02-01: second reading. "
        "Checked 2026-11-24, secondary; review by 2027-01-15. https://bill.example/1"
    ) in " ".join(watched.split())
    assert "KR.bill" not in result.stdout
    document = json.loads(tocsin("show", "NZ", "--json").stdout)
    assert [row["id"] for row in document["watched"]] == ["NZ.bill"]
    assert "NZ.bill" not in {row["id"] for row in document["obligations"]}


def test_show_json_is_one_object(tocsin):
    result = tocsin("show", "NZ", "--category", "ncii", "--at", "2026-11-24", "--json")
    assert result.stdout.count("\n") == 1
    found = json.loads(result.stdout)
    assert (found["code"], found["at"], found["layers"]) == ("NZ", "2026-11-24", ["GLOBAL"])
    by_id = {row["id"]: row for row in found["obligations"]}
    assert by_id["NZ.armed"]["clock_status"] == "armed"
    assert by_id["NZ.armed"]["target"] is None
    assert by_id["NZ.advisory"]["not_armed_reason"] == "unverified"
    assert by_id["NZ.advisory"]["target"] == "PT48H"
    assert by_id["NZ.slower"]["strictest"] is False
    assert by_id["NZ.armed"]["source_url"] == "https://law.example/1"
    assert found["not_in_force"] == [{"id": "NZ.repealed", "from": "2026-01-01", "until": "2026-05-31"}]
    assert found["routing"][0]["recipient"] == "internal_review"


@pytest.mark.parametrize(
    ("code", "head"),
    [
        ("UK", "GB United Kingdom"),
        ("xk", "XK has no row of its own"),
        ("EU", "EU European Union"),
        ("XX", "XX Unknown"),
    ],
)
def test_country_codes_are_accepted_as_people_write_them(tocsin, code, head):
    assert tocsin("show", code).stdout.startswith(head)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("show", "Korea"), "'KOREA' is not a country"),
        (("show", "Korea"), "Did you mean KR (South Korea)?"),
        (("show", "germny"), "Did you mean DE (Germany)?"),
        (("show", "Guinea"), "or one of EEA, EU, GLOBAL.\n"),
        (("show", "KR", "--category", "deepfake"), "deepfake"),
        (("show", "KR", "--trigger", "order"), "order"),
        (("show", "KR", "--at", "yesterday"), "yesterday"),
    ],
)
def test_invalid_arguments_exit_with_2(tocsin, arguments, named):
    result = tocsin(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PT48H", "48 hours"), ("PT1H", "1 hour"), ("PT90M", "90 minutes"), ("P1D", "1 day"),
        ("P10D", "10 days"), ("P2W", "14 days"), ("P1DT2H", "26 hours"), ("P6M", "6 months"),
        ("P1Y", "1 year"), ("P1Y6M", "1 year 6 months"),
        ("PT30S", "30 seconds"),
    ],
)  # fmt: skip
def test_durations_in_words(text, words):
    assert duration_in_words(text) == words


def test_times_and_clocks_in_words():
    days = obligation("NZ.x", duration="P5D", calendar="business_days")
    assert time_in_words(days) == "within 5 business days"
    assert "the registry has no calendar of holidays" in clock_in_words(days, "no_holiday_calendar", RULES)
    union = obligation("NZ.x", duration="P10D", calendar="regulation_1182_71")
    assert time_in_words(union) == "within 10 days, to the end of a working day (Regulation 1182/71)"
    keep = obligation("NZ.x", duration="P6M", meaning="retention")
    assert time_in_words(keep) == "keep for 6 months"
    assert (
        clock_in_words(keep, "retention", RULES) == "none, because this duty is to keep something, not to act"
    )
    assert clock_in_words(keep, None, RULES) == "runs from receipt"
    paused = obligation("NZ.x", pausable_for=("force_majeure",))
    assert clock_in_words(paused, None, RULES) == "runs from receipt; can be paused for: force majeure"
    both = obligation("NZ.x", standard="as_soon_as_reasonably_practicable")
    assert time_in_words(both) == "within 48 hours, as soon as reasonably practicable"
    assert time_in_words(obligation("NZ.x", duration=None)) == "none set by law"


def test_the_rarer_terms_of_a_row_in_words(tocsin, monkeypatch):
    wait = obligation(
        "NZ.wait", trigger="data_order", action="produce_data", duration="P10D", meaning="not_before",
        gate="judicial_order", legal_bases=("e_evidence_epoc",), enforcing_authority_notified=True, emergency=False,
        questions=("territorial_scope", "senior_officer"), exempt_sizes=("micro", "small"),
    )  # fmt: skip
    rules = dataclasses.replace(RULES, obligations=(wait,))
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)
    text = shown(tocsin("show", "NZ", "--trigger", "data_order", "--at", "2026-11-24"))["NZ.wait"]
    assert re.search(r"time limit +not before the end of 10 days\n", text)
    assert re.search(r"lawyer asks +territorial scope, senior officer\n", text)
    assert "not micro or small enterprises" in text
    assert "except urgent ones, if the enforcing authority was notified" in " ".join(text.split())
    hour = obligation("NZ.x", pausable_for=("force_majeure",), after_pause="restarts")
    assert clock_in_words(hour, None, RULES).endswith(
        "can be paused for: force majeure, and then begins anew"
    )


def test_a_duty_from_which_the_platform_is_exempt_is_not_shown(tocsin, monkeypatch):
    exempt = obligation("NZ.exempt", exempt_sizes=("micro", "small"))
    rules = dataclasses.replace(RULES, obligations=(exempt,))
    for size, count in ((None, 1), ("medium", 1), ("small", 0)):
        own = dataclasses.replace(rules, platform=dataclasses.replace(rules.platform, size=size))
        monkeypatch.setattr(options, "load_rules", lambda own=own, **_: own)
        assert tocsin("show", "NZ", "--at", "2026-11-24").stdout.count("NZ.exempt") == count


def test_every_trigger_has_a_description():
    assert TRIGGER_WORDS.keys() == set(TRIGGERS)


REPORTED = sorted(SHIPPED.triggers.met_by_report.keys() & set(TRIGGERS))
PLACES = ["AU", "BR", "DE", "DK", "GB", "IN", "JP", "KR", "MY", "NC", "US", "VN", "XX", "ZA"]


@pytest.mark.parametrize("kind", REPORTED)
def test_show_agrees_with_the_core(kind):
    """For a report with every element, from a public channel, with evidence for one country alone."""
    resolver = Resolver(SHIPPED)
    elements = (
        "explanation",
        "location",
        "identity",
        "good_faith",
        "subject_or_authorised",
        "contact",
        "signature",
    )
    for code, category, day in itertools.product(PLACES, CATEGORIES, (date(2025, 6, 1), TODAY)):
        report = MessageReport(
            report_id="r",
            kind=kind,
            occurred_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            channel=Channel("c", "public"),
            category=category,
            evidence=() if code == "XX" else (Evidence(code, "victim", 1.0),),
            notice=Notice(elements, get_args(NoticeDeclaration)),
        )
        decided = resolver.resolve(report)
        found = answer(SHIPPED, Question(code, category, kind, day))
        where = (code, category, day)
        assert found.duties == decided.duties, where
        assert found.rule_of_law == decided.rule_of_law, where
        assert found.routing == decided.routing, where


def test_check_lists_the_findings_to_review(tocsin):
    result = tocsin("check", "--today", "2026-11-24")
    assert result.exit_code == 0
    assert re.search(r"obligation +NZ\.advisory +NZ +Take it down +2026-11-24", result.stdout)
    assert "NZ.armed" not in result.stdout
    assert "Overdue for review:" not in result.stdout
    assert "Duties that begin or end" not in result.stdout
    assert re.search(
        r"6 obligations, version \w+: valid; \d+ rows have an unverified part, 0 are overdue", result.stdout
    )


def test_check_separates_an_unverified_part_from_a_clock_that_does_not_run(tocsin, monkeypatch):
    marks = marked("verified")
    other = obligation("NZ.elements", marks=dataclasses.replace(marks, elements="unverified"))
    told = obligation("NZ.secondary", marks=marked("secondary"))
    rules = dataclasses.replace(RULES, obligations=(other, told))
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)
    found = tocsin("check", "--today", "2026-11-24").stdout
    head, _, advisory = found.partition("\n\nAdvisory: time or dates are secondary")
    listed = head.partition("A part is unverified (a clock depends on the marks of time and dates only):")[2]
    assert " NZ.elements " in listed and "NZ.secondary" not in listed
    assert advisory.partition("\n\n")[0].endswith(": NZ.secondary")


def test_check_a_year_later_lists_every_row_that_still_holds_as_overdue(tocsin):
    result = tocsin("check", "--today", "2027-11-24")
    overdue = result.stdout.partition("Overdue for review:")[2]
    assert {row.id for row in RULES.obligations if f" {row.id} " in overdue} == {
        row.id for row in RULES.obligations if row.id != "NZ.repealed"
    }
    assert re.search(r"WATCHDOG .* 2026-11-24  2027-05-23", overdue)


def test_check_lists_what_begins_or_ends_soon(tocsin):
    assert re.search(
        r"Duties that begin or end within 30 days:\n\n.*\n.*\n2026-06-01  NZ.repealed  +ends\n",
        tocsin("check", "--today", "2026-05-30").stdout,
    )


def test_check_says_what_publishers_of_user_reports_may_claim_besides(monkeypatch):
    arguments = ["registry", "check", "--today", "2026-11-24"]
    moving = Path(__file__).parents[2] / "deploy" / "registry" / "sources-while-moving.yaml"
    said = (
        "Who may publish reports of users to message-reports may also claim there: trusted_flagger_notice, "
    )
    assert said not in CliRunner().invoke(commands, arguments).stdout
    monkeypatch.setenv("TOCSIN_SOURCES_FILE", str(moving))
    assert said in CliRunner().invoke(commands, arguments).stdout


def test_check_names_verification_dates_in_the_future(tocsin):
    assert "Checked on a date in the future" in tocsin("check", "--today", "2026-11-23").stdout


def test_check_of_another_folder_names_line_and_field_of_a_mistake(tmp_path, monkeypatch, capsys):
    law = tmp_path / "law"
    shutil.copytree(Path(loader.__file__).parent / "law", law)
    assert CliRunner().invoke(commands, ["registry", "check", "--law", str(law)]).exit_code == 0
    text = (law / "KR.yaml").read_text(encoding="utf-8")
    (law / "KR.yaml").write_text(
        text.replace("trigger: actual_knowledge", "trigger: rumour", 1), encoding="utf-8"
    )
    monkeypatch.setattr("sys.argv", ["tocsin", "registry", "check", "--law", str(law)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert re.search(r"Error: KR\.yaml:\d+: obligations\[?\.?0\]?\.trigger", capsys.readouterr().err)


def test_the_shipped_law_passes_the_check():
    result = CliRunner().invoke(commands, ["registry", "check", "--today", "2026-11-24"])
    assert result.exit_code == 0
    assert "0 are overdue for review" in result.stdout


def test_check_shows_where_tiers_are_not_those_of_the_index(tocsin):
    shown = tocsin("check", "--today", "2026-11-26").stdout
    assert (
        "TIERS THAT ARE NOT THE INDEX'S (World Bank, Worldwide Governance Indicators, 2023 and 2024)" in shown
    )
    assert re.search(r"RO +open +unknown +the index lacks voice and accountability\n", shown)
    # The row for the tests is guarded; New Zealand is open by the index.
    assert re.search(r"NZ +guarded +open +more careful than the index\n", shown)


def test_check_says_that_no_tier_was_compared(monkeypatch):
    monkeypatch.setattr(options, "load_rules", lambda **_: dataclasses.replace(RULES, index=None))
    result = CliRunner().invoke(commands, ["registry", "check", "--today", "2026-11-26"])
    assert "no rule_of_law.yaml, so no tier was compared" in result.stdout


def test_show_gives_the_tier_of_the_day_and_the_values_of_the_index(tocsin):
    def tier(*arguments):
        text = tocsin("show", *arguments).stdout.partition("rule of law")[2].partition("\ngate")[0]
        return " ".join(text.split())

    assert tier("HU", "--at", "2026-11-25").startswith(
        "open on that day. Later guarded, as of 2026-11-26. By the"
    )
    assert tier("HU", "--at", "2026-11-26").startswith("guarded, as of 2026-11-26. By the index")
    assert tier("HU").endswith("Index: rule of law 0.19 (2024), voice and accountability 0.36 (2023).")
    assert tier("RO").endswith("voice and accountability not known (2023).")
    assert "Index:" not in tier("XX")
