"""Derives from what was published what the topics must contain, without the code under test."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from aiokafka.partitioner import murmur2

from tests.kafka.harness.clock_oracle import Followed, follow, report_courses, request_courses
from tests.kafka.harness.counter_oracle import check_counters
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    MODERATION,
    OUTCOMES,
    REQUESTS,
    SHADOW,
    SOURCE,
    VERIFIED,
    Deployment,
)
from tests.kafka.harness.desk import LEGAL_CLOCK, Desk
from tests.kafka.harness.moderation import Moderators
from tests.kafka.harness.moderation_oracle import Moderated, check_moderation
from tests.kafka.harness.reader import Reader, Row
from tests.kafka.harness.reports import VERIFIED_KINDS, Facts, Published

# Shipped policies that open an episode at the first report: the expected channels need no scoring.
FLOOR_POLICIES = {
    "child-safety": {"csam", "csam_synthetic", "grooming"},
    "intimate-images": {"ncii", "ncii_deepfake", "sextortion"},
    "threat-to-life": {"threat_to_life"},
}


# Reasons for which a dead letter does not hold the whole record.
CUT = ("too_deep", "oversized")


@dataclass
class Counts:
    """Counts of one channel and category over everything that was published."""

    reports: int = 0
    reporters: set[str] = field(default_factory=set)
    trusted_flaggers: int = 0
    automated: int = 0

    def add(self, facts: Facts) -> None:
        """Count a report."""
        self.reports += 1
        self.trusted_flaggers += facts.reporter_kind == "trusted_flagger"
        self.automated += facts.reporter_kind == "automated"
        if facts.reporter_ref is not None:
            self.reporters.add(facts.reporter_ref)

    @property
    def numbers(self) -> dict[str, int]:
        """The counts by the names that an enriched report uses."""
        return {
            "reports": self.reports,
            "distinct_reporters": len(self.reporters),
            "trusted_flaggers": self.trusted_flaggers,
            "automated": self.automated,
        }


@dataclass(frozen=True)
class Totals:
    """Numbers of records by result."""

    published: int
    enriched: int
    duplicates: int
    dead_letters: int
    escalations: int
    requests: int
    clocks: Followed
    moderated: Moderated | None


def check_outputs(
    deployment: Deployment,
    reader: Reader,
    published: Sequence[Published] | None = None,
    *,
    desk: Desk | None = None,
    moderators: Moderators | None = None,
    steps_until: int = 0,
) -> Totals:
    """Compare the topics with what was published. All reports must lie within one window.

    `desk` published the outcomes of clocks, if any, and `moderators` those about messages. Every step of a
    clock due by `steps_until` (ms) must have been taken. Raises AssertionError at the first difference: a
    report, request, step or outcome that was lost, applied twice, written to the wrong partition or
    miscounted, or a record that should not exist.
    """
    records = deployment.published if published is None else published
    facts = {record.facts.report_id: record.facts for record in records if record.facts is not None}
    requests = {
        record.facts.request_id: record.facts for record in deployment.requests if record.facts is not None
    }
    bad = [record for record in (*records, *deployment.requests) if record.facts is None]
    in_topic = sum(reader.count(deployment.name(topic)) for topic in (SOURCE, VERIFIED))
    assert in_topic == len(records), (
        f"the publisher lost or repeated records: {in_topic} in the topic, {len(records)} published"
    )

    enriched = [(row, orjson.loads(row.value)) for row in reader.all(deployment.name(ENRICHED))]
    _check_ids(enriched, facts)
    _check_places(enriched, deployment)
    refused = [*(desk.refused if desk else ()), *(moderators.refused if moderators else ())]
    _check_dead_letters(list(reader.all(deployment.name(DEAD_LETTERS))), bad, refused, deployment)
    _check_final_counts(enriched, facts.values())
    escalations = _check_episodes(reader, deployment, facts.values())
    courses = report_courses(deployment, reader, facts.values())
    courses |= request_courses(deployment, reader, requests.values())
    followed = follow(courses, {} if desk is None else desk.applied, steps_until)
    check_counters(deployment, reader, facts.values(), requests.values())
    bad_reports = sum(record.facts is None for record in records)
    totals = Totals(
        published=len(records),
        enriched=len(enriched),
        duplicates=len(records) - len(facts) - bad_reports,
        dead_letters=bad_reports,
        escalations=escalations,
        requests=len(requests),
        clocks=followed,
        moderated=None if moderators is None else check_moderation(moderators, deployment, reader),
    )
    assert totals.published == totals.enriched + totals.duplicates + totals.dead_letters
    return totals


def _check_ids(enriched: Iterable[tuple[Row, Mapping]], facts: Mapping[str, Facts]) -> None:
    times = Counter(document["report"]["report_id"] for _, document in enriched)
    lost = facts.keys() - times.keys()
    invented = times.keys() - facts.keys()
    twice = [report_id for report_id, number in times.items() if number > 1]
    assert not (lost or invented or twice), (
        f"{len(lost)} lost {sorted(lost)[:3]}, {len(twice)} twice {sorted(twice)[:3]}, "
        f"{len(invented)} unexpected {sorted(invented)[:3]}"
    )


def _check_places(enriched: Iterable[tuple[Row, Mapping]], deployment: Deployment) -> None:
    origins = Counter()
    for row, document in enriched:
        channel = document["report"]["channel"]["ref"].encode()
        assert row.key == channel
        assert row.partition == (murmur2(channel) & 0x7FFFFFFF) % deployment.partitions
        source = document["source"]
        verified = document["report"]["kind"] in VERIFIED_KINDS
        assert source["topic"] == deployment.name(VERIFIED if verified else SOURCE)
        origins[source["topic"], source["partition"], source["offset"]] += 1
    assert not origins or max(origins.values()) == 1


def _check_dead_letters(
    rows: Sequence[Row], bad: Sequence[Published], refused: Sequence[Published], deployment: Deployment
) -> None:
    def header(row: Row, name: str) -> str:
        return dict(row.headers)[f"tocsin-{name}"].decode()

    # An outcome that was re-keyed has the key of its clock or channel, so keys are not compared.
    outcomes = {deployment.name(OUTCOMES), deployment.name(MODERATION)}
    refused_outcomes = Counter(
        (row.value, header(row, "reason")) for row in rows if header(row, "topic") in outcomes
    )
    assert refused_outcomes == Counter((record.value, record.reason) for record in refused)
    written = Counter(
        _compared(row.key, row.value, header(row, "reason"))
        for row in rows
        if header(row, "topic") not in outcomes
    )
    expected = Counter(_compared(record.key, record.value, record.reason) for record in bad)
    missing, others = [*(expected - written)], [*(written - expected)]
    assert not (missing or others), (
        f"{len(missing)} dead letters are missing, first {missing[:2]}, and {len(others)} should not be there, "
        f"first {others[:2]}"
    )
    places = {(header(row, "topic"), header(row, "partition"), header(row, "offset")) for row in rows}
    assert len(places) == len(rows)
    assert {topic for topic, _, _ in places} <= {
        *map(deployment.name, (SOURCE, VERIFIED, OUTCOMES, MODERATION, REQUESTS))
    }


def _compared(key: bytes | None, value: bytes | None, reason: str | None) -> tuple[object, ...]:
    """What a dead letter must have: all of the record, or the reason alone if that is why it was cut."""
    return (reason,) if reason in CUT else (key, value, reason)


def _check_final_counts(enriched: Iterable[tuple[Row, Mapping]], facts: Iterable[Facts]) -> None:
    expected: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for fact in facts:
        expected[fact.channel, fact.category].add(fact)
    # The reader returns a partition's rows in order and a channel has one partition, so the last document
    # wins.
    last = {(d["report"]["channel"]["ref"], d["report"]["category"]): d for _, d in enriched}
    assert last.keys() == expected.keys()
    for place, document in last.items():
        assert document["counted"]
        for window in document["channel_windows"]:
            found = {name: window[name] for name in expected[place].numbers}
            assert found == expected[place].numbers, f"{place} in {window['window']}"


def _check_episodes(reader: Reader, deployment: Deployment, facts: Iterable[Facts]) -> int:
    live = [orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS))]
    shadow = [orjson.loads(row.value) for row in reader.all(deployment.name(SHADOW))]
    assert all(event["mode"] == "live" for event in live)
    assert all(event["mode"] == "shadow" for event in shadow)
    by_episode: dict[str, list[Mapping]] = defaultdict(list)
    for event in live + shadow:
        if event["policy"] == LEGAL_CLOCK:
            continue
        by_episode[event["escalation_id"]].append(event)
    for events in by_episode.values():
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        # Nothing is quiet for long enough to be resolved, but by other rules.
        risen = [event for event in events if event["reason"] != "policy_changed"]
        assert risen == events[: len(risen)]
        assert [event["type"] for event in risen] == ["opened"] + ["updated"] * (len(risen) - 1)
        levels = [event["level"] for event in risen]
        assert levels == sorted(set(levels))
        assert [event["type"] for event in events[len(risen) :]] in ([], ["resolved"])
    opened, changed = (
        Counter((event["policy"], event["channel_ref"]) for event in live if event["reason"] == reason)
        for reason in ("threshold_crossed", "policy_changed")
    )
    assert all(times <= 1 + changed[place] for place, times in opened.items())
    channels: dict[str, set[str]] = {policy: set() for policy in FLOOR_POLICIES}
    for fact in facts:
        for policy, categories in FLOOR_POLICIES.items():
            if fact.category in categories:
                channels[policy].add(fact.channel)
    for policy, wanted in channels.items():
        assert {channel for name, channel in opened if name == policy} == wanted
    return len(live) + len(shadow)
