"""The scenario is repeatable and valid except for its garbage. Policies distinguish its storylines."""

import base64
import hashlib
import hmac
from collections import Counter, defaultdict
from datetime import UTC, datetime

import orjson
import pytest

from streams.contract.wire.dead_letter import Rejected
from streams.deciding.reports.claims import check_claims
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.requests.judge import judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.loader import load_rules
from streams.registry.sources import load_sources
from tests.readers import decode_report, decode_request
from tests.unit.reporter_traffic import Pipeline
from tocsin_demo.scenario import MINIMUM_COUNT, STORYLINES, ScenarioRecord, play, play_requests
from tocsin_demo.scenario.bad_records import REASONS
from tocsin_demo.scenario.play import SPAN_MS
from tocsin_demo.scenario.pseudonyms import pseudonym

END_MS = 1_790_000_000_000
SMALL = 4_000


@pytest.fixture(scope="module")
def records() -> list[ScenarioRecord]:
    return list(play(7, SMALL, END_MS))


def can_arm() -> set[str]:
    """The shipped rows that arm a clock without the platform's trust in secondary ones."""
    return {duty.id for duty in load_rules().obligations if duty.arms}


def armed(*names: str) -> list[str]:
    return [name for name in names if name in can_arm()]


@pytest.fixture(scope="module")
def outputs(records: list[ScenarioRecord]) -> dict[str, list]:
    """The outputs of the core for the scenario under the shipped rules, in a single partition."""
    pipeline = Pipeline(compile_report_rules(load_rules()))
    # Few at a time: reports without a reporter's ref need one hop, the others three.
    for begin in range(0, len(records), 40):
        pipeline.apply(records[begin : begin + 40], END_MS)
    return pipeline.outputs


@pytest.mark.slow
def test_a_scenario_depends_on_its_arguments_alone(records):
    assert list(play(7, SMALL, END_MS)) == records
    assert list(play(8, SMALL, END_MS)) != records


@pytest.mark.slow
@pytest.mark.parametrize("count", [MINIMUM_COUNT, 2_999, 30_001])
def test_a_scenario_has_exactly_the_requested_number_of_records(count):
    assert sum(1 for _ in play(3, count, END_MS)) == count


def test_a_scenario_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="2000"):
        next(play(7, MINIMUM_COUNT - 1, END_MS))


def test_every_record_is_valid_or_garbage_as_labelled(records):
    refused, sources = [], load_sources()
    for record in records:
        try:
            report, source, _ = decode_report(record.value, record.headers, END_MS)
            check_claims(sources, record.topic, report, source)
        except Rejected as rejected:
            assert record.fate == "garbage", rejected
            refused.append(rejected.reason)
            continue
        assert record.fate != "garbage"
        assert record.key.decode() == report.channel.ref
        assert source.startswith("/platform/")
        occurred = datetime.fromtimestamp(END_MS / 1000, UTC) - report.occurred_at
        assert 0 <= occurred.total_seconds() * 1000 <= SPAN_MS
    # A scenario of this size has one of each.
    assert Counter(refused) == Counter(REASONS)


def test_duplicates_repeat_the_same_bytes_later(records):
    seen = set()
    duplicates = 0
    for record in records:
        identity = (record.value, tuple(record.headers))
        assert (identity in seen) == (record.fate == "duplicate")
        seen.add(identity)
        duplicates += record.fate == "duplicate"
    assert duplicates == SMALL // 200


def test_reports_arrive_nearly_in_order_of_time(records):
    times = [orjson.loads(record.value)["occurred_at"] for record in records if record.fate == "report"]
    newest, latest = "", 0.0
    for time in times:
        if newest:
            lag = datetime.fromisoformat(newest) - datetime.fromisoformat(time)
            latest = max(latest, lag.total_seconds())
        newest = max(newest, time)
    # Out of order, but within the lateness that the counts allow.
    assert 0 < latest < 300


def test_the_sizes_of_channels_have_a_heavy_tail(records):
    drawn = Counter(record.key for record in records if record.storyline == "background")
    sizes = sorted(drawn.values(), reverse=True)
    assert sizes[0] > 20 * sizes[len(sizes) // 10]
    assert sizes[len(sizes) // 2] <= 2


def test_pseudonyms_are_keyed_hashes_and_differ_by_kind():
    expected = hmac.new(b"key", b"reporter\x0042", hashlib.sha256).digest()
    assert pseudonym(b"key", "reporter", "42") == base64.b32encode(expected)[:26].decode().lower()
    assert pseudonym(b"key", "channel", "42") != pseudonym(b"key", "reporter", "42")
    assert pseudonym(b"other", "reporter", "42") != pseudonym(b"key", "reporter", "42")


def test_input_and_output_add_up(records, outputs):
    fates = Counter(record.fate for record in records)
    assert len(outputs["enriched-reports"]) == fates["report"]
    assert len(outputs["dead-letters"]) == fates["garbage"]


@pytest.fixture(scope="module")
def levels(records, outputs) -> dict[str, Counter]:
    """The highest level that each channel of a storyline reached, by topic and storyline."""
    story_of = {record.key: record.storyline for record in records}
    highest = defaultdict(Counter)
    for topic in ("escalations", "escalations-shadow"):
        for output in outputs[topic]:
            event = orjson.loads(output.value)
            if event["clock"] is not None:
                continue
            of_channel = highest[topic, story_of[output.key]]
            of_channel[output.key] = max(of_channel[output.key], event["level"])
    return {key: Counter(of_channel.values()) for key, of_channel in highest.items()}


def test_the_wave_reaches_the_highest_level_in_its_larger_channels(levels):
    wave = levels["escalations", "deepfake wave"]
    assert wave.total() == 6
    assert wave[3] >= 3


def asked(records, outputs, storyline):
    """The questions to the desk about a storyline's channels."""
    keys = {record.key for record in records if record.storyline == storyline}
    rows = [row for row in outputs["review-questions"] if row.key in keys]
    return [event for row in rows if (event := orjson.loads(row.value))["type"] == "asked"]


def test_every_channel_of_the_ring_is_found_and_the_desk_is_asked_about_the_hub(records, levels, outputs):
    assert levels["escalations", "fraud ring"] == {1: 12}
    assert max(event["level"] for event in asked(records, outputs, "fraud ring")) >= 2


def test_the_desk_is_asked_about_the_flood_which_ends(records, levels, outputs):
    assert levels["escalations", "spam flood"] == {1: 1}
    assert asked(records, outputs, "spam flood")
    flood = [orjson.loads(row.value) for row in outputs["escalations"] if b"spam-flood" in row.value]
    assert [event["type"] for event in flood] == ["opened", "resolved"]


def test_threats_to_people_are_found_at_the_first_report(levels):
    assert levels["escalations", "child safety"].total() == 4
    assert levels["escalations", "threats to life"] == {1: 1, 3: 1}


def test_the_brigade_reaches_no_level_and_its_reports_are_marked(levels, outputs, records):
    """Sixteen accounts that report again and again: each adds its risk once."""
    assert ("escalations", "brigade") not in levels
    of_brigade = {record.key for record in records if record.storyline == "brigade"}
    reports = [orjson.loads(row.value) for row in outputs["enriched-reports"] if row.key in of_brigade]
    assert len(reports) > 3 * reports[-1]["channel_windows"][0]["distinct_reporters"]
    assert sum("integrity" in event for event in reports) > len(reports) / 2
    assert {event["rule_of_law"]["decision"] for event in reports} == {"human_rights_review"}


def test_the_pile_on_is_seen_in_shadow_only(levels):
    assert ("escalations", "pile-on") not in levels
    assert levels["escalations-shadow", "pile-on"].total() == 1


def test_the_background_outnumbers_the_storylines_and_escalates_nothing(levels, records):
    assert ("escalations", "background") not in levels
    of_stories = sum(record.storyline in STORYLINES for record in records)
    assert of_stories < SMALL / 2


@pytest.fixture(scope="module")
def clocks(outputs) -> dict[str, list[dict]]:
    """The events of each legal clock, by its id."""
    of_clock = defaultdict(list)
    for output in outputs["escalations"]:
        event = orjson.loads(output.value)
        if event["clock"] is not None:
            of_clock[event["escalation_id"]].append(event)
    return of_clock


def test_only_victims_arm_clocks_those_of_their_countries(clocks, outputs, records):
    story_of = {record.key.decode(): record.storyline for record in records}
    newest = [events[-1] for events in clocks.values()]
    assert {story_of[event["channel_ref"]] for event in newest} == {"victim requests"}
    expected = {
        ("GB.osa.s10-3A", "running"): 1,
        ("US.take-it-down.s3", "running"): 1,
        # The scenario lasts six hours, so the two hours of this duty end within it.
        ("IN.itr.3-2-b", "lapsed"): 2,
        ("IN.itr.3-2-a", "running"): 2,
        ("IN.itr.3-2-a.ack", "running"): 2,
        ("IN.itr.3-2-a.specified", "running"): 2,
    }
    assert Counter((event["clock"]["obligation"], event["clock"]["status"]) for event in newest) == {
        key: number for key, number in expected.items() if key[0] in can_arm()
    }
    lapsed = [events for events in clocks.values() if events[-1]["clock"]["status"] == "lapsed"]
    for events in lapsed:
        reasons = [event["reason"] for event in events]
        assert reasons == ["clock_armed", "clock_half", "clock_nine_tenths", "clock_lapsed"]


def test_an_unsigned_request_arms_no_clock_and_gives_the_reason(outputs, records):
    statutory = [
        enriched
        for output in outputs["enriched-reports"]
        if (enriched := orjson.loads(output.value))["report"]["kind"] == "statutory_victim_request"
        and "signature" not in enriched["report"]["notice"]["elements"]
    ]
    (unsigned,) = statutory
    reasons = {row["id"]: row["not_armed_reason"] for row in unsigned["obligations"]}
    assert reasons["US.take-it-down.s3"] == "elements_missing"


def test_requests_depend_on_seed_and_end_alone():
    requests = list(play_requests(7, END_MS))
    assert requests == list(play_requests(7, END_MS))
    assert requests != list(play_requests(8, END_MS))
    assert len({request.key for request in requests}) == len(requests)


def test_every_request_is_valid_and_each_has_a_different_result():
    rules = compile_request_rules(load_rules())
    outcomes = []
    for record in play_requests(7, END_MS):
        request, source, received_ms = decode_request(record.value, record.headers, END_MS)
        assert (source, record.key.decode()) == ("/platform/authority-intake", request.request_id)
        assert END_MS - SPAN_MS <= received_ms <= END_MS
        judged = judge_request(request, received_ms, rules)
        findings = judged.findings
        outcomes.append(
            (
                judged.decision,
                [refusal.code for refusal in findings.refusals],
                bool(findings.belongs_to),
                [duty.obligation.id for duty in judged.armed],
            )
        )
    assert outcomes == [
        ("routed", [], False, armed("EU.e-evidence.art11-1")),
        ("incomplete", [], False, []),
        ("incomplete", [], False, armed("EU.e-evidence.art10-3", "EU.e-evidence.art10-6.answer")),
        ("refused", ["block_protest", "political_demand"], False, []),
        ("routed", [], True, []),
        # The reach of French law is contested; the order that nobody contests is named.
        ("incomplete", [], True, []),
        ("routed", [], False, armed("EU.e-evidence.art10-4", "EU.e-evidence.art4-5")),
        ("routed", [], False, armed("EU.tco.art3-3", "EU.tco.art6")),
    ]
    # A first user sees the clock of a removal order.
    assert armed("EU.tco.art3-3")


def test_the_scenario_ends_in_the_first_half_of_the_removal_orders_hour():
    *_, last = play_requests(7, END_MS)
    _, _, received_ms = decode_request(last.value, last.headers, END_MS)
    assert END_MS - received_ms < 30 * 60_000
