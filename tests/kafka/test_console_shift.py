"""Six people work a shift at two consoles while workers and consoles are killed: every act counts once, and
nothing is lost.
"""

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter, defaultdict

import orjson
import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.crowd import MOST_LISTED
from streams.contract.wire.ids import stable_id
from streams.desk.console.casework.work import ActRefused, CaseWork, apply_act, case_key
from streams.desk.console.missing_outcomes import decisions_without_outcome, missing_events
from streams.desk.console.read_model.acts import CONSOLE_SOURCE
from streams.desk.console.read_model.apply import HANDLERS
from tests import bundled
from tests.kafka.harness.colleagues import Colleague
from tests.kafka.harness.consoles import CONSOLE, Console, killed_at
from tests.kafka.harness.deployment import (
    ACTIVITY,
    DEAD_LETTERS,
    ESCALATIONS,
    MODERATION,
    OUTCOMES,
    REPORTERS_INTERNAL,
)
from tests.kafka.harness.reports import generate, to_ms
from tests.kafka.harness.workers import patience
from tests.readers import decode_case_activity
from tests.unit.console_world import tables

KEY = DEMONSTRATION.current
# The shift ends when so much has happened; on a busy machine everybody is slower.
ENOUGH = Counter(worker=3, console=1, aimed=4, counted=100)
LONGEST_SECONDS = 120
AT_ONCE_MS = 3_000
# When consoles kill themselves, and at which occasion.
MOMENTS = (("unread", 3), ("decided", 3), ("between", 1), ("unanswered", 4), ("decided", 2), ("between", 2))
PEOPLE = [
    {"subject": f"{role}-{name}", "ref": f"{role}-{name}", "role": role, "child_safety": ["csam"]}
    for role, name in (
        ("desk", "ada"),
        ("desk", "ben"),
        ("desk", "cho"),
        ("legal", "dan"),
        ("legal", "eve"),
        ("lead", "fay"),
    )
]


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=4)


@pytest.fixture
def start(deployment, tmp_path):
    """Starts consoles, and kills them at the end."""
    made = []

    def new(name):
        made.append(Console(deployment, tmp_path, name, PEOPLE))
        return made[-1]

    yield new
    for console in made:
        console.process.end()
        print(f"--- {console.process.log.name}\n{console.process.tail()}")


@pytest.mark.nightly
def test_every_act_counts_once_while_workers_and_consoles_are_killed(deployment, start):
    chance = random.Random(16)
    fleet = deployment.fleet
    fleet.start()
    fleet.start()
    consoles = [start(name) for name in ("left", "right")]
    reports = generate(16, 3_000, channels=25, bad=0, notices=0.04)
    publisher = deployment.publisher()
    publisher.publish(reports)
    deployment.wait_until_applied()
    fleet.wait_for(lambda: all(each.serves and not each.tend() for each in consoles), 30, "consoles serve")

    stop = threading.Event()
    colleagues = [Colleague(each["ref"], consoles, stop, seed) for seed, each in enumerate(PEOPLE)]
    for each in colleagues:
        each.start()
    work_a_shift(deployment, chance, consoles, publisher, colleagues)
    stop.set()
    for each in colleagues:
        while each.is_alive():
            tend(deployment, consoles)
            each.join(0.05)
        assert each.failure is None, repr(each.failure)
    answers = [answer for each in colleagues for answer in each.answers]

    # Whatever is left to be written, a console that lives writes; then workers apply it.
    deployment.wait_until_applied()
    fleet.wait_for(lambda: nothing_missing(deployment, consoles), 40, "every decision has its outcome")
    deployment.wait_until_applied()
    for worker in fleet.running:
        worker.terminate()
    with deployment.outputs() as reader:
        check_dead_letters(deployment, reader)
        decisions = check_acts(deployment, reader, answers)
        check_outcomes(deployment, reader, decisions)
        check_clocks(deployment, reader, decisions)
        check_trust(deployment, reader, reports)
        lived = [closed_model(deployment, reader, console) for console in consoles]
        rebuilt = closed_model(deployment, reader, start("rebuilt"))
    for name, rows in rebuilt.items():
        assert lived[0][name] == lived[1][name] == rows, name
    told = Counter(answer.told for answer in answers)
    assert told["refused"] > 5
    assert len(decisions) > 10


def work_a_shift(deployment, chance, consoles, publisher, colleagues):
    """Kill one after another while people work and new cases come; count what was killed, and what people
    were told counts.
    """
    killed = Counter()
    aimed, other = consoles
    moments = list(MOMENTS)
    # Of two digits: longer ones could be telephone numbers.
    seed = 20
    aimed.kill()
    began_at, next_at = time.monotonic(), chance.randrange(10)
    while not killed >= ENOUGH:
        assert time.monotonic() < began_at + LONGEST_SECONDS * patience(), killed
        for each in colleagues:
            assert each.failure is None, repr(each.failure)
        killed["counted"] = sum(answer.told == "counted" for each in colleagues for answer in each.answers)
        deployment.fleet.tend()
        other.tend()
        if aimed.process.exit_code is not None:
            killed["aimed"] += aimed.tend(killed_at(*moments.pop(0)) if moments else CONSOLE)
        if killed["counted"] < next_at:
            time.sleep(0.05)
            continue
        # By what was done rather than by time, so that a busy machine is not killed to a standstill.
        next_at = killed["counted"] + chance.randrange(4, 16)
        publisher.publish(generate(seed := seed + 1, 100, channels=6, bad=0, notices=0.05))
        # Somebody must be able to work.
        if chance.random() < 0.4 and other.serves and aimed.serves:
            other.kill()
            killed["console"] += 1
        elif killed["worker"] <= killed["console"] + 3:
            deployment.kill(chance.choice(deployment.fleet.running), at_once=chance.random() < 0.7)
            killed["worker"] += 1
    return killed


def tend(deployment, consoles):
    """Start again what ended."""
    deployment.fleet.tend()
    for console in consoles:
        console.tend()


def nothing_missing(deployment, consoles):
    """Whether every decision that a console knows is followed by its outcome, and both have read everything."""
    tend(deployment, consoles)
    with deployment.outputs() as reader:
        for console in consoles:
            with contextlib.closing(opened(console)) as model:
                if not has_read_everything(deployment, reader, model):
                    return False
                if missing(model):
                    return False
    return True


def opened(console):
    """The read model of a console, with rows as the console reads them."""
    model = sqlite3.connect(console.database)
    model.row_factory = sqlite3.Row
    return model


def missing(model):
    """Decisions from which something follows that was not written."""
    return [key for key in decisions_without_outcome(model) if missing_events(model, key)]


def has_read_everything(deployment, reader, model):
    """Whether a read model has everything that is in the topics."""
    read = {(topic, partition): offset for topic, partition, offset in model.execute("SELECT * FROM place")}
    return all(
        read.get((topic, partition), 0) > rows[-1].offset
        for topic, partitions in reader.rows.items()
        if topic.removeprefix(deployment.prefix) in HANDLERS
        for partition, rows in partitions.items()
        if rows
    )


def closed_model(deployment, reader, console):
    """The tables of a console that has read everything and was asked to end."""
    deployment.fleet.wait_for(lambda: console.serves, 30, "the console serves", tend=False)

    def reads_everything():
        with contextlib.closing(opened(console)) as model:
            return has_read_everything(deployment, reader, model)

    deployment.fleet.wait_for(reads_everything, 30, "the console has read everything", tend=False)
    console.process.terminate()
    with contextlib.closing(opened(console)) as model:
        assert missing(model) == []
        return tables(model)


def check_dead_letters(deployment, reader):
    """There are none, but of two people who ended one clock at the same moment: then the worker says who was
    too late.
    """
    ended = defaultdict(dict)
    for row in reader.all(deployment.name(OUTCOMES)):
        outcome = orjson.loads(row.value)
        ended[outcome["clock_id"]].setdefault(outcome["outcome_id"], row.timestamp)
    for row in reader.all(deployment.name(DEAD_LETTERS)):
        assert dict(row.headers)["tocsin-reason"] == b"clock_not_running", row
        outcome = orjson.loads(row.value)
        times = ended[outcome["clock_id"]]
        mine = times.pop(outcome["outcome_id"])
        # Each console had not read what the other one had written: that takes 50 ms, and more on a busy
        # machine.
        earliest = mine - AT_ONCE_MS * patience()
        assert any(earliest < other <= mine for other in times.values()), row


def check_acts(deployment, reader, answers):
    """Every act that somebody was told of counts as they were told, once; return the decisions, in the order
    of the log.
    """
    works, verdicts, decisions = defaultdict(CaseWork), {}, []
    for row in reader.all(deployment.name(ACTIVITY)):
        act = decode_case_activity(row.value, row.headers, row.timestamp).event
        if act.activity_id in verdicts:
            continue
        case = case_key(act)
        try:
            works[case] = apply_act(works[case], act)
        except ActRefused as refusal:
            verdicts[act.activity_id] = refusal.reason
            continue
        verdicts[act.activity_id] = None
        if act.kind in ("decided", "proposal_signed"):
            decisions.append((act, works[case].decision))
    acts = [answer for answer in answers if not answer.id.startswith("/clocks")]
    certain = [answer for answer in acts if answer.told != "old_page"]
    for answer in certain:
        assert (verdicts[answer.id] is None) == (answer.told == "counted"), (answer, verdicts[answer.id])
    assert len({answer.id for answer in acts}) == len(acts)
    # Nobody was left without an answer, so there are no acts besides, but on other parts of the same cases.
    also = {stable_id("console-member", answer.id, case.id) for answer in acts for case in works}
    assert {answer.id for answer in certain} <= verdicts.keys() <= {answer.id for answer in acts} | also
    # Nothing is decided twice: each decision on a case but the first one replaces the one before it.
    held = {}
    for act, decision in decisions:
        case = case_key(act)
        assert decision.outcome.supersedes == held.get(case)
        held[case] = decision.activity_id
    return decisions


def check_outcomes(deployment, reader, decisions):
    """Each decision has exactly one outcome, however often it was written, and there are no others."""
    written = defaultdict(set)
    for row in reader.all(deployment.name(MODERATION)):
        assert ("ce_source", CONSOLE_SOURCE.encode()) in row.headers
        written[orjson.loads(row.value)["outcome_id"]].add(row.value)
    assert all(len(each) == 1 for each in written.values())
    names_messages = {
        event["escalation_id"]
        for event in map(orjson.loads, (row.value for row in reader.all(deployment.name(ESCALATIONS))))
        if event["message_refs"]
    }
    expected = {
        decision.activity_id: decision for act, decision in decisions if act.escalation_id in names_messages
    }
    assert written.keys() == expected.keys()
    for identity, (value,) in written.items():
        outcome, decision = orjson.loads(value), expected[identity]
        last = decision.signed_by or decision.actor
        assert (outcome["decision"], outcome["reviewer"]["ref"]) == (decision.outcome.decision, last.ref)
        assert outcome.get("supersedes") == decision.outcome.supersedes


def check_clocks(deployment, reader, decisions):
    """Clocks that people ended have stopped, once each."""
    ends = Counter()
    for row in reader.all(deployment.name(ESCALATIONS)):
        event = orjson.loads(row.value)
        if event["clock"] and event["clock"]["status"] in ("fulfilled", "withdrawn"):
            ends[event["clock"]["clock_id"]] += 1
    assert set(ends.values()) == {1}
    said = {clock.clock_id for _, decision in decisions for clock in decision.outcome.clocks}
    outcomes = [orjson.loads(row.value) for row in reader.all(deployment.name(OUTCOMES))]
    assert said | {outcome["clock_id"] for outcome in outcomes} == ends.keys()
    assert len(said) > 5


def counted_decision(known):
    """How the decisions about a message count for trust, None if two people differ (docs/trust.md)."""
    *earlier, (_, _, decision, person, sure, corrects) = sorted(known)
    others = [each for each in earlier if each[3] != person]
    if others and not corrects:
        other = others[-1][2]
        if (other == "upheld") != (decision == "upheld"):
            return None
        sure = True
        if other == "dismissed":
            decision = other
    return "dismissed" if decision == "manifestly_unfounded" and not sure else decision


def check_trust(deployment, reader, reports):
    """What was decided about the messages of the first reports is what their reporters are credited with."""
    listed, later = defaultdict(dict), defaultdict(set)
    for row in reader.all(deployment.name(ESCALATIONS)):
        event = orjson.loads(row.value)
        if event["type"] == "opened" or event["reason"] == "level_raised":
            of_case, messages = listed[event["escalation_id"]], event["message_refs"]
            if event["reason"] == "level_raised":
                later[event["escalation_id"]] |= set(messages) - of_case.keys()
            of_case |= dict.fromkeys(messages)
    decided, unclear = defaultdict(set), set()
    for row in reader.all(deployment.name(MODERATION)):
        outcome = orjson.loads(row.value)
        subject = outcome["subject"]
        made = (
            to_ms(outcome["decided_at"]) // 1000,
            outcome["outcome_id"],
            outcome["decision"],
            outcome["reviewer"]["ref"],
            outcome["confidence"] == "two_agree",
            "supersedes" in outcome,
        )
        messages = (
            [subject["message_ref"]] if subject["kind"] == "message" else listed[subject["escalation_id"]]
        )
        # Whether a case had risen when it was decided about, these topics do not tell.
        late = later[subject.get("escalation_id")]
        for message in list(messages)[:MOST_LISTED]:
            decided[subject["channel_ref"], message].add(made)
            if message in late:
                unclear.add((subject["channel_ref"], message))
    expected, targets = {}, set()
    for report in map(orjson.loads, (each.value for each in reports)):
        message = report["channel"]["ref"], report.get("message_ref")
        if message in unclear:
            continue
        targets.add(KEY.target_hash(*message))
        ref = report["reporter"].get("ref")
        received = to_ms(report.get("received_at") or report["occurred_at"]) // 1000
        known = decided[message]
        if ref is not None and known and received < min(known)[0]:
            detected = report["reporter"]["kind"] == "automated"
            if (said := counted_decision(known)) is not None:
                expected[KEY.reporter_hash(ref), KEY.target_hash(*message), detected] = said
    credited = {}
    for credit in bundled.credits_in(reader.all(deployment.name(REPORTERS_INTERNAL))):
        key = (credit.reporter, credit.target, bool(credit.parts))
        # Written once each, in order: what is taken back is what counted before.
        assert credited.pop(key, None) == (credit.removed.decision if credit.removed else None)
        if credit.added is not None:
            credited[key] = credit.added.decision
    assert {key: said for key, said in credited.items() if key[1] in targets} == expected
    # A busy machine makes fewer decisions until enough has happened.
    assert len(expected) > 10
