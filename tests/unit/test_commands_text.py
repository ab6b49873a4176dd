"""Records as text, tables, and the summary of the demo."""

import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import orjson
import pytest
from rich.console import Console

from streams.contract.events import escalation as wire
from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.events.routing import Routing, RuleOfLaw
from streams.contract.events.statement import Statement
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.desk.text.record_text import (
    READABLE,
    as_json,
    decode_escalation,
    escalation_grounds,
    escalation_text,
)
from streams.desk.text.story import story
from streams.desk.text.routing_text import decode_routing
from streams.desk.text.text_table import text_table
from streams.registry.loader import load_rules
from tocsin_demo.demo.crowds import CrowdCounts, sentence_of
from tocsin_demo.demo.desk import Desk
from tocsin_demo.demo.portrait import most_pressing, most_telling, portrait
from tocsin_demo.demo.results import Tally
from tocsin_demo.demo.running_program import running_program
from tocsin_demo.demo.screen import Screen
from tocsin_demo.demo.summary import summary
from tocsin_demo.demo.surroundings import demo_environment


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = b"channel-1"
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    topic: str = "topic"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


def an_escalation(**changes) -> wire.Escalation:
    made = wire.Escalation(
        escalation_id="e-1",
        sequence=1,
        type="opened",
        reason="threshold_crossed",
        status="open",
        at="2026-03-01T12:30:05.000Z",
        policy="fraud",
        policy_reason="Because.",
        mode="live",
        level=1,
        level_name="internal_review",
        channel_ref="channel-1",
        category="fraud",
        categories=("fraud",),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_PHISHING",),
        window=wire.Window("2026-02-28T13:00:00.000Z", "2026-03-01T13:00:00.000Z"),
        conditions=(wire.Condition("distinct_reporters", 5.0, 5.0), wire.Condition("risk", 0.30512, 0.25)),
        counts=wire.Counts(5, 5, 5.0, 0, 0, 0),
        score=wire.Score(0.30512, {"fraud": 0.30512}),
        integrity=wire.Integrity(0.0, False, {}),
        message_refs=("m-1", "m-2"),
        jurisdictions=(Jurisdiction("DE", 0.8, "victim"), Jurisdiction("NG", 0.4, "suspect")),
        obligations=(
            EscalatedObligation(
                id="EU.dsa",
                trigger="user_report",
                action="decide",
                clock_status="not_armed",
                not_armed_reason="no_duration",
                due_at=None,
                target="PT1H",
                standard="promptly",
                strictest=True,
                authority=None,
                source_url="https://eu",
                target_at="2026-03-01T13:30:05.000Z",
            ),
        ),
        routing=(Routing("internal_review", "policy", "human_review"),),
        rule_of_law=RuleOfLaw("open", "human_review", ()),
        statement=Statement("SOURCE_ARTICLE_16", False, (), ("DE",), ()),
        clock=None,
        human_review_required=True,
        automated_means=True,
        policy_version="p",
        registry_version="r",
        trace=wire.Trace("r-1", "r-5", {"message-reports/0": 4}),
    )
    return msgspec.structs.replace(made, **changes)


def test_the_text_of_an_escalation_says_what_happened_and_why():
    record = Record(msgspec.json.encode(an_escalation()))
    assert READABLE["escalations"](record).splitlines() == [
        "12:30:05 opened   fraud level 1, internal_review, channel channel-1",
        "         threshold_crossed: distinct_reporters 5 >= 5, risk 0.31 >= 0.25; DE",
    ]


def test_the_text_of_an_escalation_warns_the_reviewer():
    event = an_escalation(
        integrity=wire.Integrity(0.9, True, {}),
        rule_of_law=RuleOfLaw("closed", "human_rights_review", ()),
    )
    assert escalation_grounds(event).endswith("; DE; brigade suspected; human_rights_review")


def test_a_resolution_shows_numbers_below_their_thresholds():
    event = an_escalation(
        type="resolved", reason="cleared", conditions=(wire.Condition("reports", 1.0, 10.0),)
    )
    assert escalation_text(event).startswith("12:30:05 resolved fraud")
    assert escalation_grounds(event).startswith("cleared: reports 1 < 10")


def test_conditions_of_which_one_is_enough_are_told_from_those_that_all_hold():
    conditions = (
        wire.Condition("reports", 5.0, 5.0),
        wire.Condition("risk", 0.4, 2.0, any_of=True),
        wire.Condition("anonymous_share", 0.4996, 0.5, "<", any_of=True),
    )
    assert escalation_grounds(an_escalation(conditions=conditions)).startswith(
        "threshold_crossed: reports 5 >= 5, any of (risk 0.40 < 2, anonymous_share 0.4996 < 0.5); DE"
    )
    told = story([an_escalation(conditions=conditions)])
    assert re.search(r"any of: risk +0.4 +< +2\n", told)
    assert re.search(r"any of: anonymous_share +0.4996 +< +0.5\n", told)


EXAMPLES = Path(__file__).parents[2] / "schemas/examples"


def a_record(topic: str, name: str) -> Record:
    """The record of an example, as it is in its topic."""
    record = orjson.loads((EXAMPLES / topic / "v1" / f"{name}.json").read_bytes())
    headers = [(name, value.encode()) for name, value in record["headers"].items()]
    return Record(orjson.dumps(record["value"]), headers=headers, timestamp=1_900_000_000_000)


def a_clock(name: str) -> wire.Escalation:
    return decode_escalation(a_record("escalations", name))


def a_routing(name: str) -> AuthorityRouting:
    return decode_routing(a_record("authority-routing", name))


READ = {
    ("escalations", "opened-clock-armed"): """\
14:15:00 opened   legal-clock level 1, armed, channel jcvc2xiwrv4k3tykvilbpbku52, clock 005dae7e-6e83-53b0-ab8e-4b307e206265
         clock_armed: US.take-it-down.s3, remove, due 2026-09-23 14:15 UTC, 0% elapsed; US""",
    ("authority-routing", "removal-order"): """\
12:00:00 routed   removal_order of DE police, tco_art3: gate human_review, request ar-0001
         takes effect in EU
         EU.tco.art3-3 running, due 2026-11-24 13:00 UTC, clock 99925dff-cd5a-58c6-a38a-9127fa2be0f8
         EU.tco.art6 running, due 2027-05-25 04:00 UTC, clock 6737d49d-d7f3-5ac7-9455-30a5d2103e1c""",
    ("authority-routing", "order-to-act-incomplete"): """\
12:05:00 incomplete order_to_act of HU court, dsa_art9: gate human_review, request ar-0002
         missing: statement_of_reasons, exact_location, accepted_language
         ask a lawyer, because it does not show: territorial_scope
         language hu is not accepted
         takes effect in HU""",
    ("authority-routing", "production-order-not-said"): """\
12:40:00 routed   production_order of DE court, e_evidence_epoc: gate judicial_order, request ar-0009
         do not send data before 2026-12-05 04:00 UTC
         EU.e-evidence.art10-2 running, not before 2026-12-05 04:00 UTC, clock 90407b00-dd9a-5ee7-8626-0bc55b7591a3
         EU.e-evidence.art10-3 running, due 2026-12-04 12:40 UTC, clock 7861355e-eb31-593d-b1e1-a45f4d804bd4""",
    ("authority-routing", "data-of-another-state"): """\
12:30:00 routed   production_order of US court, national_law: gate judicial_order, request ar-0007
         belongs to BE_FEDERAL_PROSECUTOR""",
    ("authority-routing", "removal-order-EU-tco-art3-3-clock-lapsed"): """\
13:40:00 clock_lapsed removal_order of DE police, tco_art3: gate human_review, request ar-0001
         EU.tco.art3-3 lapsed, due 2026-11-24 13:40 UTC, clock 99925dff-cd5a-58c6-a38a-9127fa2be0f8""",
    ("authority-requests", "encryption-keys"): """\
12:20:00 order_for_information of RU government, national_law, request ar-0005
         encryption_keys: no category; elements: legal_basis, issuing_authority""",
    ("clock-outcomes", "plain-json-paused"): """\
09:00:00 paused: clarification_awaited, clock 005dae7e-6e83-53b0-ab8e-4b307e206265
         channel jcvc2xiwrv4k3tykvilbpbku52""",
    ("clock-outcomes", "binary-fulfilled"): """\
18:00:00 fulfilled, clock 005dae7e-6e83-53b0-ab8e-4b307e206265
         channel jcvc2xiwrv4k3tykvilbpbku52, by legal-7f3a""",
    ("authority-routing", "removal-order-EU-tco-art3-3-clock-fulfilled"): """\
13:53:00 clock_fulfilled removal_order of DE police, tco_art3: gate human_review, request ar-0001
         EU.tco.art3-3 fulfilled, due 2026-11-24 13:40 UTC, clock 99925dff-cd5a-58c6-a38a-9127fa2be0f8, by legal-7f3a""",
    ("moderation-outcomes", "binary-message-upheld"): """\
14:40:00 upheld fraud: phishing, terms scams-2.1, removed, suspended
         message fxu65kxk62hdszs3djxdslalab, channel ujfxnhoipnh7oyobnm6onb7wjc, by desk-19c4 (desk, one_reviewer)""",
    ("moderation-outcomes", "structured-escalation-dismissed-on-appeal"): """\
09:00:00 dismissed fraud: lawful_context, EU.dsa.art16-5 in DE
         escalation dfcf50d4-a310-5397-bd24-11da982c70f4, channel ujfxnhoipnh7oyobnm6onb7wjc, \
by legal-7f3a (legal, two_agree), drawn with probability 0.02, supersedes 01K5Q000000000000000001001""",
    ("case-activity", "claimed"): """\
14:20:00 claimed until 2026-09-21 15:20 UTC, escalation dfcf50d4-a310-5397-bd24-11da982c70f4
         channel ujfxnhoipnh7oyobnm6onb7wjc, by desk-19c4 (desk), version 0""",
    ("case-activity", "outcome-proposed"): """\
08:10:00 outcome_proposed: manifestly_unfounded, fabricated, escalation dfcf50d4-a310-5397-bd24-11da982c70f4
         channel ujfxnhoipnh7oyobnm6onb7wjc, by lead-02b1 (lead), version 5""",
    ("case-activity", "request-decided"): """\
13:53:00 decided: followed, request ar-0001
         by liaison-4e1d (authority_liaison), version 1""",
    ("reporter-notices", "received"): """\
2026-09-21 received, report 01K5Q000000000000000000012 of /platform/web""",
    ("reporter-notices", "superseded"): """\
2026-09-24 superseded, report 01K5Q000000000000000000012 of /platform/web
         dismissed, EU.dsa.art16-5 in DE, can be contested until 2027-03-24""",
    ("detector-feedback", "upheld"): """\
2026-09-21 decided, report d-000041 of /platform/matching: upheld as csam, child_sexual_abuse_material
         csam_synthetic by list ncmec-1 e-55120 2026-09""",
    ("detector-feedback", "superseded"): """\
2026-09-24 superseded, report d-000042 of /platform/scanner: dismissed, lawful_context
         fraud by scam-text 7.2""",
    ("refusals", "not-allowed-here"): """\
14:13:21 not_allowed_here: kind: Must be user_report in message-reports. Publish this report to verified-reports.
         report 01K5Q000000000000000000003 of /abuse-desk, message-reports/1/508""",
    ("refusals", "too-many-new"): """\
14:13:21 too_many_new: channel.ref: Must be known: the publisher in ce_source has brought 200000 new channels to \
this partition within an hour. It may bring more in the next one.
         report 01K5Q000000000000000000931 of /reports/app, message-reports/1/931, the last of this hour""",
    ("review-questions", "answered-stands"): """\
14:31:04 answered stands (o-2026-09-21-0815), due 14:46, fraud level 2, priority_review, channel \
ujfxnhoipnh7oyobnm6onb7wjc
         question 42980889-3a2a-55be-b89f-437a404cbc70: 20 people reported this channel, and none of them was \
right before; level 2 (priority_review) waits for a decision about 2 reports, drawn at random. The answer is \
yes, so the count decides.
         report 01K5Q000000000000000000007 of /platform/web, message m-09ab51; report \
01K5Q000000000000000000016 of /platform/android, message m-09ab51""",
    ("transparency-counters", "reports"): """\
2026-03-01 reports, DE fraud: 49 in partition 0
         41 user_report by user, 1 user_report by user (escalated), 6 automated_detection by automated, \
1 user_report by state_actor (late), 9 items""",
    ("transparency-counters", "requests"): """\
2026-03-01 requests, FR unspecified: 3 in partition 2
         2 order_for_information routed, 1 order_for_information refused (bulk_identify)""",
}


@pytest.mark.parametrize(("topic", "name"), READ, ids=lambda part: part)
def test_a_record_of_every_topic_has_a_text(topic, name):
    assert READABLE[topic](a_record(topic, name)) == READ[topic, name]


@pytest.mark.parametrize(
    "topic", ["authority-requests", "clock-outcomes", "moderation-outcomes", "case-activity"]
)
def test_the_text_of_a_record_that_a_worker_refuses_is_the_reason(topic):
    assert READABLE[topic](Record(b"{")).startswith("refused: not_json: value: ")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("asked", "a desk was asked whether reports are right; level 2 waits for the answer"),
        ("would_be_asked", "in live mode a desk would have been asked before level 2"),
    ],
)
def test_an_escalation_says_what_a_desk_was_asked(state, told):
    event = an_escalation(question=wire.QuestionState(state, 2, "q-1" if state == "asked" else None))
    assert escalation_grounds(event).endswith(told)
    asked = f"asked       {told}{' (question q-1)' if state == 'asked' else ''}"
    assert asked in story([event])


def test_an_escalation_that_an_answer_raised_says_so():
    trace = wire.Trace("r-1", "r-5", {"a.moderation-outcomes/0": 4})
    event = an_escalation(question=wire.QuestionState("stands", 2, "q-1"), type="updated", trace=trace)
    assert "the answer of a desk at a.moderation-outcomes/0/4; the newest report is r-5" in story([event])


def test_the_text_of_an_escalation_without_conditions_has_its_reason_alone():
    event = an_escalation(reason="policy_changed", conditions=(), jurisdictions=())
    assert escalation_grounds(event) == "policy_changed"


def test_the_text_of_a_dead_letter_has_reason_field_and_place():
    headers = [
        ("tocsin-reason", b"not_json"),
        ("tocsin-field", b"value"),
        ("tocsin-detail", b"Must be JSON."),
        ("tocsin-topic", b"message-reports"),
        ("tocsin-partition", b"2"),
        ("tocsin-offset", b"17"),
    ]
    text = READABLE["dead-letters"](Record(b"{", headers=headers))
    assert text.splitlines() == ["not_json: value: Must be JSON.", "         message-reports/2/17, 1 bytes"]


def test_a_dead_letter_without_a_value_or_headers_has_a_text():
    assert "0 bytes" in READABLE["dead-letters"](Record(None))


def test_json_holds_key_headers_and_value():
    line = as_json(Record(b'{"a": 1}', headers=[("ce_id", b"x")]))
    assert "\n" not in line
    assert orjson.loads(line) == {"key": "channel-1", "headers": {"ce_id": "x"}, "value": {"a": 1}}


@pytest.mark.parametrize(("value", "encoded"), [(b"\xff\x00", "/wA="), (b'{"half', "eyJoYWxm")])
def test_json_keeps_bytes_that_are_not_json(value, encoded):
    row = orjson.loads(as_json(Record(value, key=None)))
    assert row["key"] is None
    assert (row["value"], row["value_base64"]) == (None, encoded)


def test_table_columns_fit_the_widest_cell_and_numbers_align_right():
    table = text_table(("name", "reports"), [("fraud", "7"), ("spam", "1,200")])
    assert table.splitlines() == ["name   reports", "-----  -------", "fraud        7", "spam     1,200"]


def test_a_cell_with_several_lines_makes_a_row_of_several_lines():
    table = text_table(("a", "b", "c"), [("x", "1\n2", "z")])
    assert table.splitlines()[2:] == ["x  1  z", "   2"]


def a_tally() -> Tally:
    tally = Tally(published=Counter(report=90, duplicate=6, garbage=4), enriched=90, began_at=10.0)
    tally.dead_letters.update({"empty": 3, "not_json": 1})
    tally.storyline_of_channel["channel-1"] = "deepfake wave"
    tally.reports_of_storyline["deepfake wave"] = 20
    tally.last_arrival_at = 12.0
    return tally


def test_a_run_adds_up_when_every_record_has_exactly_one_output():
    tally = a_tally()
    assert tally.complete
    assert tally.differences() == []


@pytest.mark.parametrize("enriched", [89, 91])
def test_a_lost_or_doubled_report_is_noticed(enriched):
    tally = a_tally()
    tally.enriched = enriched
    assert tally.differences() == [f"enriched reports: {enriched} instead of 90"]


def test_a_dead_letter_instead_of_a_report_is_noticed_although_the_sum_is_right():
    tally = a_tally()
    tally.enriched -= 1
    tally.dead_letters["oversized"] += 1
    assert tally.complete
    assert len(tally.differences()) == 2


def test_the_summary_shows_stories_policies_and_the_equation():
    tally = a_tally()
    opened = an_escalation()
    raised = an_escalation(type="updated", level=3, level_name="surge", sequence=2)
    tally.escalations += [opened, raised, an_escalation(escalation_id="e-2", channel_ref="other")]
    tally.shadow.append(an_escalation(escalation_id="e-3", mode="shadow"))
    tally.latencies += [0.010, 0.020, 0.120]
    printed = io.StringIO()
    Screen(Console(file=printed, width=200)).summary(tally)
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert "deepfake wave 20 1 1 3 surge 1 in shadow" in lines
    assert "background 70 1 1 internal_review" in lines
    assert "fraud 1 internal_review 1 0" in lines
    assert "fraud 3 surge 1 0" in lines
    assert "Dead letters: empty 3, not_json 1" in lines
    assert "It adds up: 100 published = 90 enriched + 6 duplicates dropped + 4 dead letters." in lines
    assert any(line.endswith("median 20 ms, longest 120 ms.") for line in lines)


def test_a_missing_notice_or_a_report_of_the_days_before_is_noticed():
    tally = a_tally()
    tally.history = tally.notices_due = 5
    assert not tally.complete
    assert tally.differences() == [
        "enriched reports of the days before: 0 instead of 5",
        "notices to reporters: 0 instead of 5",
    ]
    tally.history_enriched = tally.notices = 5
    assert tally.complete
    assert tally.differences() == []


def test_the_summary_says_of_each_crowd_what_it_counts_as_and_why():
    tally = a_tally()
    tally.crowds |= {
        "returning brigade": CrowdCounts(45, 44, 1.83),
        "honest wave": CrowdCounts(80, 80, 80.0),
    }
    tally.sentences["returning brigade"] = "Nearly all of them belong together."
    tally.storyline_of_channel["wave"] = "honest wave"
    tally.escalations += [an_escalation(channel_ref="wave"), an_escalation(channel_ref="wave", level=2)]
    text = "\n".join(" ".join(line.split()) for line in summary(tally))
    assert "returning brigade 45 44 1.8 none" in " ".join(text.split())
    assert "honest wave 80 80 80.0 2 internal_review" in " ".join(text.split())
    assert "returning brigade: Nearly all of them belong together." in text
    assert "honest wave: none of 80 reporters had before reported the same messages" in text


def test_a_report_shows_its_sentence_about_coordination():
    assert sentence_of(b'{"report":{}}') is None
    assert sentence_of(b'{"integrity":{"score":1,"sentence":"All one."}}') == "All one."


def test_the_summary_prints_the_highest_escalation_of_the_wave():
    tally = a_tally()
    assert most_telling(tally) is None
    highest = an_escalation(level=2, sequence=2)
    tally.escalations += [an_escalation(), highest, an_escalation(level=3, channel_ref="other")]
    assert most_telling(tally) is highest
    text = portrait(highest)
    assert (
        "EU.dsa: promptly, clock not_armed (no_duration), internal target 2026-03-01 13:30 UTC, https://eu"
        in text
    )
    assert "m-1, m-2" in text


def test_an_undecided_request_and_a_running_clock_are_noticed():
    tally = a_tally()
    tally.requests, tally.outcomes = 2, 1
    tally.routings.append(a_routing("removal-order"))
    assert not tally.complete
    assert tally.differences() == [
        "judged requests: 1 instead of 2",
        "stopped clocks: 0 instead of 1",
    ]
    tally.routings.append(a_routing("everybody-at-a-protest"))
    # A later step of a clock is not a decision on the request.
    tally.routings.append(a_routing("removal-order-EU-tco-art3-3-clock-half"))
    tally.clock_events += [a_clock("opened-clock-armed"), a_clock("resolved-clock-fulfilled")]
    assert tally.complete
    assert tally.differences() == []


def test_the_summary_separates_clocks_requests_and_refusals_from_episodes():
    tally = a_tally()
    armed, lapsed = a_clock("opened-clock-armed"), a_clock("updated-clock-lapsed")
    tally.clock_events += [armed, lapsed]
    tally.routings += [a_routing("order-to-act-incomplete"), a_routing("removal-order")]
    tally.routings.append(a_routing("everybody-at-a-protest"))
    tally.description_of_request["ar-0001"] = "an order"
    printed = "\n".join(" ".join(line.split()) for text in summary(tally) for line in text.splitlines())
    assert "US.take-it-down.s3 remove 2026-09-21 14:15 UTC 2026-09-23 17:15 UTC lapsed\n" in printed
    assert "an order routed human_review EU.tco.art3-3 due 2026-11-24 13:00 UTC, EU.tco.art6 due" in printed
    assert "order_to_act incomplete human_review missing: statement_of_reasons, exact_location" in printed
    assert "refused human_rights_review bulk_identify, block_protest\n" in printed
    assert f"stop it {running_program()} clock {armed.clock.clock_id} fulfilled --actor me\n" in printed
    assert "rule of law closed, human_rights_review\n" in printed
    assert "article 11 (freedom of assembly), https://www.echr.coe.int/" in printed
    assert "Episodes by policy and highest level reached\npolicy level episodes resolved" in printed
    assert "legal-clock" not in printed


def test_a_stopped_clock_is_not_shown_as_urgent():
    tally = a_tally()
    tally.clock_events += [a_clock("opened-clock-armed"), a_clock("resolved-clock-fulfilled")]
    assert most_pressing(tally) is None


def test_the_demos_desk_lets_one_clock_lapse_and_stops_the_next_at_half_of_its_time():
    desk = Desk()
    armed, half = a_clock("opened-clock-armed"), a_clock("updated-clock-half")
    later = 1_900_000_000_000
    assert [desk.answer(event, later) for event in (an_escalation(), armed, half, armed)] == [None] * 4
    event = desk.answer(half, later)
    outcome, source, _ = decode_clock_outcome(event.value, event.headers, later)
    assert (outcome.clock_id, outcome.outcome, outcome.key) == (
        half.clock.clock_id,
        "fulfilled",
        half.channel_ref,
    )
    assert (source, outcome.actor) == ("/platform/legal-desk", "demo-legal-desk")
    assert event.key.decode() == half.channel_ref


def test_the_screen_shows_clocks_and_requests_with_their_deadlines():
    tally = a_tally()
    tally.description_of_request["ar-0001"] = "an order"
    printed = io.StringIO()
    screen = Screen(Console(file=printed, width=200))
    screen.escalation(tally, a_clock("updated-clock-half"))
    screen.routing(tally, a_routing("removal-order"))
    screen.routing(tally, a_routing("encryption-keys"))
    lines = printed.getvalue().splitlines()
    assert "17:15:00 updated  legal-clock level 2, half  background, channel jcvc2xiw" in lines
    assert (
        "         clock_half: US.take-it-down.s3, remove, due 2026-09-23 17:15 UTC, 50% elapsed; US" in lines
    )
    assert "12:00:00 routed   removal_order of DE police, tco_art3: gate human_review  an order" in lines
    assert "         EU.tco.art3-3 running, due 2026-11-24 13:00 UTC" in lines
    assert any(line.startswith("         encryption_keys: European Court of Human Rights") for line in lines)


def test_the_demo_runs_the_shipped_policies_with_trust_that_counts(monkeypatch, tmp_path):
    monkeypatch.delenv("TOCSIN_POLICIES_FILE", raising=False)
    environment = demo_environment("127.0.0.1:1", tmp_path)
    rules, shipped = load_rules(policies=Path(environment["TOCSIN_POLICIES_FILE"])), load_rules()
    assert (shipped.integrity, rules.integrity) == ("shadow", "live")
    assert rules.policies == shipped.policies


def test_the_demo_uses_its_own_broker_without_the_settings_of_another(monkeypatch, tmp_path):
    monkeypatch.delenv("TOCSIN_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TOCSIN_KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("TOCSIN_POLICIES_FILE", "mine.yaml")
    environment = demo_environment("127.0.0.1:1", tmp_path)
    assert environment["TOCSIN_KAFKA_BOOTSTRAP"] == "127.0.0.1:1"
    assert "TOCSIN_KAFKA_SECURITY_PROTOCOL" not in environment
    assert environment["TOCSIN_POLICIES_FILE"] == "mine.yaml"
    assert environment["TOCSIN_REPLICATION_FACTOR"] == "1"
    assert (
        environment["TOCSIN_TOPIC_PREFIX"] != demo_environment("127.0.0.1:1", tmp_path)["TOCSIN_TOPIC_PREFIX"]
    )


def test_the_demo_keeps_the_settings_of_a_given_broker(monkeypatch, tmp_path):
    monkeypatch.setenv("TOCSIN_KAFKA_BOOTSTRAP", "kafka:9093")
    monkeypatch.setenv("TOCSIN_KAFKA_SECURITY_PROTOCOL", "SSL")
    assert demo_environment("kafka:9093", tmp_path)["TOCSIN_KAFKA_SECURITY_PROTOCOL"] == "SSL"
