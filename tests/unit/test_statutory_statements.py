"""Drafts of statements of reasons, and the rules of the Commission's database."""

import json
from datetime import datetime
from functools import cache
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.commands.main import commands
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    LawGround,
    MessageSubject,
    ModerationOutcome,
    OutcomeAction,
    ReportSubject,
    TermsGround,
)
from streams.contract.events.outcome_reason import VIOLATION_REASONS
from streams.statutory.parts import parts
from streams.statutory.statements import vocabulary
from streams.statutory.statements.draft import DecidedContent, HowLearned, drafts
from streams.statutory.statements.rules import check_statement
from tests.categories import CATEGORIES
from tests.contract.examples import example, example_files
from tests.shipped import RULES

DUTIES = {duty.id: duty for duty in RULES.obligations}

# Copied from digital-services-act/transparency-database at 69e80a0, app/Models/Statement.php, without their
# prefixes.
CATEGORIES_OF_DATABASE = """
    ANIMAL_WELFARE CONSUMER_INFORMATION CYBER_VIOLENCE CYBER_VIOLENCE_AGAINST_WOMEN
    DATA_PROTECTION_AND_PRIVACY_VIOLATIONS ILLEGAL_OR_HARMFUL_SPEECH INTELLECTUAL_PROPERTY_INFRINGEMENTS
    NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS NOT_SPECIFIED_NOTICE OTHER_VIOLATION_TC PROTECTION_OF_MINORS
    RISK_FOR_PUBLIC_SECURITY SCAMS_AND_FRAUD SELF_HARM UNSAFE_AND_PROHIBITED_PRODUCTS VIOLENCE
"""
KEYWORDS_OF_DATABASE = """
    ADULT_SEXUAL_MATERIAL AGE_SPECIFIC_RESTRICTIONS AGE_SPECIFIC_RESTRICTIONS_MINORS ANIMAL_HARM
    BIOMETRIC_DATA_BREACH BULLYING_AGAINST_GIRLS CHILD_SEXUAL_ABUSE_MATERIAL
    CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE CONTENT_PROMOTING_EATING_DISORDERS COORDINATED_HARM
    COPYRIGHT_INFRINGEMENT CYBER_BULLYING_INTIMIDATION CYBER_HARASSMENT CYBER_HARASSMENT_AGAINST_WOMEN
    CYBER_INCITEMENT CYBER_STALKING CYBER_STALKING_AGAINST_WOMEN DATA_FALSIFICATION DEFAMATION
    DESIGN_INFRINGEMENT DISCRIMINATION FEMALE_GENDERED_DISINFORMATION GEOGRAPHIC_INDICATIONS_INFRINGEMENT
    GEOGRAPHICAL_REQUIREMENTS GOODS_SERVICES_NOT_PERMITTED GROOMING_SEXUAL_ENTICEMENT_MINORS HATE_SPEECH
    HIDDEN_ADVERTISEMENT HUMAN_EXPLOITATION HUMAN_TRAFFICKING ILLEGAL_ORGANIZATIONS
    IMPERSONATION_ACCOUNT_HIJACKING INAUTHENTIC_ACCOUNTS INAUTHENTIC_LISTINGS INAUTHENTIC_USER_REVIEWS
    INCITEMENT_AGAINST_WOMEN INCITEMENT_VIOLENCE_HATRED INSUFFICIENT_INFORMATION_ON_TRADERS
    LANGUAGE_REQUIREMENTS MISINFORMATION_DISINFORMATION MISLEADING_INFO_CONSUMER_RIGHTS
    MISLEADING_INFO_GOODS_SERVICES MISSING_PROCESSING_GROUND NON_CONSENSUAL_IMAGE_SHARING
    NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN NON_CONSENSUAL_MATERIAL_DEEPFAKE
    NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN NONCOMPLIANCE_PRICING NUDITY PATENT_INFRINGEMENT
    PHISHING PROHIBITED_PRODUCTS PYRAMID_SCHEMES RIGHT_TO_BE_FORGOTTEN RISK_ENVIRONMENTAL_DAMAGE
    RISK_PUBLIC_HEALTH SELF_MUTILATION STALKING SUICIDE TERRORIST_CONTENT TRADE_SECRET_INFRINGEMENT
    TRADEMARK_INFRINGEMENT TRAFFICKING_WOMEN_GIRLS UNLAWFUL_SALE_ANIMALS UNSAFE_CHALLENGES
    UNSAFE_PRODUCTS VIOLATION_EU_LAW VIOLATION_NATIONAL_LAW OTHER
"""

COMPLETE = {
    "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
    "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
    "incompatible_content_ground": "scams-2.1",
    "incompatible_content_explanation": "The post asks for the login of a bank.",
    "content_type": ["CONTENT_TYPE_TEXT"],
    "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    "category_specification": ["KEYWORD_PHISHING"],
    "territorial_scope": ["AT", "GR", "NO"],
    "content_language": "EN",
    "content_date": "2026-11-20",
    "application_date": "2026-11-24",
    "decision_facts": "A post with a link to a copy of a bank's page.",
    "source_type": "SOURCE_ARTICLE_16",
    "automated_detection": "No",
    "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
    "puid": "0b0f5c34-75a5-5b6a-9d3f-4d0a3c1e2f10",
}


@cache
def escalations():
    decode = msgspec.json.Decoder(Escalation).decode
    return [decode(example(path).value) for path in example_files("escalations")]


FIRST = min(escalations(), key=lambda event: event.at)


def outcome(outcome_id="out-1", subject=None, decision="upheld", **changes):
    fields = {
        "outcome_id": outcome_id,
        "subject": subject or EscalationSubject(FIRST.channel_ref, FIRST.escalation_id),
        "decision": decision,
        "category": "fraud",
        "ground": TermsGround("scams-2.1"),
        "reason": "phishing" if decision == "upheld" else "not_a_violation",
        "decided_at": datetime.fromisoformat("2026-11-24T23:30:00-02:00"),
        "reviewer": DeskMember("desk-1", "desk"),
        "confidence": "one_reviewer",
        "action": OutcomeAction(visibility="removed") if decision == "upheld" else None,
    }
    return DecidedContent(ModerationOutcome(**(fields | changes)), "/desks/trust")


def drafted(*outcomes):
    return drafts(outcomes, HowLearned(escalations()), DUTIES, RULES.categories)


def problems(statement):
    return {(each.field, each.kind) for each in check_statement(statement)}


def test_the_vocabulary_is_that_of_the_database():
    categories = {f"STATEMENT_CATEGORY_{name}" for name in CATEGORIES_OF_DATABASE.split()}
    keywords = {f"KEYWORD_{name}" for name in KEYWORDS_OF_DATABASE.split()}
    assert vocabulary.DATABASE_CATEGORIES == categories
    assert vocabulary.DATABASE_KEYWORDS == keywords
    templates = {row.label for row in parts()[1].rows if row.label.startswith("KEYWORD_")}
    assert keywords - templates == {"KEYWORD_STALKING"}
    assert templates - keywords == set()


def test_every_category_of_tocsin_has_a_code_of_the_database():
    for category in CATEGORIES:
        code = RULES.categories[category].template
        assert code.category in vocabulary.DATABASE_CATEGORIES
        assert code.keyword is None or code.keyword in vocabulary.DATABASE_KEYWORDS
        assert RULES.categories[category].dsa_category in vocabulary.DATABASE_CATEGORIES
        assert set(RULES.categories[category].dsa_keywords) <= vocabulary.DATABASE_KEYWORDS


def test_every_reason_is_a_keyword_of_the_database():
    for reason in VIOLATION_REASONS:
        assert f"KEYWORD_{reason.upper()}" in vocabulary.DATABASE_KEYWORDS
    with_reason = {f"KEYWORD_{reason.upper()}" for reason in VIOLATION_REASONS}
    assert vocabulary.DATABASE_KEYWORDS - with_reason == {"KEYWORD_STALKING"}


def test_a_complete_statement_is_accepted():
    assert check_statement(COMPLETE) == []


@pytest.mark.parametrize(
    ("change", "field", "kind", "words"),
    [
        *(
            ({name: None}, name, "missing", "is required")
            for name in (
                "decision_ground", "content_type", "category", "territorial_scope", "content_date",
                "application_date", "decision_facts", "source_type", "automated_detection",
                "automated_decision", "puid",
                "incompatible_content_ground", "incompatible_content_explanation",
            )
        ),
        ({"decision_visibility": []}, "decision_visibility", "missing", "one of decision_visibility"),
        ({"decision_visibility": ["DECISION_VISIBILITY_OTHER"]}, "decision_visibility_other", "missing", "is " "required"),
        ({"decision_monetary": "DECISION_MONETARY_OTHER"}, "decision_monetary_other", "missing", "is " "required"),
        ({"content_type": ["CONTENT_TYPE_OTHER"]}, "content_type_other", "missing", "is required"),
        ({"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"}, "illegal_content_explanation", "missing", "is " "required"),
        ({"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"}, "incompatible_content_ground", "ignored", "is " "dropped"),
        ({"content_type_other": "Poem"}, "content_type_other", "ignored", "is dropped"),
        ({"source_type": "SOURCE_VOLUNTARY", "source_identity": "X"}, "source_identity", "ignored", "is " "dropped"),
        ({"url": "https://example.org"}, "url", "ignored", "is no field of the database since 2025-07-01"),
        ({"decision_visibility": "DECISION_VISIBILITY_CONTENT_REMOVED"}, "decision_visibility", "invalid", "must " "be a list"),
        ({"decision_account": "SUSPENDED"}, "decision_account", "invalid", "DECISION_ACCOUNT_SUSPENDED"),
        ({"category": "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER"}, "category", "invalid", "it must be one of"),
        ({"category_specification": ["KEYWORD_DANGEROUS_TOYS"]}, "category_specification", "invalid", "a " "code"),
        ({"territorial_scope": ["EL"]}, "territorial_scope", "invalid", "is 'EL'"),
        ({"content_language": "en"}, "content_language", "invalid", "is 'en'"),
        ({"application_date": "2026-11-24-10"}, "application_date", "invalid", "must be a date YYYY-MM-DD"),
        ({"content_date": "1999-12-31"}, "content_date", "invalid", "from 2000-01-01 on"),
        ({"application_date": "2019-12-31"}, "application_date", "invalid", "from 2020-01-01 on"),
        ({"end_date_account_restriction": "2038-01-02"}, "end_date_account_restriction", "invalid", "must be " "a date"),
        ({"automated_decision": "Yes"}, "automated_decision", "invalid", "AUTOMATED_DECISION_FULLY"),
        ({"automated_detection": True}, "automated_detection", "invalid", "must be a text"),
        ({"decision_facts": "x" * 5001}, "decision_facts", "invalid", "has 5001 characters; it may have " "5000"),
        ({"incompatible_content_explanation": "x" * 2001}, "incompatible_content_explanation", "invalid", "2000"),
        ({"decision_facts": "reported by ann@example.org"}, "decision_facts", "invalid", "no personal data"),
        ({"puid": "out 1"}, "puid", "invalid", "letters a to z, digits, - and _ only"),
        ({"puid": "x\n"}, "puid", "invalid", "letters a to z"),
        ({"decision_ground_reference_url": "terms"}, "decision_ground_reference_url", "invalid", "a URL"),
        ({"content_id": {"EAN": "1"}}, "content_id", "invalid", "EAN-13"),
    ],
)  # fmt: skip
def test_what_the_database_refuses_or_drops_is_named(change, field, kind, words):
    found = check_statement(COMPLETE | change)
    assert any(each.field == field and each.kind == kind and words in each.message for each in found), found


_ANYTHING = st.none() | st.text(max_size=20) | st.lists(st.text(max_size=20), max_size=3) | st.integers()


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*COMPLETE, "unknown"]), _ANYTHING, max_size=8))
def test_any_object_is_answered(statement):
    assert check_statement(statement)


def test_a_draft_has_what_tocsin_knows_and_lists_the_rest():
    (draft,) = drafted(outcome())
    assert draft.statement == {
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": "scams-2.1",
        "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        "category_specification": ["KEYWORD_PHISHING"],
        "application_date": "2026-11-24",
        "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
        "puid": draft.puid,
        "source_type": FIRST.statement.source_type,
        "automated_detection": "Yes" if FIRST.statement.automated_detection else "No",
    }
    assert UUID(draft.puid).version == 5
    assert [each.field for each in draft.missing] == [
        "incompatible_content_explanation",
        "content_type",
        "territorial_scope",
        "content_date",
        "decision_facts",
    ]
    filled = draft.statement | {each.field: COMPLETE[each.field] for each in draft.missing}
    assert check_statement(filled) == []


@pytest.mark.parametrize("ground", [TermsGround("r-1"), LawGround("EU.dsa.art16-5", "DE")])
def test_nothing_in_a_draft_is_refused(ground):
    made = drafted(*(outcome(reason, reason=reason, ground=ground) for reason in VIOLATION_REASONS))
    assert len(made) == len(VIOLATION_REASONS)
    for draft in made:
        assert {each.kind for each in check_statement(draft.statement)} == {"missing"}, draft.outcome_id


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_reason_that_is_no_keyword_takes_the_category_of_the_registry(category):
    (draft,) = drafted(outcome(reason="other", category=category))
    assert draft.statement["category"] == RULES.categories[category].dsa_category
    assert draft.statement["category_specification"] == ["KEYWORD_OTHER"]
    assert "category_specification_other" in {each.field for each in draft.look_at}


def test_a_law_that_forbids_the_content_is_the_ground():
    duty = next(duty for duty in DUTIES.values() if duty.action == "remove")
    (draft,) = drafted(outcome(ground=LawGround(duty.id, "DE")))
    assert draft.statement["illegal_content_legal_ground"].startswith(duty.instrument)


def test_a_law_of_procedure_is_not_the_ground():
    (draft,) = drafted(outcome(ground=LawGround("EU.dsa.art16-5", "DE")))
    assert "illegal_content_legal_ground" not in draft.statement
    whys = {each.field: each.why for each in draft.missing}
    assert "the outcome names a procedure" in whys["illegal_content_legal_ground"]


def test_a_law_from_outside_the_union_and_spam_are_looked_at():
    def looked_at(**changes):
        (draft,) = drafted(outcome(**changes))
        return {each.field for each in draft.look_at}

    assert "decision_ground" in looked_at(ground=LawGround("US.take-it-down.s3", "US"))
    for member in ("DE", "GR", "EL", "NO"):
        assert "decision_ground" not in looked_at(ground=LawGround("EU.dsa.art16-5", member))
    assert "category" in looked_at(category="spam")


def test_how_the_platform_learned_of_a_message_is_said_by_the_first_event_that_names_it():
    named = next(event for event in escalations() if event.message_refs)
    message = MessageSubject(named.channel_ref, named.message_refs[0])
    first = min(
        (
            each
            for each in escalations()
            if each.channel_ref == named.channel_ref and message.message_ref in each.message_refs
        ),
        key=lambda event: event.at,
    )
    (draft,) = drafted(outcome(subject=message))
    assert draft.statement["source_type"] == first.statement.source_type
    (draft,) = drafted(outcome(subject=ReportSubject(named.channel_ref, named.trace.last_report_id)))
    assert "source_type" in draft.statement


def test_what_no_escalation_names_lacks_its_source():
    (draft,) = drafted(outcome(subject=MessageSubject(FIRST.channel_ref, "unknown")))
    assert {"source_type", "automated_detection"} <= {each.field for each in draft.missing}


def test_an_outcome_without_an_action_lacks_the_restriction():
    (draft,) = drafted(outcome(action=None))
    assert draft.missing[0].field == "decision_visibility"
    assert "or send no statement" in draft.missing[0].why


def test_other_restrictions_and_accounts():
    (draft,) = drafted(outcome(action=OutcomeAction(visibility="other", account="terminated")))
    assert draft.statement["decision_visibility"] == ["DECISION_VISIBILITY_OTHER"]
    assert draft.statement["decision_account"] == "DECISION_ACCOUNT_TERMINATED"
    assert "decision_visibility_other" in {each.field for each in draft.missing}


def test_nothing_is_owed_for_what_was_dismissed():
    assert drafted(outcome(decision="dismissed")) == []


def test_a_superseded_outcome_has_no_draft_and_is_named_by_the_next_one():
    before = outcome("out-1")
    after = outcome("out-2", supersedes="out-1", reason="impersonation_account_hijacking")
    (draft,) = drafted(before, after)
    assert (draft.outcome_id, draft.replaces) == ("out-2", before.puid)
    assert draft.puid == after.puid != before.puid


def test_a_withdrawn_decision_names_the_statement_that_no_longer_holds():
    before = outcome("out-1")
    (draft,) = drafted(before, outcome("out-2", decision="dismissed", supersedes="out-1"))
    assert (draft.statement, draft.replaces) == (None, before.puid)


def test_the_last_upheld_outcome_counts_also_by_way_of_others():
    before = outcome("out-1")
    between = outcome("out-2", decision="dismissed", supersedes="out-1")
    (draft,) = drafted(before, between, outcome("out-3", decision="dismissed", supersedes="out-2"))
    assert draft.replaces == before.puid


def test_outcomes_that_supersede_each_other_in_a_circle_end():
    assert drafted(outcome("out-1", supersedes="out-2"), outcome("out-2", supersedes="out-1")) == []


def test_of_two_outcomes_with_one_id_the_first_counts():
    (draft,) = drafted(outcome(), outcome(reason="pyramid_schemes"))
    assert draft.statement["category_specification"] == ["KEYWORD_PHISHING"]


def run(*arguments, **options):
    return CliRunner().invoke(commands, ["transparency", "statements", *map(str, arguments)], **options)


@pytest.fixture
def files(tmp_path):
    """The golden records of both topics, as `tocsin tail --json` prints them."""
    made = {}
    for topic in ("moderation-outcomes", "escalations"):
        made[topic] = tmp_path / f"{topic}.jsonl"
        lines = [json.dumps(json.loads(path.read_text("utf-8"))) for path in example_files(topic)]
        made[topic].write_text("\n".join(lines) + "\n", "utf-8")
    return made


def test_the_command_reads_files_and_prints_drafts(files):
    result = run("draft", "--outcomes", files["moderation-outcomes"], "--escalations", files["escalations"])
    assert result.exit_code == 0, result.output
    (draft,) = map(json.loads, result.stdout.splitlines())
    assert draft["replaces"]
    assert "drafts: 1" in result.stderr
    result = run("draft", "--outcomes", files["moderation-outcomes"], "--to", "2026-09-01")
    assert result.stdout == ""


def test_the_command_names_lines_that_it_cannot_read(files):
    files["moderation-outcomes"].write_text('{"headers":{},"value":{"outcome_id":"a b"}}\n', "utf-8")
    result = run("draft", "--outcomes", files["moderation-outcomes"])
    assert result.exit_code == 0
    assert "Warning: line 1 for moderation-outcomes is not read: subject" in result.stderr
    files["moderation-outcomes"].write_text("outcomes\n", "utf-8")
    result = run("draft", "--outcomes", files["moderation-outcomes"])
    assert result.exit_code == 1
    assert (
        "line 1 for moderation-outcomes is no record as `tocsin tail moderation-outcomes --json`"
        in result.stderr
    )


def test_the_command_checks_statements():
    lines = [COMPLETE, {"statement": COMPLETE | {"puid": "p-2", "url": "x"}}, {"statement": None}]
    result = run("check", input="\n".join(map(json.dumps, lines)))
    assert result.exit_code == 0
    assert result.stdout == "line 2: warning: url is no field of the database since 2025-07-01\n"


def test_the_command_refuses_what_the_database_would():
    lines = [COMPLETE, COMPLETE | {"decision_facts": ""}]
    result = run("check", input="\n".join(map(json.dumps, lines)))
    assert result.exit_code == 1
    assert "line 2: error: decision_facts is required" in result.stdout
    assert "line 2: error: puid is that of line 1 too" in result.stdout
