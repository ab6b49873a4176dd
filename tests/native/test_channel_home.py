"""The native core at the home of channels counts and publishes what Python does, to the byte, and leaves the same state."""

import dataclasses
import random
from typing import get_args

import msgspec
import pytest

from streams.contract.events.internal.passed_report import StampedReport
from streams.contract.events.report import REPORTER_KINDS, AccountAge, NoticeElement
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.counting.coordination.guard_rail import LEAST
from streams.deciding.partition.limits import LIMITS
from streams.deciding.partition.replay import DECISIONS_HEADER, TICKS_HEADER
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.deciding.reports.crowd import Crowd
from streams.deciding.reports.native import home_rules
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.bench.place import ONE_TOPIC
from tests.native.both_cores import LONG_SOURCE, BothStages
from tests.native.fuzz import BEGIN_MS, DAY, HOUR, MINUTE
from tests.native.test_restored import OF_CROWDS
from tests.tools import native_core
from tests.unit.crowd_traffic import KEY, outcome, reported, stamped
from tests.unit.standing_traffic import approval
from tests.unit.traffic import Record, levels, policy, report

native_core()

RULES = load_rules(sources=ONE_TOPIC)
LIVE = dataclasses.replace(RULES, integrity="live")
INTERNAL = "message-reports-internal"


class Homes(BothStages):
    """One partition whose reports Python counts, and one whose reports the native core does."""

    def __init__(self, rules=RULES, settings=DEFAULTS):
        super().__init__(
            lambda core: report_stage(compile_report_rules(rules, settings=settings), core), (0, 1)
        )

    def topics(self, records, limits=LIMITS):
        """Apply records, and return the topics of what was written."""
        return [output.topic for batch in self.apply(records, limits) for output in batch.outputs]


def together(records):
    """The entries of bundles as one bundle."""
    entries = [entry for record in records for entry in STAMPED_REPORTS.read(record).entries]
    return [records[0]._replace(value=STAMPED_REPORTS.record(0, 1, entries).value)]


def at_home(number, time, ref=None, channel="c", stamp=(), **fields):
    """A report of a reporter with a stamp, at the home of its channel."""
    reporter = {"kind": "user", "ref": ref or f"u{number}", **fields.pop("reporter", {})}
    return stamped(report(number, time, channel=channel, reporter=reporter, **fields), **dict(stamp))


def of_channel(record, channel):
    """The record of a report, with another channel."""
    return record._replace(
        value=msgspec.json.encode(msgspec.json.decode(record.value) | {"channel": channel})
    )


def test_kinds_of_reporters_and_reports():
    homes = Homes()
    number = 0
    for kind in ("user_report", "automated_detection", "trusted_flagger_notice", "statutory_victim_request"):
        for who in REPORTER_KINDS:
            for message in ({}, {"message_ref": "m1"}, {"message_ref": "m2"}):
                number += 1
                homes.apply(
                    [at_home(number, BEGIN_MS + number, kind=kind, reporter={"kind": who}, **message)]
                )
    # The first one moves time on to its day.
    assert homes.counted_natively == homes.applied - 1 == number - 1


def test_detectors_with_and_without_classifier():
    """Each of several parts of a source is credited, but they are no several findings."""
    homes = Homes()
    reports = []
    for number in range(40):
        fields = {"message_ref": f"m{number % 3}", "kind": "automated_detection", "category": "fraud"}
        if number % 4:
            score = number / 40
            fields["classifier"] = {"name": f"scan{number % 2}", "version": f"{number % 3}", "score": score}
        reporter = {"kind": "automated", **({"ref": "d"} if number % 5 else {})}
        one = report(number, BEGIN_MS + number, reporter=reporter, **fields)
        reports.append(stamped(one, factor=0.0 if number % 7 == 6 else 1.0, proof=()))
    homes.apply(together(reports[:20]))
    homes.restart(swap=True)
    homes.apply(together(reports[20:]))
    assert homes.counted_natively > 25


@pytest.mark.parametrize("category", ["spam", "csam", "fraud", "terrorism", "harassment"])
@pytest.mark.parametrize("rules", [RULES, LIVE])
def test_reports_late_by_anything(category, rules):
    """Windows that ended are judged, in floor categories as one of now; a person looks where a level rises."""
    homes = Homes(rules)
    delays = (
        0,
        MINUTE,
        6 * MINUTE,
        50 * MINUTE,
        70 * MINUTE,
        5 * HOUR,
        13 * HOUR,
        30 * HOUR,
        8 * DAY,
        32 * DAY,
    )
    reports = [
        at_home(
            number,
            BEGIN_MS + 40 * DAY + number * MINUTE - delays[number * 7 % len(delays)],
            channel=f"c{number % 2}",
            category=category,
            message_ref=f"m{number % 9}",
        )
        for number in range(160)
    ]
    for begin in range(0, 160, 40):
        homes.apply(together(reports[begin : begin + 40]))
        homes.restart(swap=begin % 80 == 0)
    assert homes.counted_natively > 40


@pytest.mark.parametrize("rules", [RULES, LIVE])
def test_a_brigade_of_strangers_and_of_friends(rules):
    """Members of a cluster, strangers with young accounts, and who goes through the channel."""
    homes = Homes(rules)
    signature = sum((2 * bin + 1) << 16 * bin for bin in range(12))
    reports = []
    for number in range(150):
        linked = {"signature": signature, "needed": 2} if number % 3 == 0 else {}
        stamp = {**linked, "channels": number % 9, "first_time": number % 2 == 0}
        reporter = {"account_age": ("under_1d", "over_1y")[number % 4 == 0], "member": number % 5 == 0}
        reports.append(
            at_home(
                number,
                BEGIN_MS + number * 1_000,
                ref=f"u{number % 110}",
                stamp=stamp,
                message_ref=f"m{number % 6}",
                reporter=reporter,
            )
        )
    topics = homes.topics([*together(reports[:90]), *together(reports[90:])])
    assert "escalations" in topics
    assert ("integrity-cases" in topics) == (rules is LIVE)
    assert homes.counted_natively > 90


def test_links_without_effect_beyond_the_guard_rail():
    homes = Homes(LIVE)
    number = 0
    for group in range(LEAST + 20):
        signature = sum((2 * (bin + 40 * group) + 1) % 65_536 << 16 * bin for bin in range(8))
        pair = []
        for _ in range(2):
            number += 1
            stamp = {"signature": signature, "needed": 2}
            pair.append(at_home(number, BEGIN_MS + number, message_ref=f"m{group}", stamp=stamp))
        homes.apply(together(pair))
    guard = homes.states[1].crowd.guard
    assert guard.tripped()
    assert len(guard.linked) == LEAST + 20


def test_a_crowd_that_waits_for_a_desk():
    """Further reports change nothing until the desk answers, or a channel is clear."""
    homes = Homes()
    reports = [
        at_home(n, BEGIN_MS + n * 1_000, message_ref=f"m{n % 20}", reporter={"member": True})
        for n in range(300)
    ]
    topics = homes.topics(together(reports[:140]))
    assert topics.count("review-questions") == 1
    before = homes.counted_natively
    assert "review-questions" not in homes.topics(together(reports[140:200]))
    assert homes.counted_natively - before == 60
    asked = homes.states[0].episodes["c"]["spam-flood", "live"].question
    for drawn in asked.drawn:
        homes.apply([outcome(1, "upheld", BEGIN_MS + 250_000, message=drawn.message)])
    homes.apply(together(reports[200:]))
    homes.apply([at_home(400, BEGIN_MS + 20 * HOUR, channel="other")])
    homes.apply([at_home(401, BEGIN_MS + 20 * HOUR + 1)])


def test_several_categories_are_judged_together():
    own = policy(
        id="together",
        categories=("spam", "fraud", "csam"),
        levels=levels({"reports": 4}, {"distinct_reporters": 6, "voices": 5}, {"reports": (">", 30)}),
    )
    several = dataclasses.replace(RULES, policies=(*RULES.policies, own))
    homes = Homes(several)
    reports = [
        at_home(n, BEGIN_MS + n * MINUTE, ref=f"u{n % 11}", category=("spam", "fraud", "csam")[n % 3])
        for n in range(60)
    ]
    homes.apply(together(reports))
    homes.restart(swap=True)
    late = [at_home(n, BEGIN_MS + n, ref=f"u{n % 11}", category="fraud") for n in range(100, 110)]
    assert "escalations" in homes.topics(together(late)) or homes.states[0].episodes["c"]
    assert homes.counted_natively > 40


def test_new_channels_and_messages_too_many_are_refused():
    """A report that brings both counts for neither if one is refused."""
    settings = PartitionSettings(new_channels_per_hour=3, new_messages_per_hour=5)
    homes = Homes(settings=settings)
    reports = [
        at_home(n, BEGIN_MS + n, channel=f"c{n * 3 % 7}", message_ref=f"m{n * 5 % 4}") for n in range(40)
    ]
    (batch,) = homes.apply(together(reports))
    assert batch.counters.dead_letters["too_many_new"] > 20
    homes.apply(together([at_home(50 + n, BEGIN_MS + HOUR + n, channel=f"n{n}") for n in range(6)]))
    assert homes.counted_natively > 5


def test_what_is_repeated_is_dropped_at_any_distance_and_counted_where_it_is_forgotten():
    homes = Homes(settings=PartitionSettings(duplicates_most=3))
    reports = [at_home(n, BEGIN_MS + n, message_ref="m") for n in range(700)]
    homes.apply(together([*reports[:4], *reports[1:3]]))
    homes.apply(together(reports))
    (batch,) = homes.apply(together(reports[:10]))
    assert batch.counters.possible_repeats == 10
    assert homes.counted_natively > 600


@pytest.mark.parametrize("messages", [3, 200])
def test_a_slice_ends_where_that_of_python_does(messages):
    """With receipts there is more than one output for each report; a record that changes twice is counted once."""
    homes = Homes()
    reports = [at_home(n, BEGIN_MS + n, message_ref=f"m{n % messages}") for n in range(200)]
    few = LIMITS._replace(slice_more_outputs=7, batch_bytes=40_000)
    batches = homes.apply(together(reports), few)
    assert len(batches) > 3
    assert homes.counted_natively > 180


def test_a_day_and_a_step_that_is_due_are_pythons():
    homes = Homes()
    midnight = (BEGIN_MS // DAY + 1) * DAY
    times = (midnight - 2, midnight - 1, midnight, midnight + 1, midnight + HOUR)
    homes.apply(together([at_home(n, time, category="threat_to_life") for n, time in enumerate(times)]))
    # The first one of each day, that which opens an episode, and that after the pane in which it did.
    assert homes.counted_natively == 2


def test_reports_at_home_where_they_were_published():
    homes = Homes()
    anonymous = [report(n, BEGIN_MS + n, reporter={"kind": "anonymous"}, message_ref="m") for n in range(20)]
    homes.apply([*anonymous, report(30, BEGIN_MS + 30), *anonymous[:2]])
    assert (homes.applied, homes.counted_natively) == (20, 19)


def test_who_is_in_shadow_or_has_a_candidate_beside_is_pythons():
    rules = compile_report_rules(RULES)
    alone = dataclasses.replace(rules, cases_alone=True)
    stage = dataclasses.replace(report_stage(rules, "native"), rules=alone)
    batch = stage.apply(stage.restore(0, 1), reported(1, 2, 3))
    assert (batch.counters.applied, batch.counters.counted_natively) == (3, 0)


def test_a_failure_names_the_entry(monkeypatch):
    homes = Homes()
    calls = []

    def fails(self, now, reporter, group):
        calls.append(reporter)
        if len(calls) >= 3:
            raise LookupError("no disk")

    monkeypatch.setattr(Crowd, "note_link", fails)
    with pytest.raises(StageFailed) as failed:
        homes.stages[1].apply(homes.states[1], together(reported(0, 1, 2, 3, 4)))
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.place.entry == 2


def test_without_memory_no_entry_is_to_blame(monkeypatch):
    homes = Homes()

    def fails(self, now, reporter, group):
        raise MemoryError

    monkeypatch.setattr(Crowd, "note_link", fails)
    with pytest.raises(MemoryError):
        homes.stages[1].apply(homes.states[1], together(reported(0, 1, 2)))


def test_what_fails_in_a_judgement_names_the_entry(monkeypatch):
    homes = Homes()
    reports = [at_home(n, BEGIN_MS + n, category=("spam", "csam")[n == 3]) for n in range(6)]

    def fails(*_arguments, **_more):
        raise LookupError("no disk")

    monkeypatch.setattr("streams.deciding.reports.native.home.judge_counted", fails)
    with pytest.raises(StageFailed) as failed:
        homes.stages[1].apply(homes.states[1], together(reports))
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.place.entry == 3


def test_a_panic_names_the_entry(monkeypatch):
    """Without a window there is no longest one."""
    plan_rules = home_rules.plan_rules
    monkeypatch.setattr(
        home_rules,
        "plan_rules",
        lambda *of: msgspec.structs.replace(plan_rules(*of), windows=[], policies=[]),
    )
    stage = report_stage(compile_report_rules(RULES), "native")
    with pytest.raises(StageFailed) as failed:
        stage.apply(stage.restore(0, 1), together(reported(0, 1, 2)))
    assert failed.value.place.entry == 1
    assert "the native core panicked" in str(failed.value.__cause__)


def test_an_entry_that_no_worker_wrote_is_refused_alone():
    """Python refuses its bundle; the native core reads each entry where it is applied."""
    stage = report_stage(compile_report_rules(RULES), "native")
    (bundle,) = together(reported(0, 1, 2))
    partitions, entries = msgspec.msgpack.decode(bundle.value[1:])
    entries[1][0][15] = ["user_report", "no time"]
    damaged = bundle._replace(value=bundle.value[:1] + msgspec.msgpack.encode((partitions, entries)))
    batch = stage.apply(stage.restore(0, 1), [damaged])
    assert batch.counters.applied == 2
    (letter,) = [output for output in batch.outputs if output.topic == "dead-letters"]
    assert dict(letter.headers)["tocsin-reason"] == b"invalid_value"
    assert letter.value == msgspec.msgpack.encode(entries[1])


def test_plain_records_of_0_2_are_pythons():
    homes = Homes()
    record = Record(INTERNAL, 0, 0, BEGIN_MS, b"c", report(1, BEGIN_MS).value, [])
    homes.apply([record._replace(topic="message-reports")])
    assert homes.counted_natively == 0


def test_what_few_reports_say_is_pythons():
    """Times in another zone, a list, a version of the message; a ref without a stamp is of version 0.2."""
    homes = Homes()
    usual = {"message_ref": "m1", "message_version": "v1"}
    homes.apply(together([at_home(n, BEGIN_MS + n, **usual) for n in range(2)]))
    homes.apply([approval(1, BEGIN_MS + MINUTE)])
    detector = {"kind": "automated_detection", "reporter": {"kind": "automated"}}
    (unstamped,) = STAMPED_REPORTS.read(at_home(9, BEGIN_MS + MINUTE)).entries
    reports = [
        at_home(2, BEGIN_MS + MINUTE),
        at_home(3, BEGIN_MS + MINUTE, occurred_at="2027-01-15T09:01:00+01:00"),
        at_home(4, BEGIN_MS + MINUTE, match={"list": "known"}, message_ref="m2", **detector),
        at_home(5, BEGIN_MS + MINUTE, **usual),
        at_home(6, BEGIN_MS + MINUTE),
    ]
    before = homes.counted_natively
    homes.apply(together(reports))
    homes.apply(
        [reports[0]._replace(value=STAMPED_REPORTS.record(0, 1, [StampedReport(unstamped.report)]).value)]
    )
    assert homes.counted_natively - before == 2


def test_the_first_report_says_what_was_applied_since_the_last_one():
    """Ticks and decisions, in the headers of the enriched report."""
    homes = Homes()
    homes.apply([at_home(0, BEGIN_MS, category="csam", message_ref="m1")])
    ticks = homes.tick(BEGIN_MS + 3 * DAY)
    decisions = [outcome(number, "upheld", BEGIN_MS + MINUTE + number) for number in (1, 2)]
    homes.apply([decisions[0], *ticks, decisions[1]])
    homes.restart(swap=True)
    before = homes.counted_natively
    later = BEGIN_MS + 3 * DAY + HOUR
    (batch,) = homes.apply(together([at_home(1, later), at_home(2, later)]))
    assert homes.counted_natively - before == len(ticks) + 1 == 2
    said = [dict(output.headers) for output in batch.outputs if output.topic == "enriched-reports"]
    assert said[0][TICKS_HEADER] == b"1"
    assert said[0][DECISIONS_HEADER] == b"o2 o4@1"
    assert not said[1].keys() & {TICKS_HEADER, DECISIONS_HEADER}


@pytest.mark.parametrize("rules", [RULES, LIVE, dataclasses.replace(LIVE, ask=None)])
@pytest.mark.parametrize("seed", range(2))
def test_any_stamps(rules, seed):
    """Of who was right here or elsewhere, is linked, goes through many channels, or is a machine."""
    chance = random.Random(seed)
    homes = Homes(dataclasses.replace(rules, policies=(*rules.policies, *OF_CROWDS)))
    alike = [sum((2 * bin + 60 * kind + 1) << 16 * bin for bin in range(9)) for kind in range(2)]
    tags = [KEY.channel_tag(channel) for channel in ("c0", "c1", "elsewhere", "there")]
    reports, time = [], BEGIN_MS
    for number in range(300):
        time += chance.choice((0, 1_000, MINUTE, 10 * MINUTE))
        stamp = {
            "reporter_class": chance.choice(("low", "low", "medium", "high")),
            "outcomes": chance.choice((0.0, 1.0)),
            "factor": chance.choice((1.0, 1.0, 0.5, 0.0)),
            "first_time": chance.random() < 0.5,
            "over_limit": chance.random() < 0.2,
            "signature": chance.choice((0, *alike)),
            "needed": chance.choice((2, 9)),
            "proof": tuple(chance.sample(tags, chance.randrange(4))),
            "paused": number % 60 == 59,
            "watched": number % 60 == 29,
            "channels": chance.choice((0, 5, 6, 50)),
        }
        reporter = {
            "kind": chance.choice(("user", "user", *REPORTER_KINDS)),
            "member": chance.choice((True, False, None)),
            "account_age": chance.choice((*get_args(AccountAge), None)),
        }
        message = chance.choice(
            ({}, {"message_ref": "m0"}, {"message_ref": "m1"}, {"message_ref": f"n{number}"})
        )
        reports.append(
            at_home(
                number,
                time - chance.choice((0, 0, 0, MINUTE, HOUR, 25 * HOUR)),
                ref=f"u{chance.randrange(60)}",
                channel=f"c{chance.randrange(2)}",
                stamp=stamp,
                category=chance.choice(("fraud", "spam", "harassment", "doxxing", "threat_to_life")),
                reporter=reporter,
                **message,
            )
        )
    for begin in range(0, 300, 60):
        homes.apply(together(reports[begin : begin + 60]))
        homes.restart(swap=begin % 120 == 0)
    assert homes.counted_natively > 120


def test_the_guard_rail_of_a_new_day():
    """Who reports a message again is among its reporters, and what the day before remembers says nothing of it."""
    homes = Homes()
    homes.apply(together([at_home(n, BEGIN_MS + n, message_ref="m") for n in range(300)]))
    pairs = [
        at_home(n, BEGIN_MS + n, stamp={"signature": 1 << 16 | n // 2, "needed": 2}, message_ref=f"m{n // 2}")
        for n in range(300, 340)
    ]
    homes.apply(together(pairs))
    assert len(homes.states[0].crowd.guard.linked) == 20
    tomorrow = BEGIN_MS + DAY
    homes.apply([report(340, tomorrow, reporter={"kind": "anonymous"})])
    before = homes.counted_natively
    homes.apply(together([at_home(400 + n, tomorrow + n, ref=f"u{n}", message_ref="m") for n in range(20)]))
    assert homes.counted_natively - before > 10
    assert len(homes.states[0].crowd.guard.active) == 20


def test_what_occurred_when_the_newest_forgotten_id_was_applied_may_be_a_repeat():
    homes = Homes(settings=PartitionSettings(duplicates_most=3))
    (batch,) = homes.apply(together([at_home(n, BEGIN_MS, message_ref="m") for n in range(510)]))
    assert (batch.counters.possible_repeats, homes.counted_natively) == (9, 500)


def test_a_sample_of_messages_is_drawn():
    homes = Homes(dataclasses.replace(RULES, sample_share=0.3))
    (batch,) = homes.apply(
        together([at_home(n, BEGIN_MS + n, message_ref=f"m{n}", category="ip") for n in range(40)])
    )
    assert 5 < batch.counters.samples["drawn"] < 25
    assert homes.counted_natively == 39


def test_a_policy_of_accounts():
    """An account counts like a channel, and may have policies of its own."""
    own = policy(categories=("spam",), channel_kind="account")
    homes = Homes(dataclasses.replace(RULES, policies=(own,)))
    kinds = ("channel", "account")
    channels = [{"ref": kind, "kind": kind, "visibility": "public"} for kind in kinds]
    reports = [stamped(of_channel(report(n, BEGIN_MS + n), channels[n % 2])) for n in range(12)]
    assert homes.topics(together(reports)).count("escalations") == 1
    assert list(homes.states[0].episodes) == ["account"]
    assert homes.counted_natively == 11


@pytest.mark.parametrize("category", ["ncii", "ip", "terrorism"])
def test_the_law_of_reports_that_differ_in_one_fact(category):
    homes = Homes()
    of = {name: [{"country": name, "basis": "offence", "confidence": 0.9}] for name in ("US", "GB", "IN")}
    # A law of Great Britain begins on this day.
    begins = 20_164 * DAY
    # Which arms a clock in India.
    notice = {"elements": get_args(NoticeElement)}
    facts = [
        {},
        {"evidence": of["US"]},
        {"evidence": of["US"], "reporter": {"country": "FR"}},
        {"evidence": of["US"], "reporter": {"kind": "trusted_flagger"}},
        {"evidence": of["US"], "kind": "statutory_victim_request"},
        {"evidence": of["IN"]},
        {"evidence": of["IN"], "notice": notice},
        *(
            {"evidence": of["GB"], "received_at": rfc3339(time)}
            for time in (begins - 1, begins, begins + DAY)
        ),
        {"evidence": of["GB"]},
    ]
    reports = [
        at_home(n, BEGIN_MS + n, category=category, message_ref=f"m{n}", **facts[n * 3 % len(facts)])
        for n in range(2 * len(facts))
    ]
    homes.apply(together(reports))
    assert homes.counted_natively >= len(facts)


def test_a_claim_is_refused_where_another_topic_allows_it():
    """What is known of the law of a report allows nothing to one that was published elsewhere."""
    rules = dataclasses.replace(RULES, sources=load_rules().sources)
    homes = Homes(rules)
    reports = [
        stamped(
            report(
                n, BEGIN_MS + n, kind="automated_detection", reporter={"kind": "automated", "ref": "d"}
            )._replace(topic=("verified-reports", "message-reports")[n == 3])
        )
        for n in range(5)
    ]
    (batch,) = homes.apply(together(reports))
    assert batch.counters.dead_letters["not_allowed_here"] == 1
    assert homes.counted_natively == 3


def test_a_receipt_that_names_a_source_with_quotes_is_pythons():
    homes = Homes()
    source = [(name, b'/"app' if name == "ce_source" else value) for name, value in LONG_SOURCE]
    quoted = [
        stamped(report(n, BEGIN_MS + n, reporter=reporter)._replace(headers=source))
        for n, reporter in ((2, {"kind": "user", "ref": "u"}), (3, {"kind": "automated", "ref": "d"}))
    ]
    homes.apply(together([at_home(0, BEGIN_MS), *quoted, at_home(4, BEGIN_MS + 4)]))
    assert (homes.applied, homes.counted_natively) == (4, 2)


def test_a_late_report_that_completes_a_brigade():
    """The window that it is in has no higher level than its channel, and is suspected."""
    homes = Homes(LIVE)
    linked = {"signature": 1 << 16 | 2, "needed": 2}
    crowd = [at_home(n, BEGIN_MS + n, stamp=linked if n >= 10 else {}, message_ref="m") for n in range(19)]
    assert "integrity-cases" not in homes.topics(together(crowd))
    assert homes.states[0].episodes["c"]
    later = [at_home(n, BEGIN_MS + 42 * MINUTE + n * MINUTE) for n in range(20, 28)]
    assert "integrity-cases" not in homes.topics(together(later))
    before = homes.counted_natively
    late = [at_home(n, BEGIN_MS + n, stamp=linked, message_ref="m") for n in range(40, 42)]
    assert "integrity-cases" in homes.topics(together(late))
    assert homes.counted_natively - before == 2


def test_reports_clear_an_episode_and_end_that():
    """A share falls with more reports, and rises with others."""
    own = policy(categories=("spam",), levels=levels({"anonymous_share": 0.5}))
    homes = Homes(dataclasses.replace(RULES, policies=(own,)))
    clear = []
    for kind, begin in (("anonymous", 0), ("user", 10), ("anonymous", 40)):
        reports = [at_home(n, BEGIN_MS + n, reporter={"kind": kind}) for n in range(begin, 10 + 3 * begin)]
        homes.apply(together(reports))
        clear.append(homes.states[0].episodes["c"]["spam", "live"].clear_since is not None)
    assert clear == [False, True, False]
    assert homes.counted_natively == 129


def test_a_late_report_that_is_just_enough():
    homes = Homes(dataclasses.replace(RULES, policies=(policy(),)))
    homes.apply(together([at_home(n, BEGIN_MS + n) for n in range(2)]))
    later = [at_home(n, BEGIN_MS + 2 * HOUR + n) for n in range(2, 4)]
    late = at_home(4, BEGIN_MS + 4)
    assert homes.topics(together([*later, late])).count("escalations") == 1
    assert homes.counted_natively == 4


def test_strangers_after_others_are_suspected():
    """They raise nothing, and nobody is linked to another."""
    homes = Homes(LIVE)
    strange = {"account_age": "under_1d", "member": False}
    reports = [
        at_home(n, BEGIN_MS + n, message_ref=f"m{n}", reporter=strange if n >= 12 else {}) for n in range(30)
    ]
    assert homes.topics(together(reports)).count("integrity-cases") == 1
    assert homes.counted_natively == 29


def test_findings_in_the_first_of_two_windows_that_ended():
    """A later one has a level too, that only a crowd reaches: for that the desk is asked already."""
    one, crowd = (
        {"reports": 2, "any_of": {"automated": 2, "distinct_reporters": 6}},
        {"distinct_reporters": 8},
    )
    own = policy(
        window="PT15M", window_ms=15 * MINUTE, levels=levels({"reports": 3}, one, crowd, {"reports": 500})
    )
    homes = Homes(dataclasses.replace(RULES, policies=(own,)))
    found = {"kind": "automated_detection", "reporter": {"kind": "automated"}}
    reports = [
        at_home(0, BEGIN_MS, message_ref="m", **found),
        *(at_home(n, BEGIN_MS + n, message_ref="m") for n in range(1, 8)),
        *(at_home(n, BEGIN_MS + 15 * MINUTE + n, message_ref="m") for n in range(8, 14)),
        *(at_home(n, BEGIN_MS + 25 * MINUTE + n, message_ref="m") for n in range(14, 15)),
    ]
    homes.apply(together(reports))
    episode = homes.states[0].episodes["c"]["spam", "live"]
    assert (episode.level, episode.question.is_open) == (1, True)
    homes.apply(together([at_home(16, BEGIN_MS + 5 * MINUTE, message_ref="m", **found)]))
    assert homes.states[0].episodes["c"]["spam", "live"].level == 2
    assert homes.counted_natively > 10


def test_proven_voices_raise_a_crowd_that_waits_for_a_desk():
    homes = Homes()
    crowd = [
        at_home(n, BEGIN_MS + n * 1_000, message_ref=f"m{n % 20}", reporter={"member": True})
        for n in range(140)
    ]
    assert homes.topics(together(crowd)).count("review-questions") == 1
    proven = [
        at_home(n, BEGIN_MS + n * 1_000, stamp={"proof": (2 * n, 2 * n + 1)}, message_ref="m")
        for n in range(140, 143)
    ]
    topics = [homes.topics([one]) for one in proven]
    assert ["escalations" in each for each in topics] == [False, False, True]
    assert homes.counted_natively == 142


def test_the_union_of_reporters_over_two_categories():
    """Neither most nor least of them reach the level, which has a limit."""
    three = {"distinct_reporters": 3, "any_of": {"distinct_reporters": ("<", 4)}}
    homes = Homes(
        dataclasses.replace(RULES, policies=(policy(categories=("spam", "ip"), levels=levels(three)),))
    )
    named = [("a", "spam"), ("b", "spam"), ("b", "ip"), ("c", "ip")]
    reports = [
        at_home(n, BEGIN_MS + n, ref=ref, category=category) for n, (ref, category) in enumerate(named)
    ]
    assert homes.topics(together(reports)).count("escalations") == 1
    assert homes.counted_natively == 3
