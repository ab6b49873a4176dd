"""What the second check of the law found (November 2026), by its numbers, and the quotes behind the numbers."""

import re
from datetime import date
from pathlib import Path

import pytest

from streams.registry.row_of_law import LawSource, WatchedRow
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation

LAW = Path(__file__).parents[2] / "streams" / "registry" / "law"
SECOND_CHECK = date(2026, 11, 28)
# Rows whose text was read before hashes were kept; the words are those that others quote.
READ_WITHOUT_HASH = {"IN.itr.3-1-d", "IN.itr.3-2-a", "IN.itr.3-2-a.specified", "IN.itr.3-2-b"}
# How the laws write the times, in the languages in which they were read.
IN_WORDS = {
    "PT1H": ("one hour",),
    "PT8H": ("eight hours",),
    "PT24H": ("24 Stunden", "24 hours", "24小時"),
    "PT48H": ("48 hours",),
    "P5D": ("five days",),
    "P7D": ("sieben Tagen",),
    "P10D": ("10 days", "10-day"),
    "P60D": ("60 days",),
    "P90D": ("90 days",),
    "P1Y": ("1 year",),
    "P6M": ("six months", "6 (seis) meses"),
}
# Read in the text of the act, so their marks could be raised.
READ_IN_THE_ACT = (
    *("EU.e-evidence.art10-1", "EU.e-evidence.art10-2", "EU.e-evidence.art10-3", "EU.e-evidence.art10-4"),
    *("EU.e-evidence.art11-1", "EU.tco.art3-3", "EU.tco.art3-6", "EU.tco.art6", "EU.tco.art11"),
    *("EU.tco.art14-5", "EU.dsa.art24-5", "BR.mci.art19", "BR.mci.art21", "US.2702-b-8", "US.2703-f"),
)


def duty_of(rules: Rules, id_: str) -> Obligation:
    return next(duty for duty in rules.obligations if duty.id == id_)


def watched(rules: Rules, id_: str) -> WatchedRow:
    """A row that decides nothing, which therefore must not be a duty as well."""
    assert id_ not in {duty.id for duty in rules.obligations}
    return next(row for row in rules.watched if row.id == id_)


def quotes(sources: tuple[LawSource, ...]) -> str:
    return " | ".join(source.quote for source in sources if source.quote is not None)


def text_of(code: str) -> str:
    """A file of the law with its comments as running text."""
    return re.sub(r"\n *# ", " ", (LAW / f"{code}.yaml").read_text("utf-8"))


# Quotes


def test_every_verified_number_stands_beside_the_words_of_its_article(rules: Rules) -> None:
    numbers = [duty for duty in rules.obligations if duty.duration and duty.marks.time == "verified"]
    assert len(numbers) > 20
    without_hash = set()
    for duty in numbers:
        said = [source for source in duty.sources if source.quote is not None]
        assert said, duty.id
        assert said[0].article and said[0].url, duty.id
        without_hash |= {duty.id} if said[0].sha256 is None else set()
    assert without_hash <= READ_WITHOUT_HASH


@pytest.mark.parametrize("code", ["EU", "FR", "DE", "GB", "US", "CA", "BR", "NZ"])
def test_the_quote_of_a_verified_number_says_the_number(rules: Rules, code: str) -> None:
    for duty in rules.obligations:
        if duty.jurisdiction == code and duty.duration and duty.marks.time == "verified":
            assert any(word in quotes(duty.sources) for word in IN_WORDS[duty.duration]), duty.id


def test_quotes_are_short(rules: Rules) -> None:
    for row in (*rules.obligations, *rules.watched):
        assert all(len(source.quote or "") <= 320 for source in row.sources), row.id


@pytest.mark.parametrize("id_", READ_IN_THE_ACT)
def test_a_mark_was_raised_only_with_the_words_that_were_read(rules: Rules, id_: str) -> None:
    duty = duty_of(rules, id_)
    assert (duty.marks.of_clock, duty.checked) == ("verified", SECOND_CHECK)
    assert quotes(duty.sources)


def test_what_could_not_be_read_is_not_verified(rules: Rules) -> None:
    not_found = (
        "FR.lcen.art6-1.csam",
        "FR.lcen.art6-1",
        "FR.lcen.torture",
        "CA.icsam.s4",
        "GB.osa.s66.content",
    )
    decree = tuple(duty.id for duty in rules.obligations if duty.id.startswith("BR.d12976."))
    for id_ in (*not_found, *decree, "FR.cpp.art60-1", "FR.cpp.art60-2", "AE.dl-34-2021.art53"):
        assert duty_of(rules, id_).marks.weakest != "verified", id_
        assert duty_of(rules, id_).marks.time != "verified", id_


# Watched rows: law that stood in comments


def test_law_that_starts_nothing_stands_in_rows(rules: Rules) -> None:
    """With a status, an owner and a day of review; a law that is not in force never has a duty's clock."""
    for row in rules.watched:
        assert row.owner is not None and row.review_by is not None, row.id
        assert row.sources, row.id
    assert {row.id for row in rules.watched} >= {
        *("EU.dsa.art15", "EU.dsa.art17", "EU.dsa.art20", "EU.dsa.art21", "EU.dsa.art23", "EU.gdpr.art48"),
        *("EU.reg-2021-1232", "EU.reg-2026-1881", "EU.csa-regulation", "EU.com-2025-837"),
        *("DE.netzdg.s3.keep", "DE.netzdg.s5", "GB.osa.s9", "US.stop-csam", "BR.mci.art15", "BR.adi-7981"),
        *("DK.deepfake-bill", "IE.online-safety-code", "IT.garante-intimate", "NL.act-36377", "EEA.dsa"),
    }
    assert {row.status for row in rules.watched} >= {"bill", "adopted", "in_force"}


def test_the_next_day_of_a_law_is_after_the_reading(rules: Rules) -> None:
    for row in (*rules.obligations, *rules.watched):
        assert row.next is None or row.next.day > SECOND_CHECK, row.id


# Findings


def test_finding_4_detection_in_private_messages_is_allowed_and_obliges_nobody(rules: Rules) -> None:
    row = watched(rules, "EU.reg-2026-1881")
    assert (row.status, str(row.in_force_from)) == ("in_force", "2026-07-31")
    assert row.next is not None and str(row.next.day) == "2028-04-03"
    assert row.verification == "secondary"
    assert "It shall apply until 3 April 2026." in quotes(watched(rules, "EU.reg-2021-1232").sources)
    assert "no basis for scanning" not in text_of("EU").partition("obligations:")[0]


def test_finding_7_a_french_request_may_be_put_right_and_is_announced(rules: Rules) -> None:
    row = watched(rules, "FR.lcen.art6-2.first-order")
    assert "au moins douze heures avant" in quotes(row.sources)
    request = duty_of(rules, "FR.lcen.art6-1.csam")
    assert request.pausable_for == ("force_majeure", "manifest_errors", "insufficient_information")
    assert request.after_pause == "restarts"
    assert "sans retard indu" in quotes(duty_of(rules, "FR.lcen.art6-2").sources)
    assert "Décret 2023-1083" in text_of("FR")


def test_finding_8_canada_keeps_21_days_until_a_day_is_set(rules: Rules) -> None:
    row = watched(rules, "CA.c-16")
    assert (row.status, row.in_force_from) == ("adopted", None)
    keep = duty_of(rules, "CA.icsam.s4")
    assert (keep.duration, keep.in_force_until) == ("P21D", None)
    assert "destroyed" in text_of("CA")
    assert "C-63" not in text_of("CA")


def test_finding_11_the_brazilian_theses_have_their_day_and_their_words(rules: Rules) -> None:
    notice, grave = duty_of(rules, "BR.stf-987.notice"), duty_of(rules, "BR.stf-987.grave")
    assert {str(row.in_force_from) for row in (notice, grave)} == {"2025-08-05"}
    assert "(em 5/8/25)" in quotes(notice.sources)
    assert "contra a honra" in quotes(notice.sources) or "art. 19 do MCI" in quotes(notice.sources)
    assert "defamation" not in notice.categories
    assert watched(rules, "BR.adi-7981").verification == "secondary"


def test_finding_14_trafficking_of_minors_is_reported_and_requests_preserve(rules: Rules) -> None:
    for id_ in ("US.2258A", "US.2258A.h"):
        assert "trafficking" in duty_of(rules, id_).categories
    assert "1591" in quotes(duty_of(rules, "US.2258A").sources)
    row = duty_of(rules, "US.2703-f")
    assert (row.duration, row.meaning, row.demands) == ("P90D", "retention", ("preserve_data",))


def test_finding_15_the_day_of_emergency_disclosure_was_looked_up(rules: Rules) -> None:
    row = duty_of(rules, "US.2702-b-8")
    assert (row.marks.dates, str(row.in_force_from)) == ("verified", "2006-03-09")
    assert "109-177" in str([source.article for source in row.sources])


def test_finding_19_the_notices_about_weapons_have_no_day_yet(rules: Rules) -> None:
    row = watched(rules, "GB.cpa.s21")
    assert row.status == "adopted"
    assert "48 hours beginning with the time the notice is given" in quotes(row.sources)
    assert "60,000 pounds" in row.penalties[0].amount
    assert str(duty_of(rules, "GB.osa.s66").in_force_from) == "2026-04-07"
    assert "2025-11-03" in text_of("GB")


def test_finding_22_the_emirates_have_a_file_and_the_index_is_named(rules: Rules) -> None:
    assert rules.jurisdictions["AE"].rule_of_law == "closed"
    assert rules.jurisdictions["AE"].authorities == ()
    assert "none was loaded" not in text_of("GLOBAL")
    for country in ("lk.online-safety-act", "pk.rules-2021", "za.films-act", "np.social-media"):
        assert watched(rules, f"GLOBAL.{country}").verification != "verified"


def test_finding_23_the_joint_committees_decision_is_watched(rules: Rules) -> None:
    row = watched(rules, "EEA.jcd-41-2026")
    assert (row.status, row.verification) == ("adopted", "unverified")
    assert not [duty for duty in rules.obligations if duty.jurisdiction == "EEA"]


def test_finding_24_first_orders_scrutiny_and_silence(rules: Rules) -> None:
    assert "at least 12 hours before" in quotes(watched(rules, "EU.tco.art3-2").sources)
    assert "within 48 hours" in quotes(watched(rules, "EU.tco.art4").sources)
    assert "six weeks at most" in text_of("EU")
    assert "Europol as well" in text_of("EU")


# The ten missing duties


def test_missing_1_french_requisitions(rules: Rules) -> None:
    row, keep = duty_of(rules, "FR.cpp.art60-1"), duty_of(rules, "FR.cpp.art60-2")
    assert (row.standard, row.gate, row.action) == (
        "without_undue_delay",
        "two_person_review",
        "produce_data",
    )
    assert "3,750" in row.penalties[0].amount
    assert (keep.duration, keep.demands) == (None, ("preserve_data",))
    assert "un an" in quotes(keep.sources)
    platform = watched(rules, "FR.cp.art323-3-2")
    assert "sept ans d'emprisonnement" in quotes(platform.sources)
    assert watched(rules, "FR.lcen.cryptology").penalties == ()
    assert watched(rules, "FR.ordonnance-2025-1091").status == "adopted"


def test_the_charge_of_2024_is_another_law_than_the_requisition(rules: Rules) -> None:
    charged = watched(rules, "FR.csi.l871-2")
    assert "interceptions autorisées par la loi" in quotes(charged.sources)
    assert charged.penalties[0].article == "CSI art. L. 881-2"
    assert "150,000" in charged.penalties[0].amount


def test_missing_2_the_procedure_of_e_evidence(rules: Rules) -> None:
    assert "within the deadlines" in quotes(watched(rules, "EU.e-evidence.art10-8").sources)
    assert "no later than 10 days" in quotes(watched(rules, "EU.e-evidence.art17-2").sources)
    assert "confidentiality" in quotes(watched(rules, "EU.e-evidence.art13-4").sources)
    answered = duty_of(rules, "EU.e-evidence.art10-6.answer")
    assert (answered.duration, answered.marks.weakest) == ("P5D", "verified")
    assert "Denmark is not taking part" in quotes(answered.sources)
    assert watched(rules, "EU.e-evidence.directive").verification == "unverified"
    fines = {
        duty.penalties[0].amount
        for duty in rules.obligations
        # That of the authority, to answer, is under no penalty.
        if duty.id.startswith("EU.e-evidence.art10") and not duty.id.endswith(".answer")
    }
    assert fines == {"up to 2 % of the total worldwide annual turnover of the preceding year"}


def test_a_reminder_of_five_days_is_not_the_authoritys_own_time(rules: Rules) -> None:
    """The clock runs from the certificate, the five days of the law from the form."""
    for id_ in ("EU.e-evidence.art10-6.answer", "EU.e-evidence.art11-5.answer"):
        title = duty_of(rules, id_).title
        assert title.startswith("Look whether the five days") and "form" in title, id_


def test_missing_6_eca_digital(rules: Rules) -> None:
    notice, keep = duty_of(rules, "BR.eca-digital.art29"), duty_of(rules, "BR.eca-digital.art27.keep")
    assert (notice.duration, str(notice.in_force_from)) == (None, "2026-03-17")
    assert (keep.duration, keep.meaning) == ("P6M", "retention")
    assert watched(rules, "BR.tse-23714").verification == "unverified"


def test_missing_9_new_zealand_is_a_condition_and_starts_no_clock_by_itself(rules: Rules) -> None:
    row = duty_of(rules, "NZ.hdca.s24")
    assert (row.marks.time, row.marks.of_clock) == ("verified", "secondary")
    assert "protection" in row.penalties[0].amount


def test_next_political_advertising_and_violence_against_women(rules: Rules) -> None:
    assert "no later than 48 hours" in quotes(watched(rules, "EU.reg-2024-900.art16").sources)
    directive = watched(rules, "EU.dir-2024-1385.art23")
    assert directive.next is not None
    assert (directive.status, str(directive.next.day)) == ("adopted", "2027-06-14")


def test_the_day_of_the_australian_act_is_quoted(rules: Rules) -> None:
    rows = [duty for duty in rules.obligations if duty.id.startswith("AU.osa.")]
    assert len(rows) == 6
    for row in rows:
        quoted = {source.quote for source in row.sources}
        assert row.marks.dates == "verified" and "23 January 2022" in quoted, row.id


def test_penalties_say_who_is_liable(rules: Rules) -> None:
    with_penalties = [row for row in (*rules.obligations, *rules.watched) if row.penalties]
    assert len(with_penalties) >= 30
    assert "legal representative" in duty_of(rules, "EU.tco.art3-3").penalties[0].liable
