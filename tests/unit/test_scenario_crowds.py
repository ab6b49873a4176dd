"""The crowds of the scenario: valid, repeatable, and such that the stages tell brigades from honest crowds."""

from collections import Counter, defaultdict

import orjson
import pytest

from tests.readers import decode_moderation_outcome, decode_report
from tests.unit.reporter_traffic import Pipeline
from tests.unit.traffic import SHIPPED, compiled
from tocsin_demo.scenario import (
    HONEST_WAVE,
    RETURNING_BRIGADE,
    play_alone,
    play_crowds,
    play_history,
)
from tocsin_demo.scenario.crowds import CROWDS_SPAN_MS
from tocsin_demo.scenario.play import SPAN_MS

END_MS = 1_790_000_000_000
SEED = 7


@pytest.fixture(scope="module")
def records():
    return list(play_crowds(SEED, END_MS))


@pytest.fixture(scope="module")
def played(records):
    pipeline = Pipeline(compiled(*SHIPPED.policies))
    # Some two hours of traffic: decisions reach the reporters before the next report of the same channel.
    for begin in range(0, len(records), 40):
        pipeline.apply(records[begin : begin + 40], END_MS)
    return pipeline


@pytest.fixture(scope="module")
def crowds(played, records):
    """The escalations of policies in the order of publication, by storyline and channel."""
    story_of = {record.key.decode(): record.storyline for record in records}
    found = defaultdict(lambda: defaultdict(list))
    for event in played.events("escalations"):
        found[story_of[event["channel_ref"]]][event["channel_ref"]].append(event)
    return found


@pytest.mark.slow
def test_the_crowds_depend_on_seed_and_end_alone(records):
    assert list(play_crowds(SEED, END_MS)) == records
    assert list(play_crowds(SEED + 1, END_MS)) != records


def test_every_record_is_valid_and_within_the_ten_days(records):
    ids = Counter()
    for record in records:
        decode = decode_moderation_outcome if record.fate == "outcome" else decode_report
        event, _, time_ms = decode(record.value, record.headers, END_MS)
        assert END_MS - CROWDS_SPAN_MS <= time_ms <= END_MS
        ids[event.outcome_id if record.fate == "outcome" else event.report_id] += 1
    assert len(ids) == len(records)


def test_every_message_of_a_crowd_is_decided_after_it_was_reported(records):
    reported, decided = set(), set()
    for record in records:
        payload = orjson.loads(record.value)
        if record.fate == "outcome":
            assert payload["subject"]["message_ref"] in reported
            decided.add(payload["subject"]["message_ref"])
        else:
            reported.add(payload["message_ref"])
    in_crowds = {
        orjson.loads(record.value)["message_ref"]
        for record in records
        if record.fate == "report" and record.storyline in ("fresh brigade", "genuine wave")
    }
    assert in_crowds <= decided


def test_nothing_of_it_is_refused(played):
    assert not played.events("dead-letters")


def test_the_aged_brigade_counts_by_heads_at_first_and_then_as_few_voices(crowds):
    (events,) = crowds["aged brigade"].values()
    first, *_, last = [event["counts"] for event in events if event["type"] == "updated"]
    assert (first["linked"], first["voices"]) == (0, first["reports"])
    assert last["linked"] > 0.8 * last["reports"] > 20
    # Those of its members who were not linked stand alone.
    assert last["voices"] < last["reports"] - last["linked"] + 2
    assert "messages that were not upheld" in events[-2]["integrity"]["finding"]["sentence"]


def test_the_fresh_brigade_is_a_burst_of_new_accounts_and_stays_at_review(crowds):
    (events,) = crowds["fresh brigade"].values()
    opened = events[0]
    assert {"burst", "young_accounts", "non_members"} <= set(opened["integrity"]["finding"]["signals"])
    assert max(event["level"] for event in events) == 1


def test_honest_crowds_are_not_linked(played, records):
    honest = {
        record.key.decode()
        for record in records
        if record.storyline in ("vigilant communities", "genuine wave")
    }
    linked = [
        row
        for row in played.events("enriched-reports")
        if row["report"]["channel"]["ref"] in honest
        and "linked_reporters" in row.get("integrity", {"signals": ()})["signals"]
    ]
    assert not linked


def test_the_genuine_wave_counts_in_full(crowds):
    (events,) = crowds["genuine wave"].values()
    highest = max(events, key=lambda event: event["level"])
    counts = highest["counts"]
    assert (highest["level"], counts["linked"]) == (2, 0)
    assert counts["voices"] == counts["distinct_reporters"] >= 20
    assert "finding" not in highest["integrity"]


def test_a_desk_that_dismisses_lowers_the_trust_of_the_brigade(played, records):
    (channel,) = {
        record.key.decode()
        for record in records
        if record.storyline == "aged brigade" and record.fate == "outcome"
    }
    means = [
        row["trust"]["mean"]
        for row in played.events("enriched-reports")
        if row["report"]["channel"]["ref"] == channel and "trust" in row
    ]
    assert means
    assert max(means) < 0.3


def test_the_history_is_before_the_six_hours_and_decides_on_every_target_of_the_brigade():
    history = list(play_history(SEED, END_MS))
    assert list(play_history(SEED, END_MS)) == history
    decided, reported = set(), Counter()
    for record in history:
        decode = decode_moderation_outcome if record.fate == "outcome" else decode_report
        event, _, time_ms = decode(record.value, record.headers, END_MS)
        # A dismissal enters a signature within a week of the report.
        assert END_MS - SPAN_MS - 6 * 24 * 3_600_000 <= time_ms < END_MS - SPAN_MS
        if record.fate == "outcome":
            decided.add(event.subject.message_ref)
        else:
            reported[event.message_ref] += 1
    assert decided == {message for message, number in reported.items() if number > 1}
    assert len(decided) == 4


@pytest.mark.parametrize("known", [True, False])
def test_the_returning_brigade_counts_as_few_because_of_its_history_and_the_wave_in_full(known):
    crowd = list(play_alone(SEED, END_MS, [RETURNING_BRIGADE, HONEST_WAVE]))
    pipeline = Pipeline(compiled(*SHIPPED.policies))
    if known:
        pipeline.apply(list(play_history(SEED, END_MS)), END_MS)
    pipeline.apply(crowd, END_MS)
    story_of = {record.key.decode(): record.storyline for record in crowd}
    assert Counter(story_of[record.key.decode()] for record in crowd) == {
        RETURNING_BRIGADE: 45,
        HONEST_WAVE: 80,
    }
    newest = {
        story_of[event["channel_ref"]]: event["counts"]
        for event in pipeline.events("escalations")
        if event["channel_ref"] in story_of
    }
    assert newest[HONEST_WAVE]["voices"] == newest[HONEST_WAVE]["distinct_reporters"] >= 20
    brigade = newest[RETURNING_BRIGADE]
    assert brigade["distinct_reporters"] >= 20
    assert (brigade["voices"] < 3) == known
