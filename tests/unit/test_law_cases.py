"""The law by example: cases written from the sources, checked against the shipped registry and the core.

The cases are YAML, one file per jurisdiction or subject. A lawyer can add one. Each case cites its source.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
import pytest

from streams.desk.text.law_words import TRIGGER_WORDS, time_in_words
from streams.contract.events.authority_request import (
    AuthorityRequest,
    AuthorityType,
    Concern,
    Demand,
    IntakeElement,
    IssuingAuthority,
    LegalBasis,
    RequestElement,
    RequestKind,
    Target,
)
from streams.contract.events.authority_routing import (
    Disclosure,
    HardRefusalCode,
    LanguageVerdict,
    RefusalCode,
)
from streams.contract.events.countries import COUNTRIES, COUNTRY_ALIASES, Country
from streams.contract.events.obligation import NotArmedReason
from streams.contract.events.report import (
    Category,
    Channel,
    Evidence,
    EvidenceBasis,
    MessageReport,
    Notice,
    NoticeDeclaration,
    NoticeElement,
    Reporter,
    ReporterKind,
    ReportKind,
    Visibility,
)
from streams.contract.events.routing import Gate
from streams.deciding.law.applicability import in_force
from streams.deciding.law.deadlines import deadline
from streams.deciding.law.resolution import Resolved, Resolver
from streams.deciding.requests.judge import judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.obligations import FROM_ITS_CONTENT
from streams.registry.row_of_law import Verification
from streams.registry.obligation import EnterpriseSize
from streams.registry.jurisdiction import RuleOfLawTier
from streams.registry.shapes.obligation import ObligationRow
from tests.categories import CATEGORIES
from tests.marked import trusting
from tests.shipped import RULES as SHIPPED
from tests.yaml_files import load_yaml

FOLDER = Path(__file__).parent / "law_cases"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What an order starts that needs no element of its own: retention periods, what follows from a lack, and notices that
# identify the material only as far as is practicable.
STARTED_WITHOUT_ELEMENTS = (
    *("EU.tco.art6", "TW.sacpa.art13.keep", "TW.csepa.keep", "IN.itr.3-1-g"),
    *("EU.e-evidence.art4-5", "EU.e-evidence.art10-6.answer", "EU.e-evidence.art11-5.answer"),
    *("AU.osa.s77", "AU.osa.s88", "AU.osa.s109", "AU.osa.s65"),
)
# Files that hold tables instead of cases.
TABLES = ("members", "rows")
ALL_ELEMENTS: tuple[IntakeElement, ...] = get_args(IntakeElement)


class ReportInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The report of a case.

    `at` is when the platform received it, `occurred` when it was made (default: the same time).
    """

    kind: ReportKind
    category: Category
    at: datetime
    occurred: datetime | None = None
    where: tuple[tuple[Country, EvidenceBasis, float], ...] = ()
    visibility: Visibility = "public"
    channel_country: Country | None = None
    language: str | None = None
    reporter: ReporterKind = "user"
    reporter_country: Country | None = None
    elements: tuple[NoticeElement, ...] = ()
    declares: tuple[NoticeDeclaration, ...] = ()


class RequestInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"issuer": "from"}):
    """A request. `complete` gives it every element, `without` every element but these.

    `notified` says whether the enforcing authority was notified of a production order (default: not known).
    """

    kind: RequestKind
    basis: LegalBasis
    at: datetime
    issuer: tuple[Country, AuthorityType]
    demands: tuple[Demand, ...]
    category: Category | None = None
    complete: bool = False
    without: tuple[IntakeElement, ...] = ()
    elements: tuple[IntakeElement, ...] = ()
    emergency: bool = False
    notified: bool | None = None
    only_to_identify: bool | None = None
    specific: bool = True
    people: int | None = 1
    concerns: tuple[Concern, ...] = ()
    language: str | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An input and what must follow. `armed` and `paused` are always complete, `duties` if `exactly` is set.

    `armed` are the clocks that run, `paused` those that are paused from the start.

    `duties` maps each duty to the reason why its clock is not armed. `recipients` maps all recipients to
    their gates; `tells` and `never_tells` list some of them. `periods` gives ends of periods by Regulation
    1182/71. `names` lists states that the reasons of the routing name. `authorities_of_never` lists countries
    of which no authority is a recipient. `questions` are for a lawyer. Before `not_before` no data may be
    sent; without it, no time is published.
    """

    name: str
    source: Annotated[str, msgspec.Meta(min_length=10)]
    report: ReportInput | None = None
    request: RequestInput | None = None
    duties: dict[str, NotArmedReason] = {}
    armed: dict[str, datetime] = {}
    paused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    exactly: bool = False
    strictest: tuple[str, ...] = ()
    not_strictest: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] | None = None
    recipients: dict[str, Gate] | None = None
    tells: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    never_tells: tuple[str, ...] = ()
    authorities_of_never: tuple[str, ...] = ()
    tier: RuleOfLawTier | None = None
    decision: Gate | Literal["routed", "incomplete", "refused"] | None = None
    gate: Gate | None = None
    missing: tuple[RequestElement, ...] | None = None
    questions: tuple[IntakeElement, ...] | None = None
    lawyer_today: bool | None = None
    contested: bool | None = None
    not_before: datetime | None = None
    refusal: RefusalCode | None = None
    competent: bool | None = None
    disclosure: Disclosure | None = None
    scope: tuple[str, ...] = ()
    language: LanguageVerdict | None = None
    periods: dict[str, datetime] = {}


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"country": "in"}):
    """A row of the table of duties. `lacks` is an element that the request does not have.

    `by` is either the kind of a report, or of a request its kind, legal basis, authority and demand.
    """

    source: Annotated[str, msgspec.Meta(min_length=10)]
    by: tuple[str, ...]
    country: Country
    about: tuple[Category, ...]
    since: date
    mark: Verification
    time: str | None = None
    until: date | None = None
    needs: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    not_for: tuple[EnterpriseSize, ...] = ()
    private: bool | None = None
    emergency: bool = False
    lacks: IntakeElement | None = None


class Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cases: tuple[Case, ...]


# The cases say what the law says, so secondary rows arm clocks as well.
RULES = trusting(SHIPPED)
RESOLVER = Resolver(RULES)
REQUEST_RULES = compile_request_rules(RULES)
SIZED = {
    size: replace(RULES, platform=replace(RULES.platform, size=size))
    for size in (None, *get_args(EnterpriseSize))
}
RESOLVERS = {size: Resolver(rules) for size, rules in SIZED.items()}
SIZED_REQUEST_RULES = {size: compile_request_rules(rules) for size, rules in SIZED.items()}
MEMBERS = msgspec.convert(
    load_yaml((FOLDER / "members.yaml").read_text("utf-8"))["members"], dict[Country, str]
)
CASES = {
    f"{path.stem}: {case.name}": case
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.stem not in TABLES
    for case in msgspec.convert(load_yaml(path.read_text("utf-8")), Cases).cases
}
ROWS = msgspec.convert(load_yaml((FOLDER / "rows.yaml").read_text("utf-8"))["rows"], dict[str, Row])
REPORTS = {key: case for key, case in CASES.items() if case.report is not None}
REQUESTS = {key: case for key, case in CASES.items() if case.request is not None}


def by_name(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=key) for key, case in cases.items()])


def in_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def report(given: ReportInput) -> MessageReport:
    return MessageReport(
        report_id="r-1",
        kind=given.kind,
        occurred_at=given.occurred or given.at,
        received_at=given.at,
        category=given.category,
        channel=Channel("c-1", given.visibility, given.channel_country, given.language),
        reporter=Reporter(given.reporter, country=given.reporter_country),
        evidence=tuple(Evidence(*item) for item in given.where),
        notice=Notice(given.elements, given.declares or msgspec.UNSET) if given.elements else None,
    )


def request(given: RequestInput) -> AuthorityRequest:
    elements = given.elements
    if given.complete or given.without:
        elements = tuple(element for element in ALL_ELEMENTS if element not in given.without)
    return AuthorityRequest(
        request_id="q-1",
        kind=given.kind,
        legal_basis=given.basis,
        received_at=given.at,
        authority=IssuingAuthority(*given.issuer),
        demands=given.demands,
        target=Target("account", "a-1", given.people, given.specific),
        elements=elements,
        category=given.category,
        language=given.language,
        emergency=given.emergency,
        concerns=given.concerns,
        enforcing_authority_notified=given.notified,
        only_to_identify=given.only_to_identify,
    )


def check_duties(case: Case, found: dict[str, NotArmedReason | None], due: dict[str, datetime]) -> None:
    """Compare the duties found (None: armed) and the ends of the armed clocks with what the case expects."""
    assert due == case.armed
    expected: dict[str, NotArmedReason | None] = {**case.duties, **dict.fromkeys((*case.armed, *case.paused))}
    assert {key: found.get(key, "absent") for key in expected} == expected
    assert not found.keys() & set(case.absent)
    if case.exactly:
        assert found == expected


@by_name(REPORTS)
def test_the_law_of_a_report_matches_the_case(case: Case) -> None:
    assert case.report is not None
    resolved = RESOLVER.resolve(report(case.report))
    started = in_ms(case.report.at)
    check_duties(
        case,
        {duty.obligation.id: duty.not_armed for duty in resolved.duties},
        {
            row.id: EPOCH + timedelta(milliseconds=deadline(row, started, RULES.calendars))
            for row in resolved.armed
        },
    )
    strictest = {duty.obligation.id for duty in resolved.duties if duty.strictest}
    assert set(case.strictest) <= strictest
    assert not strictest & set(case.not_strictest)
    if case.jurisdictions is not None:
        assert tuple(entry.code for entry in resolved.jurisdictions) == case.jurisdictions
    if case.tier is not None:
        assert (resolved.tier, resolved.rule_of_law.tier) == (case.tier, case.tier)
    if case.decision is not None:
        assert resolved.rule_of_law.decision == case.decision
    check_recipients(case, resolved)


@by_name(REQUESTS)
def test_the_judgement_of_a_request_matches_the_case(case: Case) -> None:
    assert case.request is not None
    started = in_ms(case.request.at)
    judged = judge_request(request(case.request), started, REQUEST_RULES)
    check_duties(
        case,
        {duty.id: duty.not_armed_reason for duty in judged.findings.obligations},
        {
            duty.obligation.id: EPOCH
            + timedelta(milliseconds=deadline(duty.obligation, started, RULES.calendars))
            for duty in judged.armed
            if duty.obligation.id not in judged.paused
        },
    )
    assert {
        duty.id: datetime.fromisoformat(duty.due_at)
        for duty in judged.findings.obligations
        if duty.due_at and duty.id not in judged.paused
    } == (case.armed)
    assert judged.paused == set(case.paused)
    telling = judged.findings.telling
    assert set(case.paused) == (set() if telling is None else set(telling.paused))
    ends = {duty.id: duty.period_ends_at for duty in judged.findings.obligations}
    assert {key: datetime.fromisoformat(str(ends[key])) for key in case.periods} == case.periods
    if case.decision is not None:
        assert judged.decision == case.decision
    if case.gate is not None:
        assert judged.gate == case.gate
    if case.missing is not None:
        assert judged.findings.missing == case.missing
    if case.questions is not None:
        assert judged.findings.questions == case.questions
        reason = judged.recipients[0].reason
        assert judged.decision != "routed" or all(question in reason for question in case.questions)
    found_wait = None if judged.not_before is None else datetime.fromisoformat(judged.not_before)
    assert found_wait == case.not_before
    if judged.not_before is not None:
        reason = judged.recipients[0].reason
        assert judged.decision != "routed" or f"do not send them before {judged.not_before}" in reason
    if case.lawyer_today is not None:
        assert bool(judged.lawyer_today) == case.lawyer_today
    if case.contested is not None:
        assert judged.findings.competence.contested == case.contested
    if case.competent is not None:
        assert judged.findings.competence.competent == case.competent
    if case.disclosure is not None:
        assert judged.findings.disclosure == case.disclosure
    if case.scope:
        territory = judged.findings.territory
        assert (territory.scope, *territory.codes) == case.scope
    if case.language is not None:
        assert judged.findings.language.verdict == case.language
    if case.refusal is not None:
        assert case.refusal in {refusal.code for refusal in judged.findings.refusals}
        assert all(refusal.norms for refusal in judged.findings.refusals)
    assert {routing.recipient for routing in judged.recipients} == {"internal_review"}
    assert all(routing.gate == judged.gate for routing in judged.recipients)


def test_unless_the_platform_trusts_secondary_rows_they_are_advisory() -> None:
    shipped = SHIPPED
    resolver, request_rules = Resolver(shipped), compile_request_rules(shipped)
    marks = {duty.id: duty.marks.of_clock for duty in shipped.obligations}
    for case in CASES.values():
        if case.report is not None:
            resolved = resolver.resolve(report(case.report))
            armed = {duty.obligation.id for duty in resolved.duties if duty.not_armed is None}
            advisory = {duty.obligation.id for duty in resolved.duties if duty.advisory}
        else:
            assert case.request is not None
            judged = judge_request(request(case.request), in_ms(case.request.at), request_rules)
            armed = {duty.obligation.id for duty in judged.armed}
            published = {duty.id: duty for duty in judged.findings.obligations}
            advisory = {key for key, duty in published.items() if duty.advisory}
            # An advisory duty shows the time at which its clock would be due.
            assert {key: datetime.fromisoformat(str(published[key].target_at)) for key in advisory} == {
                key: case.armed[key] for key in advisory
            }, case.name
        expected = {key for key in (*case.armed, *case.paused) if marks[key] == "verified"}
        assert armed == expected, case.name
        assert advisory == case.armed.keys() - armed, case.name


def check_recipients(case: Case, resolved: Resolved) -> None:
    recipients = {routing.recipient for routing in resolved.routing}
    assert "internal_review" in recipients
    assert recipients - {"internal_review"} <= RULES.authorities.keys()
    if case.recipients is not None:
        assert {routing.recipient: routing.gate for routing in resolved.routing} == case.recipients
    assert set(case.tells) <= recipients
    words = set(re.findall(r"\w+", " ".join(routing.reason for routing in resolved.routing)))
    assert set(case.names) <= words
    assert not recipients & set(case.never_tells)
    for code in case.authorities_of_never:
        assert not recipients & {authority.id for authority in RULES.jurisdictions[code].authorities}


@pytest.mark.parametrize("name", ROWS)
def test_the_duties_of_a_row_match_the_table(name: str) -> None:
    row = ROWS[name]
    duty = next(duty for duty in RULES.obligations if duty.id == name)
    assert (duty.duration or duty.standard, duty.marks.of_clock) == (row.time, row.mark)
    assert (duty.questions, duty.exempt_sizes) == (row.asks, row.not_for)
    last = row.until or date(2027, 1, 1)
    assert name in found(row, row.since)
    assert name not in found(row, row.since - timedelta(days=1))
    assert name in found(row, last)
    assert row.until is None or name not in found(row, last + timedelta(days=1))
    expected = set(row.about)
    if len(row.by) > 1 and RULES.jurisdictions[row.country].rule_of_law == "closed":
        # A closed country's request about speech is refused, and nothing follows from it.
        expected -= {category for category in CATEGORIES if RULES.categories[category].abuse_prone}
    assert {category for category in CATEGORIES if name in found(row, last, category)} == expected
    if row.private is not None:
        assert (name in found(row, last, private=True)) == row.private
    for element in row.needs:
        pauses = "insufficient_information" in duty.pausable_for and not duty.advisory
        assert found(row, last, without=element)[name] == ("paused" if pauses else "elements_missing")
    for size in get_args(EnterpriseSize):
        assert (name in found(row, last, size=size)) == (size not in row.not_for)
    if row.needs:
        assert found(row, last)[name] is None
    else:
        assert found(row, last)[name] is not None or name in STARTED_WITHOUT_ELEMENTS


def found(
    row: Row,
    day: date,
    category: Category | None = None,
    *,
    private: bool = False,
    without: str | None = None,
    size: EnterpriseSize | None = None,
) -> dict[str, NotArmedReason | Literal["paused"] | None]:
    """The duties that follow from the input of a row, with the reason why each one's clock does not run.

    `size` is the platform's.
    """
    at = datetime.combine(day, time(12), UTC)
    category = row.about[0] if category is None else category
    if len(row.by) == 1:
        given = ReportInput(
            row.by[0],  # type: ignore[arg-type]
            category,
            at,
            where=((row.country, "victim", 0.9),),
            visibility="private" if private else "public",
            elements=tuple(element for element in get_args(NoticeElement) if element != without),
            declares=tuple(said for said in get_args(NoticeDeclaration) if said != without),
        )
        return {duty.obligation.id: duty.not_armed for duty in RESOLVERS[size].resolve(report(given)).duties}
    kind, basis, authority, demand = row.by
    asked = RequestInput(
        kind,  # type: ignore[arg-type]
        basis,  # type: ignore[arg-type]
        at,
        (row.country, authority),  # type: ignore[arg-type]
        (demand,),  # type: ignore[arg-type]
        category,
        emergency=row.emergency,
        elements=tuple(element for element in ALL_ELEMENTS if element not in (without, row.lacks)),
    )
    judged = judge_request(request(asked), in_ms(at), SIZED_REQUEST_RULES[size])
    return {
        duty.id: "paused" if duty.id in judged.paused else duty.not_armed_reason
        for duty in judged.findings.obligations
    }


@pytest.mark.parametrize(
    "name", [duty.id for duty in RULES.obligations if duty.marks.of_clock == "unverified"]
)
def test_an_unverified_row_arms_no_clock_even_with_every_element(name: str) -> None:
    row = ROWS[name]
    for day in (row.since, row.until or date(2027, 1, 1)):
        assert found(row, day)[name] is not None


@pytest.mark.parametrize("code", MEMBERS)
def test_the_authorities_of_a_member_state_match_the_table(code: Country) -> None:
    resolved = RESOLVER.resolve(
        report(
            ReportInput(
                "user_report",
                "threat_to_life",
                datetime(2026, 11, 24, tzinfo=UTC),
                where=((code, "victim", 0.9),),
            )
        )
    )
    assert {"EU.dsa.art16-4", "EU.dsa.art16-5", "EU.dsa.art18-1"} <= {
        duty.obligation.id for duty in resolved.duties
    }
    assert resolved.armed == ()
    row = RULES.jurisdictions[code]
    assert row.rule_of_law == ("guarded" if code in ("BG", "HU") else "open")
    assert row.art18_authority in {routing.recipient for routing in resolved.routing}
    assert row.dsc is not None
    assert MEMBERS[code] in RULES.authorities[row.dsc].name
    assert RULES.authorities[row.dsc].role == "dsc"


# What the cases cover


def test_there_are_enough_cases() -> None:
    assert len(CASES) + len(MEMBERS) >= 120


def test_every_case_has_one_input_and_a_unique_name() -> None:
    files = [path for path in FOLDER.glob("*.yaml") if path.stem not in TABLES]
    assert len(CASES) == sum(len(load_yaml(path.read_text("utf-8"))["cases"]) for path in files)
    for case in CASES.values():
        assert (case.report is None) != (case.request is None), case.name


OF_REPORTS = (
    *("recipients", "tells", "never_tells", "authorities_of_never", "names", "jurisdictions"),
    *("tier", "strictest", "not_strictest"),
)
OF_REQUESTS = (
    *(
        "gate",
        "missing",
        "questions",
        "lawyer_today",
        "contested",
        "paused",
        "not_before",
        "refusal",
        "competent",
        "disclosure",
        "scope",
        "language",
        "periods",
    ),
)


def test_no_case_has_expectations_that_are_not_checked() -> None:
    untouched = Case("nothing", "no source at all")
    for case in CASES.values():
        for field in OF_REQUESTS if case.request is None else OF_REPORTS:
            assert getattr(case, field) == getattr(untouched, field), (case.name, field)


def test_absent_duties_and_excluded_recipients_exist_in_the_registry() -> None:
    for case in CASES.values():
        assert set(case.absent) <= {row.id for row in RULES.obligations}, case.name
        assert set(case.never_tells) <= RULES.authorities.keys(), case.name


def test_the_cases_reach_every_row_of_the_registry() -> None:
    reached = {key for case in CASES.values() for key in (*case.duties, *case.armed, *case.paused)}
    assert reached == {row.id for row in RULES.obligations} == ROWS.keys()


def test_the_cases_reach_every_country_with_a_row() -> None:
    named: set[str] = set(MEMBERS)
    for case in CASES.values():
        if case.report is not None:
            named |= {country for country, _, _ in case.report.where}
            named |= set(case.jurisdictions or ())
        if case.request is not None:
            named.add(case.request.issuer[0])
    reached = {COUNTRY_ALIASES.get(code, code) for code in named}
    assert RULES.jurisdictions.keys() & COUNTRIES <= reached


def test_the_table_of_members_matches_the_registry() -> None:
    assert set(MEMBERS) == {
        code
        for code, row in RULES.jurisdictions.items()
        if "EU" in row.regions and row.part_of is None and code in COUNTRIES
    }


# The pages of the law

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documentation_lists_the_verification_of_every_jurisdiction() -> None:
    page = (DOCS / "law-verified.md").read_text("utf-8")
    shown = page.partition("<!-- verification: begin -->\n")[2].partition("<!-- verification: end -->")[0]
    assert shown == verification_table(), f"paste into docs/law-verified.md:\n{verification_table()}"


def verification_table() -> str:
    lines = ["| law of | verified | secondary | unverified |", "| --- | --- | --- | --- |"]
    for code, row in RULES.jurisdictions.items():
        marks: dict[str, list[str]] = {"verified": [], "secondary": [], "unverified": []}
        for duty in RULES.obligations:
            if duty.jurisdiction == code:
                marks[duty.marks.of_clock].append(duty.id)
        if not any(marks.values()):
            continue
        unverified = ", ".join(f"`{name}`" for name in sorted(marks["unverified"])) or "-"
        lines.append(
            f"| {row.name} | {len(marks['verified']) or '-'} | {len(marks['secondary']) or '-'} | "
            f"{unverified} |"
        )
    return "\n".join([*lines, ""])


LAW_PAGE = (DOCS / "law.md").read_text("utf-8")


def first_column(after: str, page: str = LAW_PAGE) -> list[str]:
    """The code in the first column of the first table after a text of a page."""
    table = page.partition(after)[2].partition("\n| --- ")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE)


def test_the_documentation_lists_every_reason_why_no_clock_runs() -> None:
    assert set(first_column("## Clocks")) == set(get_args(NotArmedReason))


def test_the_documentation_lists_every_tier() -> None:
    page = (DOCS / "law-authorities.md").read_text("utf-8")
    assert set(first_column("authority says so.", page)) == set(get_args(RuleOfLawTier))


def test_the_documentation_lists_what_is_never_done() -> None:
    assert set(first_column("## What is never done")) == set(get_args(HardRefusalCode))


def test_the_documentation_explains_every_field_of_a_row() -> None:
    page = (DOCS / "law-changes.md").read_text("utf-8")
    listed = set(first_column("## The fields of a row", page))
    assert listed == ObligationRow.model_fields.keys()


def test_the_documentation_lists_every_clock_of_a_report() -> None:
    """A reader of the page finds each clock that a report can start today, with its time."""
    page = (DOCS / "law-verified.md").read_text("utf-8")
    shown = page.partition("<!-- clocks: begin -->\n")[2].partition("<!-- clocks: end -->")[0]
    assert shown == clock_table(), f"paste into docs/law-verified.md:\n{clock_table()}"


def clock_table() -> str:
    """The rows in force on 24 November 2026 that start a clock, by what starts it."""
    today = date(2026, 11, 24)
    lines = ["| duty | starts with | time | since | mark |", "| --- | --- | --- | --- | --- |"]
    for duty in RULES.obligations:
        of_kind = {each for met in RULES.triggers.met_by_request.values() for each in met}
        of_request = duty.trigger in of_kind | FROM_ITS_CONTENT
        of_report = duty.trigger in {each for met in RULES.triggers.met_by_report.values() for each in met}
        runs = duty.duration is not None and duty.marks.of_clock != "unverified" and (of_request or of_report)
        if runs and in_force(duty, today) and (of_request or duty.meaning == "deadline"):
            what = f"{TRIGGER_WORDS[duty.trigger]}{', in an emergency' if duty.emergency else ''}"
            lines.append(
                f"| `{duty.id}` | {what} | {time_in_words(duty)} | {duty.in_force_from} | "
                f"{duty.marks.of_clock} |"
            )
    return "\n".join([*lines, ""])


def test_the_example_of_the_documentation_is_a_case() -> None:
    case = CASES["KR: a deepfake that Seoul, the Union and the United States share"]
    example = LAW_PAGE.partition("### Example: a deepfake in Seoul")[2].partition("## Clocks")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` .*\| not armed, `([a-z_]+)`.* \|$", example, re.MULTILINE))
    due = dict(re.findall(r"^\| `([^`]+)` .*\*\*armed\*\*, due (\S+) \|$", example, re.MULTILINE))
    assert rows == case.duties
    assert {key: datetime.fromisoformat(text) for key, text in due.items()} == case.armed
