"""Decisions about content, reporters and versions of messages, findings and questions all at once, while workers
are killed and come and go: each is told once, and a replay of the logs gives the same bytes.
"""

import random
from collections import Counter

import orjson

from tests.kafka.harness.asking import asking_policies
from tests.kafka.harness.deployment import ENRICHED, FEEDBACK, MODERATION, NOTICES, QUESTIONS, STANDING
from tests.kafka.harness.moderation import REASONS, outcome_document, standing_document
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339

ROUNDS, PEOPLE, CHANNELS, MESSAGES = 6, 12, 14, 2
LEAD = {"ref": "lead-1", "role": "lead"}
DAY_MS = 86_400_000


class Traffic:
    """What people and detectors say in each round; ids count on over all rounds."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.number = 0
        # The message that is judged for one version, and the report by which a warned person is known.
        self.approved = ("ch-0", "m-0-0")
        self.known_by = {}

    def reports(self, count):
        return [self._report() for _ in range(count)]

    def _report(self):
        self.number += 1
        channel, message = self.chance.randrange(CHANNELS), self.chance.randrange(MESSAGES)
        report_id = f"r-{self.number}"
        fields = {
            "channel": {"ref": f"ch-{channel}", "visibility": "public"},
            "message_ref": f"m-{channel}-{message}",
            "category": "fraud",
        }
        if self.chance.random() < 0.2:
            entry = {"list": "known-scams", "signal": f"s{self.chance.randrange(3)}", "version": "1"}
            fields |= {"kind": "automated_detection", "reporter": {"kind": "automated"}, "match": entry}
        else:
            ref = f"u-{self.chance.randrange(PEOPLE)}"
            self.known_by.setdefault(ref, report_id)
            fields |= {
                "reporter": {"kind": "user", "ref": ref, "member": True, "account_age": "over_1y"},
                "message_version": self.chance.choice(("v1", "v2")),
            }
        return Published(f"ch-{channel}".encode(), orjson.dumps(report(report_id, now_ms(), **fields)))

    def outcomes(self, count):
        found = [self._outcome(self.chance.choice(list(REASONS))) for _ in range(count)]
        channel, message = self.approved
        version = {"holds_for_version": "v1", "confirmed_by": LEAD, "confidence": "two_agree"}
        return [*found, self._outcome("dismissed", channel, message, **version)]

    def _outcome(self, decision, channel=None, message=None, **fields):
        self.number += 1
        if channel is None:
            # The approved message is judged otherwise by nobody.
            number = self.chance.randrange(1, CHANNELS)
            channel, message = f"ch-{number}", f"m-{number}-{self.chance.randrange(MESSAGES)}"
        own = {
            "reviewer": {"ref": f"desk-{self.chance.randrange(3)}", "role": "desk"},
            "confidence": self.chance.choice(("one_reviewer", "two_agree")),
        }
        subject = {"kind": "message", "channel_ref": channel, "message_ref": message}
        document = outcome_document(f"o-{self.number}", decision, subject, **{**own, **fields})
        # Of any key, so that half of them are read in another partition than their channel's home.
        return Published(f"k-{self.number}".encode(), orjson.dumps(document))

    def standing(self, ref, state):
        self.number += 1
        fields = {"reason": "contested"} if state == "ended" else {}
        if state != "warned":
            fields["confirmed_by"] = LEAD
        if state == "paused":
            fields["until"] = rfc3339(now_ms() + DAY_MS)
        document = standing_document(f"s-{self.number}", ref, self.known_by[ref], state, **fields)
        return Published(None, orjson.dumps(document))


STANDING_OF_ROUND = {
    1: [("u-0", "warned"), ("u-1", "warned"), ("u-2", "warned")],
    2: [("u-0", "paused")],
    3: [("u-1", "paused"), ("u-0", "ended")],
    4: [("u-2", "paused")],
}


def test_everything_that_people_decide_counts_once_and_replays_while_workers_come_and_go(deploy, tmp_path):
    policies = asking_policies(tmp_path)
    deployment = deploy(partitions=2, settings={"TOCSIN_POLICIES_FILE": str(policies)})
    fleet, traffic = deployment.fleet, Traffic(31)
    workers = [fleet.start(), fleet.start()]
    desk = deployment.publisher(topic=MODERATION)
    people = deployment.publisher(topic=STANDING)
    for number in range(ROUNDS):
        deployment.publish(traffic.reports(80))
        desk.publish(traffic.outcomes(15))
        people.publish([traffic.standing(*each) for each in STANDING_OF_ROUND.get(number, ())])
        if number in (1, 2):
            # A pause needs a warning that is in force.
            deployment.wait_until_applied()
        if number % 2:
            deployment.kill(workers.pop(0))
            workers.append(fleet.start())
    deployment.wait_until_applied()

    reader = deployment.outputs()
    compared = check_replay(deployment, reader, shipped_rules(policies=policies))

    def events(topic):
        return [orjson.loads(row.value) for row in reader.all(deployment.name(topic))]

    # All parts that could differ have run.
    without_weight = Counter(event.get("without_weight") for event in events(ENRICHED))
    assert without_weight.keys() == {None, "reporter_paused", "version_approved"}
    assert {step["type"] for step in events(QUESTIONS)} >= {"asked", "answered"}
    assert {fact["state"] for fact in events(FEEDBACK)} == {"decided", "superseded"}
    told = Counter(notice.get("state") for notice in events(NOTICES))
    assert {"received", "decided", "superseded", "warned", "paused", "ended"} <= told.keys()
    assert told["paused"] == 3
    assert min(compared[NOTICES], compared[FEEDBACK]) > 0
