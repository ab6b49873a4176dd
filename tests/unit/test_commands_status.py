"""`tocsin status`: the facts about a deployment in, what is wrong with it out."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from streams.commands.shared.kept_clocks import KeptClock
from streams.commands.status.clocks import summary
from streams.commands.status.facts import (
    Claims,
    DeadLetters,
    Facts,
    LegalClocks,
    SetAside,
    SourceLag,
    WorkerPage,
)
from streams.commands.status.own_worker import own_worker, page_of
from streams.commands.status.text import as_document, as_text
from streams.commands.status.verdict import findings, numbers_text, places_text, unowned
from streams.contract.events.clock import ClockView
from streams.running.log.claims import (
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    former_fenced_record,
    left_open_records,
    nothing_released,
    release_record,
    terms_record,
)
from streams.running.log.leftovers import LeftOpen
from streams.running.log.terms import Terms
from streams.running.topics.topic_problems import Problem
from streams.running.worker.settings import load_settings

ROOT = Path(__file__).parents[2]
NOW = 1_772_366_400_000
STAGES = ("reports", "requests", "reporters")
ALL = tuple(sorted(StatePartition(stage, number) for stage in STAGES for number in range(2)))


def claims(partitions=ALL, *, name="tocsin-a-1", in_group=True, rules="5f", said=7_200):
    said_ms = NOW - said * 1000
    return Claims(name, "0.3.0", in_group, tuple(partitions), rules, {"policies": rules}, said_ms)


def two_fleets(said, *, in_group=True):
    """The second worker has other rules, since `said` seconds."""
    other = claims(ALL[3:], name="tocsin-b-2", rules="6a", said=said, in_group=in_group)
    return changed(claims=(claims(ALL if not in_group else ALL[:3]), other), members=2)


def clock(left_s, *, status="running", nearly_due=False, not_before=None, duty="GB.osa.s10-3A"):
    view = ClockView(
        "c-1", duty, status, "2026-02-27T12:00:00Z", "2026-03-01T12:00:00Z", 0.5, not_before=not_before
    )
    return KeptClock(view, "report", "ch-1", None, (), left_s * 1000, "fraud", "v", nearly_due=nearly_due)


def with_clocks(*clocks):
    return changed(clocks=summary(sorted(clocks, key=lambda each: each.left_ms), 0, 10))


def lag(topic="message-reports", partition=0, *, seconds=None, opened=None, stage="reports", number=5):
    return SourceLag(
        stage,
        topic,
        partition,
        10,
        10 + number,
        None if seconds is None else NOW - seconds * 1000,
        None if opened is None else NOW - opened * 1000,
    )


HEALTHY = Facts(
    now_ms=NOW,
    group="tocsin",
    partitions=2,
    members=1,
    claims=(claims(),),
    lags=(lag(seconds=2), lag(partition=1), lag("authority-requests", stage="requests", number=0)),
    letters=DeadLetters({"not_json": 3}, 0, 4_000),
)


def changed(**changes):
    return msgspec.structs.replace(HEALTHY, **changes)


def page(**changes):
    return changed(page=WorkerPage("http://127.0.0.1:9464", answers=True, **changes))


def letters(by_reason, *, requests=0, published=4_000):
    return changed(letters=DeadLetters(by_reason, requests, published))


@dataclass(frozen=True)
class Case:
    facts: Facts
    said: str
    see: str


CASES = {
    "no leader": Case(
        changed(without_leader=(("dead-letters", 1),)), "dead-letters partition 1", "TocsinDestinationInTrouble"
    ),
    "topic missing": Case(changed(missing=("p.claims",)), "p.claims", "TocsinDestinationInTrouble"),
    "no worker": Case(
        changed(members=0, claims=(claims(in_group=False),)), "no worker is in the group tocsin", "TocsinWorkerDown"
    ),
    "no owner": Case(
        changed(claims=(claims(ALL[:4]), claims(ALL[4:], name="tocsin-b-2", in_group=False))),
        "without an owner: requests 0-1",
        "TocsinWithoutOwner",
    ),
    "not ready": Case(page(reason="restoring"), "127.0.0.1:9464 is not ready: restoring", "TocsinNotReady"),
    "set aside": Case(
        page(set_aside=(SetAside("reports", 1, ""),)), "set aside: reports 1", "TocsinPartitionSetAside"
    ),
    "waits for a destination": Case(
        page(set_aside=(SetAside("reports", 1, "escalations/0 no_leader"),)),
        "reports 1 waits for a destination: escalations/0 no_leader",
        "TocsinDestinationInTrouble",
    ),
    "rests": Case(
        page(resting=(("reports", 1, "message-reports", "paused"),)),
        "message-reports rests in reports 1: paused",
        "TocsinSourceResting",
    ),
    "late": Case(
        changed(lags=(lag(seconds=61), lag(partition=1, seconds=3_700), lag(partition=2, seconds=1))),
        "10 records wait, the oldest for 1 h 1 min, in message-reports 0-1",
        "TocsinLagging",
    ),
    "open transaction": Case(
        changed(lags=(lag("message-reports-internal", opened=120),)),
        "open for 2 min in message-reports-internal 0",
        "TocsinStuck",
    ),
    "request": Case(letters({"not_json": 1}, requests=1), "1 request of an authority", "TocsinUnreadableRequest"),
    "newcomers": Case(letters({"too_many_new": 2}), "2 reports were refused", "TocsinNewcomersRefused"),
    "dead letters": Case(letters({"not_json": 201}), "201 of 4,000 records", "TocsinDeadLetterRatio"),
    "redriven dead letters": Case(
        letters({"not_json": 150}, published=0), "150 of 150 records", "TocsinDeadLetterRatio"
    ),
    "clock lapsed": Case(
        with_clocks(clock(-60, status="lapsed"), clock(-7_200, status="lapsed"), clock(9_000)),
        "1 legal clock has lapsed in the last hour",
        "TocsinClockLapsed",
    ),
    "clocks nearly due": Case(
        with_clocks(clock(2_400, nearly_due=True), clock(600, nearly_due=True), clock(-7_200, status="lapsed")),
        "2 legal clocks are nearly due, the first in 10 min",
        "TocsinClockNearlyDue",
    ),
    "fleet mixed": Case(two_fleets(3_601), "0.3.0 with rules 5f, 0.3.0 with rules 6a", "TocsinFleetMixed"),
    "silent": Case(changed(silent=("verified-reports",)), "unlike a day before: verified-reports", "TocsinNoReports"),
    "left open": Case(changed(left_open=("tocsin-a-0",)), "may be open: tocsin-a-0", "TocsinStuck"),
    "topic differs": Case(
        changed(problems=(Problem("claims", "retention is 1, it should be 2.", "Set it.", "retention.ms"),)),
        "no worker can start: claims",
        "operations-emergencies.md",
    ),
    "unreadable position": Case(
        changed(unreadable=("channel-state partition 0: the position has version 9",)),
        "channel-state partition 0",
        "operations-emergencies.md",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_wrong_is_said_with_the_page_that_helps(case):
    (found,) = findings(case.facts)
    assert case.said in found.what
    assert case.see in found.see
    assert (ROOT / found.see).is_file()
    assert as_text(case.facts, [found]).splitlines()[0] == f"not healthy: {found.what} ({found.see})"


@pytest.mark.parametrize(
    "facts",
    [
        HEALTHY,
        # At the limits.
        changed(lags=(lag(seconds=60), lag(partition=1, opened=60))),
        letters({"not_json": 200}),
        letters({"not_json": 99}, published=99),
        changed(claims=(claims(ALL[:3]), claims(ALL[3:], name="tocsin-b-2")), members=3),
        # A worker that was killed, and whose partitions have found another owner.
        changed(claims=(claims(), claims(name="tocsin-b-2", in_group=False))),
        page(),
        changed(page=WorkerPage("http://127.0.0.1:9464", answers=False)),
        # A rolling restart, and one that is over.
        two_fleets(3_600),
        two_fleets(3_601, in_group=False),
        # Deadlines that are far, or lapsed before the last hour, and waits.
        with_clocks(clock(9_000), clock(-3_600, status="lapsed"), clock(-10, status="over", not_before="x")),
        changed(clocks=LegalClocks(records=2_000_000)),
        # Unknown, and the partition without a leader would be a finding of its own.
        changed(claims=None, letters=None),
    ],
)
def test_a_deployment_that_works_is_healthy(facts):
    assert findings(facts) == []
    assert as_text(facts, []).startswith("healthy: ")


def test_the_most_urgent_comes_first_and_what_follows_from_it_is_left_out():
    facts = changed(
        without_leader=(("claims", 0),),
        members=0,
        lags=(lag(seconds=600),),
        letters=DeadLetters({"not_json": 900}, 1, 1_000),
        problems=(Problem("claims", "", "", ""),),
    )
    found = findings(facts)
    assert [Path(each.see).stem for each in found] == [
        "TocsinDestinationInTrouble",
        "TocsinWorkerDown",
        "TocsinUnreadableRequest",
        "operations-emergencies",
        "TocsinDeadLetterRatio",
    ]
    lines = as_text(facts, found).splitlines()
    assert lines[0].startswith("not healthy: without a leader: claims partition 0 (docs/runbooks/")
    assert [line.partition(":")[0] for line in lines[1:5]] == ["also"] * 4


def test_records_that_wait_for_an_owner_are_no_lag_of_a_worker():
    facts = changed(claims=(claims(ALL[1:]),), lags=(lag(stage="reporters", seconds=600), lag(seconds=600)))
    assert unowned(facts) == [StatePartition("reporters", 0)]
    assert [Path(each.see).stem for each in findings(facts)] == ["TocsinWithoutOwner", "TocsinLagging"]
    assert "5 records wait" in findings(facts)[1].what


def test_the_log_of_claims_says_who_claims_what():
    said = ClaimsLog()
    here, there = StatePartition("reports", 0), StatePartition("requests", 1)
    value = claim_value(1, "member-1")
    for record in (
        nothing_released("a"),
        terms_record("a", 1, "member-1", Terms("1"), None),
        claim_record(here, "a", value),
        claim_record(there, "a", value),
        claim_record(there, "b", value),
        former_fenced_record(here),
        *left_open_records({"c": LeftOpen()}),
        release_record(there, "a"),
    ):
        said.add(*record[:2])
    assert said.claims() == {"a": [here], "b": [there]}


def test_many_names_are_cut():
    facts = changed(missing=tuple(f"topic-{number}" for number in range(9)))
    assert "topic-5 and 3 more; " in findings(facts)[0].what


def test_partitions_are_written_as_ranges():
    assert numbers_text([7, 0, 1, 2, 4]) == "0-2 4 7"
    assert places_text(ALL) == "reporters 0-1, reports 0-1, requests 0-1"


def test_the_text_shows_workers_what_waits_and_dead_letters():
    text = as_text(changed(members=3), [])
    (worker,) = [line for line in text.splitlines() if line.startswith("tocsin-a-1")]
    assert worker.split() == ["tocsin-a-1", "0.3.0", "5f", "in", "the", "group", "0-1", "0-1", "0-1"]
    assert "2 more in the group without a claim" in text
    assert "nothing waits in 2 more partitions" in text
    (row,) = [line for line in text.splitlines() if line.startswith("reports")]
    assert row.split() == ["reports", "message-reports", "0", "5", "2", "s", "-"]
    assert "not_json" in text


def test_the_text_says_whether_workers_agree():
    assert "all workers have the same version and rules" in as_text(HEALTHY, [])
    assert "workers differ in version or rules" in as_text(two_fleets(1), [])
    assert "all workers have the same" in as_text(two_fleets(1, in_group=False), [])


def test_the_text_shows_the_first_deadlines_and_no_waits():
    clocks = [clock(60 * number, duty=f"duty-{number}") for number in range(1, 8)]
    facts = with_clocks(clock(-5, status="over", not_before="x"), clock(30, not_before="x"), *clocks)
    text = as_text(facts, [])
    shown = [line.split()[0] for line in text.splitlines() if line.startswith("duty-")]
    assert shown == [f"duty-{number}" for number in range(1, 6)]
    assert "channel ch-1" in text
    assert "legal clocks: 8 running, 1 over" in text
    assert "no legal clock is open" in as_text(with_clocks(), [])
    large = changed(clocks=LegalClocks(records=2_000_000))
    assert "not looked at, as the state has 2,000,000 records: `tocsin clocks --due-within PT1H`" in as_text(
        large, []
    )


def test_the_text_says_what_is_unknown():
    assert "legal clocks are unknown" in as_text(HEALTHY, [])
    text = as_text(changed(claims=None, letters=None, page=WorkerPage("http://x:1", answers=False)), [])
    assert "who owns what is unknown" in text
    assert "dead letters are unknown" in text
    assert "no worker answers at http://x:1" in text
    assert "no worker claims a partition" in as_text(changed(claims=()), [])


def test_the_document_has_every_source_and_names_its_fields():
    facts = changed(problems=(Problem("claims", "a", "b", "c"),), claims=(claims(ALL[1:]),))
    document = json.loads(msgspec.json.encode(as_document(facts, findings(facts))))
    assert document["healthy"] is False
    assert document["findings"][0]["see"] == "docs/runbooks/TocsinWithoutOwner.md"
    assert document["without_owner"] == [{"stage": "reporters", "partition": 0}]
    assert document["problems"] == [{"topic": "claims", "what": "a", "remedy": "b", "concerns": "c"}]
    assert document["claims"][0]["partitions"][0] == {"stage": "reporters", "partition": 1}
    assert [row["waiting"] for row in document["sources"]] == [5, 0, 0]
    assert (document["claims"][0]["rules_id"], document["claims"][0]["rules"]) == ("5f", {"policies": "5f"})


def test_the_page_of_a_worker_is_read():
    body = {
        "version": "0.3.0",
        "ready": False,
        "reason": None,
        "partitions": [
            {
                "stage": "reports",
                "partition": 3,
                "resting": {"message-reports": "paused"},
                "set_aside": {"records": "x", "error": "E", "since": "t", "waits_for": ""},
            },
            {"stage": "requests", "partition": 3, "resting": {}, "set_aside": None},
        ],
    }
    found = page_of("http://w:1", json.dumps(body).encode())
    assert found == WorkerPage(
        "http://w:1",
        answers=True,
        reason="it does not say why",
        set_aside=(SetAside("reports", 3, ""),),
        resting=(("reports", 3, "message-reports", "paused"),),
    )
    assert page_of("http://w:1", b"<html>") == WorkerPage("http://w:1", answers=False)


@pytest.mark.parametrize("variables", [{}, {"TOCSIN_HTTP_PORT": "0"}], ids=["not set", "any port"])
def test_no_worker_is_asked_whose_port_is_not_set(variables):
    assert asyncio.run(own_worker(load_settings(variables))) is None
