"""The shipped law: it holds what the sources say, and a changed law has one row before and one after."""

from datetime import date
from pathlib import Path
from typing import get_args

import pytest

import streams.registry
from streams.contract.events.authority_request import RequestElement, RequestKind
from streams.contract.events.report import NoticeDeclaration, NoticeElement, ReportKind
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation, Standard
from tests.categories import CATEGORIES

EU = set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
FRENCH_OUTERMOST = {"GP", "MQ", "RE", "GF", "YT", "MF"}
OF_KINDS = {"authority_order", "regulator_notice", "data_order"}
# What a request lacks, and not its kind, meets the others.
ORDERS = OF_KINDS | {"incomplete_order", "unvalidated_emergency_order"}


def duty_of(rules: Rules, id_: str) -> Obligation:
    (duty,) = [duty for duty in rules.obligations if duty.id == id_]
    return duty


def in_force(rules: Rules, prefix: str, day: str) -> dict[str, str | None]:
    when = date.fromisoformat(day)
    return {
        duty.id: duty.duration
        for duty in rules.obligations
        if duty.id.startswith(prefix) and duty.in_force_from <= when <= (duty.in_force_until or date.max)
    }


# Places


def test_members_of_the_union_and_of_the_eea(rules: Rules) -> None:
    rows = rules.jurisdictions
    states = {code for code, row in rows.items() if row.part_of is None and "EU" in row.regions}
    assert states == EU
    assert {code for code, row in rows.items() if row.part_of is None and "EEA" in row.regions} == (
        EU | {"EU", "IS", "LI", "NO"}
    )
    assert rows["DE"].regions == ("EEA", "EU")
    assert rules.regions == {"EEA", "EU"}
    for code in (
        "GLOBAL",
        "EEA",
        "GB",
        "CH",
        "US",
        "KR",
        "IN",
        "BR",
        "AU",
        "SG",
        "JP",
        "TR",
        "RU",
        "IR",
        "MY",
        "TW",
        "ID",
        "VN",
        "CA",
        "NZ",
        "AE",
        "NG",
        "PH",
        "KE",
        "XX",
    ):
        assert rows[code].regions == ()


def test_overseas_territories_belong_to_their_states(rules: Rules) -> None:
    territories = {code: row for code, row in rules.jurisdictions.items() if row.part_of is not None}
    inside = {code for code, row in territories.items() if "EU" in row.regions}
    assert inside == FRENCH_OUTERMOST | {"AX"}
    assert {territories[code].part_of for code in FRENCH_OUTERMOST} == {"FR"}
    for code, state in {"GL": "DK", "FO": "DK", "NC": "FR", "PF": "FR", "SJ": "NO"}.items():
        assert (territories[code].part_of, territories[code].regions) == (state, ())
        assert territories[code].art18_authority is None
    assert territories["MQ"].regions == ("EEA", "EU")
    assert (territories["MQ"].dsc, territories["MQ"].rule_of_law) == ("ARCOM", "open")
    assert {code for code, row in territories.items() if row.verification != "verified"} == {"SJ"}


def test_every_state_of_the_union_has_its_coordinator(rules: Rules) -> None:
    shown = {code: rules.authorities[str(rules.jurisdictions[code].dsc)] for code in EU}
    assert all(
        authority.role == "dsc" and authority.jurisdiction == code for code, authority in shown.items()
    )
    assert len({authority.id for authority in shown.values()}) == 27
    unverified = {code for code, authority in shown.items() if authority.verification == "unverified"}
    # The Commission's page shows a designation, but the name was not on the part that was read.
    assert unverified == {"EE", "SK"}
    assert {code for code, authority in shown.items() if authority.verification == "secondary"} == {"PL"}
    assert shown["DK"].name.startswith("Digitaliseringsstyrelsen")
    assert (shown["DE"].name, shown["BE"].id, shown["IE"].name) == (
        "Bundesnetzagentur",
        "BIPT",
        "Coimisiún na Meán",
    )


def test_doubts_about_a_coordinator_are_noted(rules: Rules) -> None:
    noted = {code for code, row in rules.jurisdictions.items() if row.dsc_status is not None}
    assert noted == {"CZ", "ES", "CY", "PL", "PT"}


def test_authorities_to_notify_of_a_threat(rules: Rules) -> None:
    authorities = {code: rules.jurisdictions[code].art18_authority for code in EU}
    assert authorities.pop("DE") == "BKA"
    assert authorities.pop("BE") == "DJSOC_I2_IRU"
    assert set(authorities.values()) == {"MEMBER_STATE"}
    assert {
        code for code, row in rules.jurisdictions.items() if row.art18_authority and not row.part_of
    } == EU


def test_contacts_for_terrorist_content(rules: Rules) -> None:
    contacts = {code: rules.jurisdictions[code].tco_authority for code in EU}
    assert (contacts.pop("BE"), contacts.pop("FR")) == ("BE_FEDERAL_PROSECUTOR", "OFAC")
    assert set(contacts.values()) == {"TCO_AUTHORITY"}
    assert rules.authorities["DJSOC_I2_IRU"].channel == "Permanence around the clock"


def test_rule_of_law_tiers(rules: Rules) -> None:
    tiers = {code: row.rule_of_law for code, row in rules.jurisdictions.items()}
    assert {code for code, tier in tiers.items() if tier == "closed"} == {"RU", "IR", "TR", "VN", "AE"}
    assert {code for code, tier in tiers.items() if tier == "unknown"} == {"GLOBAL", "XX"}
    assert {code for code, tier in tiers.items() if tier == "guarded"} == {
        *("BG", "BR", "HU", "IN", "SG"),
        *("MY", "ID", "TW", "NG", "PH", "KE"),
    }
    assert all(row.rule_of_law_basis and row.rule_of_law_as_of for row in rules.jurisdictions.values())


def test_a_closed_state_that_makes_demands_has_no_authority(rules: Rules) -> None:
    for code in ("RU", "IR", "VN"):
        assert rules.jurisdictions[code].authorities == ()


def test_what_arms_a_clock_is_the_same_in_a_closed_state(rules: Rules) -> None:
    """The marks decide: a tier says what is done with a demand, not what was read."""
    closed = {code for code, row in rules.jurisdictions.items() if row.rule_of_law == "closed"}
    numbers = [duty for duty in rules.obligations if duty.duration and duty.jurisdiction in closed]
    verified = {duty.id for duty in numbers if duty.marks.of_clock == "verified"}
    assert verified == {
        *("VN.cyber.request", "VN.cyber.urgent", "VN.cyber.data", "VN.cyber.data.urgent"),
    }
    for duty in numbers:
        read = [source for source in duty.sources if source.quote is not None and source.sha256 is not None]
        assert bool(read) == (duty.id in verified), duty.id


def test_norways_code_is_not_read_as_a_boolean(rules: Rules) -> None:
    assert rules.jurisdictions["NO"].name == "Norway"
    assert rules.jurisdictions["SJ"].part_of == "NO"
    assert rules.location_hints.language_countries["nb"] == "NO"


def test_language_hints_exclude_languages_of_several_countries(rules: Rules) -> None:
    hints = rules.location_hints
    assert hints.language_countries["ko"] == "KR"
    assert hints.language_countries["ja"] == "JP"
    for shared in ("de", "en", "es", "fr", "pt", "el", "tr", "ru", "fa"):
        assert shared not in hints.language_countries
    assert (hints.channel, hints.reporter, hints.language) == (0.5, 0.3, 0.1)


# Duties


@pytest.mark.parametrize(
    ("id_", "duration", "standard", "trigger", "since", "verification"),
    [
        ("EU.dsa.art9-1", None, "without_undue_delay", "authority_order", "2024-02-17", "verified"),
        ("EU.dsa.art10-1", None, "without_undue_delay", "data_order", "2024-02-17", "verified"),
        ("EU.dsa.art16-4", None, "without_undue_delay", "user_report", "2024-02-17", "verified"),
        ("EU.dsa.art16-5", None, "timely", "user_report", "2024-02-17", "verified"),
        ("EU.dsa.art18-1", None, "promptly", "awareness_threat", "2024-02-17", "verified"),
        ("EU.dsa.art22-1", None, "without_undue_delay", "trusted_flagger_notice", "2024-02-17", "verified"),
        ("EU.tco.art3-3", "PT1H", None, "authority_order", "2022-06-07", "verified"),
        ("EU.tco.art6", "P6M", None, "authority_order", "2022-06-07", "verified"),
        ("EU.tco.art14-5", None, "promptly", "awareness_threat", "2022-06-07", "verified"),
        ("EU.e-evidence.art10-3", "P10D", None, "data_order", "2026-08-18", "verified"),
        ("EU.e-evidence.art10-2", "P10D", None, "data_order", "2026-08-18", "verified"),
        ("EU.e-evidence.art10-4", "PT8H", None, "data_order", "2026-08-18", "verified"),
        ("EU.e-evidence.art11-1", "P60D", None, "data_order", "2026-08-18", "verified"),
        ("DE.ddg.s13", None, "promptly", "awareness_threat", "2024-05-14", "verified"),
        ("FR.lcen.art6-1", "PT24H", None, "authority_order", "2015-02-07", "secondary"),
        ("FR.lcen.art6-1.csam", "PT24H", None, "authority_order", "2025-02-20", "secondary"),
        ("FR.lcen.torture", "PT24H", None, "authority_order", "2025-02-20", "unverified"),
        (
            "GB.osa.s10-3A",
            "PT48H",
            "as_soon_as_reasonably_practicable",
            "statutory_victim_request",
            "2026-06-29",
            "verified",
        ),
        ("GB.osa.s10-3", None, "swiftly", "actual_knowledge", "2025-03-17", "verified"),
        ("GB.osa.s66", None, None, "actual_knowledge", "2026-04-07", "verified"),
        ("GB.osa.s66.reference", "P5Y", None, "actual_knowledge", "2026-04-07", "secondary"),
        ("US.2258A", None, "as_soon_as_reasonably_possible", "actual_knowledge", "2024-05-07", "verified"),
        ("US.2258A.h", "P1Y", None, "actual_knowledge", "2024-05-07", "verified"),
        ("US.take-it-down.s3", "PT48H", None, "statutory_victim_request", "2026-05-19", "verified"),
        ("KR.tba.art22-5", None, "without_undue_delay", "actual_knowledge", "2020-12-10", "verified"),
        ("AU.osa.s77", "PT24H", None, "regulator_notice", "2022-01-23", "verified"),
        ("AU.osa.s88.complaint", "PT48H", None, "user_report", "2022-01-23", "verified"),
        ("AU.osa.s65", "PT24H", None, "regulator_notice", "2022-01-23", "verified"),
        ("IN.itr.3-1-d", "PT3H", None, "authority_order", "2026-02-20", "verified"),
        ("IN.itr.3-1-j", "PT72H", None, "data_order", "2021-02-25", "secondary"),
        ("BR.mci.art21", None, "diligently", "statutory_victim_request", "2014-06-23", "verified"),
        ("US.2703-f", "P90D", None, "data_order", "1996-04-24", "verified"),
        ("US.2702-b-8", None, None, "data_order", "2006-03-09", "verified"),
        ("CA.icsam.s4", "P21D", None, "actual_knowledge", "2011-12-08", "secondary"),
        (
            "NZ.hdca.s24",
            "PT48H",
            "as_soon_as_reasonably_practicable",
            "statutory_victim_request",
            "2015-07-03",
            "secondary",
        ),
        ("BR.eca-digital.art29", None, "promptly", "user_report", "2026-03-17", "verified"),
        ("BR.eca-digital.art27.keep", "P6M", None, "actual_knowledge", "2026-03-17", "verified"),
        ("FR.cpp.art60-1", None, "without_undue_delay", "data_order", "2004-03-10", "unverified"),
        ("BR.d12976.art7-1", "PT2H", None, "statutory_victim_request", "2026-07-20", "secondary"),
        ("BR.d12976.art12.manifest", "PT6H", None, "user_report", "2026-07-20", "secondary"),
        ("JP.idpa.decide", "P7D", None, "statutory_victim_request", "2025-07-30", "secondary"),
        ("MY.onsa.ack", "PT1H", None, "user_report", "2026-01-01", "secondary"),
        ("SG.ocha.directions", None, None, "authority_order", "2024-02-01", "secondary"),
        ("ID.mr5.art14", "PT24H", None, "authority_order", "2020-11-24", "verified"),
        ("TW.csepa.art8", "PT24H", None, "authority_order", "2024-01-31", "secondary"),
        ("TR.5651.urgent", "PT1H", None, "authority_order", "2026-11-01", "unverified"),
        ("VN.cyber.urgent", "PT6H", None, "authority_order", "2026-07-01", "verified"),
        ("SG.osra.directions", None, None, "regulator_notice", "2026-06-29", "verified"),
    ],
)
def test_duties_match_their_sources(
    rules: Rules,
    id_: str,
    duration: str | None,
    standard: str | None,
    trigger: str,
    since: str,
    verification: str,
) -> None:
    duty = duty_of(rules, id_)
    assert (duty.duration, duty.standard, duty.trigger) == (duration, standard, trigger)
    assert (duty.in_force_from.isoformat(), duty.marks.of_clock) == (since, verification)
    assert date(2026, 11, 24) <= duty.checked <= date(2026, 11, 28)
    assert duty.source_url.startswith(("https://", "http://"))


# What the amendments of 2026 left alone.
IN_OF_OLD: dict[str, str | None] = {
    "IN.itr.3-1-g": "P180D",
    "IN.blocking.r8": "PT48H",
    "IN.blocking.r9": None,
    "IN.blocking.r13": "PT2H",
}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (
            "2026-02-19",
            {
                "IN.itr.3-1-d.2025": "PT36H",
                "IN.itr.3-2-a.ack": "PT24H",
                "IN.itr.3-2-b.2021": "PT24H",
                "IN.itr.3-2-a.2021": "P15D",
                "IN.itr.3-2-a.specified.2022": "PT72H",
                "IN.itr.3-1-j": "PT72H",
                **IN_OF_OLD,
            },
        ),
        (
            "2026-02-20",
            {
                "IN.itr.3-1-d": "PT3H",
                "IN.itr.3-2-a.ack": "PT24H",
                "IN.itr.3-2-b": "PT2H",
                "IN.itr.3-2-a": "P7D",
                "IN.itr.3-2-a.specified": "PT36H",
                "IN.itr.3-1-j": "PT72H",
                **IN_OF_OLD,
            },
        ),
    ],
)
def test_india_changed_its_clocks_overnight(rules: Rules, day: str, expected: dict[str, str | None]) -> None:
    assert in_force(rules, "IN.", day) == expected


@pytest.mark.parametrize(
    ("prefix", "day_before", "added"),
    [
        ("GB.", "2026-06-28", {"GB.osa.s10-3A"}),
        ("GB.", "2026-04-06", {"GB.osa.s66", "GB.osa.s66.content", "GB.osa.s66.reference"}),
        ("US.", "2026-05-18", {"US.take-it-down.s3"}),
        ("SG.", "2026-06-28", {"SG.osra.directions", "SG.osra.complaint"}),
        ("SG.", "2024-01-31", {"SG.ocha.directions", "SG.ocha.directions.account"}),
        ("FR.", "2025-02-19", {"FR.lcen.art6-1.csam", "FR.lcen.torture"}),
        ("FR.", "2015-02-06", {"FR.lcen.art6-1"}),
        (
            "EU.e-evidence",
            "2026-08-17",
            {
                "EU.e-evidence.art10-1",
                "EU.e-evidence.art10-2",
                "EU.e-evidence.art10-3",
                "EU.e-evidence.art10-4",
                "EU.e-evidence.art11-1",
                "EU.e-evidence.art4-5",
                *("EU.e-evidence.art10-6", "EU.e-evidence.art10-6.answer"),
                *("EU.e-evidence.art11-5", "EU.e-evidence.art11-5.answer"),
            },
        ),
        (
            "EU.tco",
            "2022-06-06",
            {
                *("EU.tco.art3-3", "EU.tco.art3-6", "EU.tco.art3-8"),
                *("EU.tco.art6", "EU.tco.art11", "EU.tco.art14-5"),
            },
        ),
        ("JP.", "2025-07-29", {"JP.idpa.decide"}),
        (
            "BR.",
            "2026-07-19",
            {"BR.d12976.art7-1", "BR.d12976.art12.manifest", "BR.d12976.art12.other"},
        ),
        (
            "MY.",
            "2025-12-31",
            {
                *("MY.onsa.ack", "MY.onsa.assess", "MY.onsa.priority", "MY.onsa.harmful", "MY.onsa.notice"),
                *("MY.onsa.s25", "MY.onsa.s25.tell"),
            },
        ),
        ("BR.", "2025-08-04", {"BR.stf-987.notice", "BR.stf-987.grave"}),
        (
            "BR.",
            "2026-03-16",
            {"BR.eca-digital.art27", "BR.eca-digital.art27.keep", "BR.eca-digital.art29"},
        ),
    ],
)
def test_duties_that_enter_into_force_on_a_day(
    rules: Rules, prefix: str, day_before: str, added: set[str]
) -> None:
    before = date.fromisoformat(day_before)
    after = date.fromordinal(before.toordinal() + 1)
    then = set(in_force(rules, prefix, day_before))
    now = set(in_force(rules, prefix, after.isoformat()))
    assert (now - then, then - now) == (added, set())


def test_the_netzdg_ends_where_the_ddg_begins(rules: Rules) -> None:
    assert set(in_force(rules, "DE.", "2024-05-13")) == {
        "DE.netzdg.s3",
        "DE.netzdg.s3.other",
        "DE.netzdg.s3a",
    }
    assert set(in_force(rules, "DE.", "2024-05-14")) == {"DE.ddg.s13"}
    assert {
        duty.id for duty in rules.obligations if "netzdg" in duty.id and duty.verification != "verified"
    } == {"DE.netzdg.s3a"}


def test_retention_duties_are_not_deadlines(rules: Rules) -> None:
    kept = {duty.id for duty in rules.obligations if duty.meaning == "retention"}
    assert kept == {
        *("EU.tco.art6", "EU.e-evidence.art11-1", "US.2258A.h", "CA.icsam.s4", "TW.sacpa.art13.keep"),
        *("GB.osa.s66.content", "GB.osa.s66.reference", "US.2703-f", "BR.eca-digital.art27.keep"),
        *("IN.itr.3-1-g", "SG.ocha.code.keep", "TW.csepa.keep"),
    }
    assert {duty.action for duty in rules.obligations if duty.id in kept} == {"preserve"}


def test_the_hour_of_a_removal_order_can_be_paused_and_then_begins_anew(rules: Rules) -> None:
    row = duty_of(rules, "EU.tco.art3-3")
    assert row.pausable_for == ("force_majeure", "manifest_errors", "insufficient_information")
    assert row.after_pause == "restarts"


def test_one_row_is_a_wait_for_the_notified_case(rules: Rules) -> None:
    assert [duty.id for duty in rules.obligations if duty.meaning == "not_before"] == [
        "EU.e-evidence.art10-2"
    ]
    notified = {
        duty.id: duty.enforcing_authority_notified
        for duty in rules.obligations
        if duty.enforcing_authority_notified is not None
    }
    assert notified == {"EU.e-evidence.art10-2": True, "EU.e-evidence.art10-3": False}


def test_small_platforms_are_exempt_from_duties_of_online_platforms_alone(rules: Rules) -> None:
    exempt = {duty.id: duty.exempt_sizes for duty in rules.obligations if duty.exempt_sizes}
    assert exempt == dict.fromkeys(("EU.dsa.art22-1", "EU.dsa.art24-5"), ("micro", "small"))
    assert rules.platform.size is None


def test_every_clock_of_the_decree_on_women_needs_that_fact(rules: Rules) -> None:
    rows = [duty for duty in rules.obligations if duty.id.startswith("BR.d12976.")]
    assert len(rows) == 3
    assert all("against_a_woman" in duty.required_elements for duty in rows)


def test_elements_that_a_lawyer_judges(rules: Rules) -> None:
    assert {duty.id: duty.questions for duty in rules.obligations if duty.questions} == {
        "EU.dsa.art9-1": ("territorial_scope", "accepted_language"),
        "EU.dsa.art10-1": ("accepted_language",),
        "EU.dsa.art10-2": ("accepted_language",),
        "EU.tco.art3-3": ("accepted_language",),
        "IN.itr.3-1-d.2025": ("senior_officer",),
        "IN.itr.3-1-d": ("senior_officer",),
        # "So far as is reasonably practicable, the material must be identified": Online Safety Act 2021 (Cth).
        **dict.fromkeys(("AU.osa.s77", "AU.osa.s88", "AU.osa.s109", "AU.osa.s65"), ("exact_location",)),
    }


def test_e_evidence_does_not_apply_in_denmark(rules: Rules) -> None:
    for duty in rules.obligations:
        assert duty.except_in == (("DK",) if duty.id.startswith("EU.e-evidence.") else ())


def test_rows_for_public_content_only(rules: Rules) -> None:
    public = {duty.id for duty in rules.obligations if duty.public_only}
    whole = ("EU.tco.", "DE.netzdg.", "MY.", "BR.stf-987.", "BR.d12976.art12.", "KR.network.art44-1")
    others = {duty for duty in public if not duty.startswith(whole)}
    assert others == {
        *("EU.dsa.art22-1", "EU.dsa.art24-5", "KR.tba.art22-5", "KR.network.art44-2", "JP.idpa.decide"),
    }
    assert public == others | {duty.id for duty in rules.obligations if duty.id.startswith(whole)}


def test_emergencies_have_a_row_of_their_own(rules: Rules) -> None:
    emergencies = {duty.id: duty.emergency for duty in rules.obligations if duty.emergency is not None}
    assert emergencies == {
        "EU.e-evidence.art10-2": False,
        "EU.e-evidence.art10-3": False,
        "EU.e-evidence.art10-4": True,
        "EU.e-evidence.art4-5": True,
        "US.2702-b-8": True,
        "VN.cyber.urgent": True,
        "VN.cyber.data.urgent": True,
        "ID.mr5.art14.urgent": True,
        "IN.blocking.r9": True,
        "TR.5651.urgent": True,
    }
    assert "emergency_justification" in duty_of(rules, "EU.e-evidence.art10-4").required_elements


def test_nothing_is_disclosed_without_a_gate(rules: Rules) -> None:
    gates = {duty.id: duty.gate for duty in rules.obligations if duty.action == "produce_data"}
    # No judge stands behind these two.
    assert (gates.pop("US.2702-b-8"), gates.pop("FR.cpp.art60-1")) == ("two_person_review",) * 2
    assert {gates.pop("VN.cyber.data"), gates.pop("VN.cyber.data.urgent")} == {"human_rights_review"}
    assert set(gates.values()) == {"judicial_order"}
    assert len(gates) == 8


def test_a_notice_of_child_abuse_needs_no_identity(rules: Rules) -> None:
    needed = {duty.id: duty for duty in rules.obligations if duty.id.startswith("EU.dsa.art16-5")}
    assert "identity" in needed["EU.dsa.art16-5"].required_elements
    assert "identity" not in needed["EU.dsa.art16-5.child-abuse"].required_elements
    covered = [category for duty in needed.values() for category in duty.categories]
    assert sorted(covered) == sorted(CATEGORIES)


def test_every_clock_of_a_report_requires_formal_elements(rules: Rules) -> None:
    """Otherwise every press of a report button would arm a clock."""
    for duty in rules.obligations:
        if duty.duration is not None and duty.meaning == "deadline" and duty.trigger not in ORDERS:
            assert len(duty.required_elements) >= 2, duty.id


def test_duties_of_orders_require_elements_of_orders(rules: Rules) -> None:
    for duty in rules.obligations:
        of_notices = (*get_args(NoticeElement), *get_args(NoticeDeclaration))
        possible = get_args(RequestElement) if duty.trigger in ORDERS else of_notices
        assert set(duty.required_elements) <= set(possible), duty.id
        assert bool(duty.legal_bases) == (duty.trigger in ORDERS), duty.id


def test_duties_are_ordered_from_global_to_national(rules: Rules) -> None:
    layers = [{"GLOBAL": 0, "EU": 1, "EEA": 1}.get(duty.jurisdiction, 2) for duty in rules.obligations]
    assert layers == sorted(layers)


def test_union_law_counts_its_days_by_the_calendar_of_the_representative(rules: Rules) -> None:
    counted = {duty.id: duty.holiday_calendar for duty in rules.obligations if duty.calendar != "elapsed"}
    of_union = (
        *("EU.e-evidence.art10-2", "EU.e-evidence.art10-3", "EU.e-evidence.art11-1", "EU.tco.art6"),
        *("EU.e-evidence.art10-6.answer", "EU.e-evidence.art11-5.answer"),
    )
    assert counted == dict.fromkeys(of_union, "be")


# Triggers, targets, platform


def test_reports_meet_no_trigger_of_orders(rules: Rules) -> None:
    triggers = rules.triggers
    assert set(triggers.met_by_report) == set(triggers.possible) == set(get_args(ReportKind))
    assert triggers.met_by_report == {
        "user_report": {"user_report"},
        "trusted_flagger_notice": {"trusted_flagger_notice", "user_report"},
        "statutory_victim_request": {"statutory_victim_request", "user_report"},
        "automated_detection": set(),
    }
    assert set(triggers.possible.values()) == {frozenset({"actual_knowledge", "awareness_threat"})}


def test_requests_meet_triggers_of_orders_alone(rules: Rules) -> None:
    met = rules.triggers.met_by_request
    assert set(met) == set(get_args(RequestKind))
    assert set().union(*met.values()) == OF_KINDS
    assert met["preservation_order"] == met["production_order"] == {"data_order"}


def test_every_standard_has_an_internal_target(rules: Rules) -> None:
    assert set(rules.targets.by_standard) == set(get_args(Standard))
    assert rules.targets.by_standard["promptly"] == 3_600_000
    assert rules.targets.otherwise == 3 * 86_400_000


def test_the_example_platform(rules: Rules) -> None:
    platform = rules.platform
    assert (platform.establishment, platform.legal_representative) == (None, "BE")
    # A newspaper is a report.
    example = (Path(streams.registry.__file__).parent / "law" / "platform.yaml").read_text("utf-8")
    assert '{title: "politico.eu, 2024-05-06", checked: 2026-11-24, verification: secondary}' in example
    assert (platform.certainty, platform.fallback) == (0.8, "both")
    assert platform.safe_recipients == ("NCMEC", "INHOPE", "EUROPOL", "DJSOC_I2_IRU")
    hints = rules.location_hints
    assert max(hints.channel, hints.reporter, hints.language) < platform.certainty
