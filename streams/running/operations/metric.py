"""What a metric is: its kind, the values of its labels, and the buckets of histograms."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

# Upper bounds in seconds: from the latency of an idle worker (some 6 ms) to five minutes, after which a
# report is late.
APPEND_LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# Up to a day: reports wait on phones and in queues, and recordings are replayed.
EVENT_LATENCY = (
    0.025,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    3600.0,
    21600.0,
    86400.0,
)
# Answers of desks: from a minute to a week. The shipped target is half an hour.
DECISION = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 604800.0)
# A transaction times out after 20 seconds.
TRANSACTION = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
# A takeover reads from zero to millions of state records. A rebalance includes the takeovers.
TAKEOVER = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# A cycle of 20,000 reports occupies the event loop for up to a second; more means that something blocks it.
LOOP_DELAY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A page takes some 10 ms; an act waits for the brokers, and for a worker up to five seconds.
ANSWER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Records of one partition in one transaction.
BATCH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `buckets` are the upper bounds of a histogram, in the unit given in its name."""

    group: str
    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# The values of each label. No label identifies a channel, a message, a report or a reporter.
LABELS = {
    "source": "by what a detector is known: `list` or `classifier`, the name of one, or `reporter`, its "
    "reporter's ref alone",
    "topic": "a source topic of a stage, without its prefix: `message-reports`, `verified-reports`, "
    "`clock-outcomes`, `moderation-outcomes`, `reporter-standing`, `authority-requests` or one of the three "
    "internal ones; of an adapter: a topic whose events it sends",
    "stage": "`reports`, which turns reports into escalations, `requests`, which routes authorities' "
    "requests, or `reporters`, which stamps reports",
    "publisher": "a `ce_source` that the sources file lists for the topic to which the report was published, "
    "or `other`",
    "partition": "number of a partition that this worker owns",
    "reason": "a reason listed in `schemas/topics/dead-letters.yaml`",
    "why": "of a source that rests: `flood` (the dead letter breaker tripped) or `paused`; of a decision "
    "that is no outcome: `not_reported` (it is about nothing that the adapter reported), `no_rule` (no row "
    "of the mapping applies), `no_person` (a program decided) or `refused` (a worker would refuse it); of a "
    "report without weight: `reporter_paused` or `version_approved`; of a source held: `volume` or "
    "`dismissals`, which left their band",
    "outcome": "of a tick: `honoured` or `ignored`; of a clock outcome: `applied`, or `passed_on` to the "
    "stage that keeps the clock",
    "result": "of a correction: `applied` or `ignored`; of a comparison of decisions: `agreed`, `disputed`, "
    "`golden_right` or `golden_wrong`",
    "cause": "`fenced` (another worker owns the partition) or `not_committed`",
    "fate": "`sent`; `not_sent`, because the receiver did not take it in time; or `no_room`, because too "
    "many were waiting; of a report at the intake: `published`, `refused`, `over_quota` or `not_confirmed`",
    "address": "of a system that `tocsin intake poll` asks",
    "answer": "of a system that was asked: `answered`, with new reports or none; `refused`, the secret or "
    "the question; or `unavailable`, for no answer in time, or one that its documentation does not have",
    "sender": "name of a source in the file of the intake",
    "policy": "id of a policy in force, or of a removed policy with open episodes",
    "mode": "`live`, `shadow`, or `candidate` for the policies of a set of rules in shadow",
    "by": "`candidate`, the set on trial, or `in_force`",
    "type": "`opened`, `updated` or `resolved`",
    "level": "level of a policy: 1, 2, ...",
    "kind": "of state: `counts` (one per channel and category), `episodes` and `arrivals` (one per channel), "
    "`messages` and `clusters` (one per message), `listed_messages` (one per escalation), `watched_reports` "
    "and `sizes` (one per channel), `histories` (one per channel and set of categories) and "
    "`approvals` (one per message) in the stage `reports`, with `resting` (episodes "
    "that wait for a budget) and `samples` (messages drawn at random); "
    "`reporters` in the stage `reporters`; `clocks`, `duplicates` and `time` in all stages; "
    "of a request: the kind that it states",
    "trust": "`high`, `medium` or `low`",
    "failure": "of a delivery: `refused` (the receiver does not take it), `unavailable` (the receiver cannot "
    "be reached, is overloaded or broken) or `not_sendable` (no request can be made from the event)",
    "effect": "of an outcome on trust: `applied`, or `too_old` if it no longer changes it; of an act on the "
    "console: `counted`, `refused` (somebody else was faster, or it was not allowed), or `not_confirmed` "
    "(the brokers did not confirm it); of an episode beyond a budget: `rests` (it waits for its turn), "
    "`digest` (it opened, and names those that wait) or `never_rests` (it opened, as all of such policies)",
    "step": "of a question to a desk: `asked`; `stands` or `held`, the answers; `withdrawn`; `overdue`; "
    "`no_report` (none could be drawn); `would_be_asked` (the policy or the asking runs in shadow); of "
    "a message drawn at random: `drawn`; `raised` by a policy or `decided` before its turn; `shown` to desks",
    "case": "`many_channels`, `misuse` or `brigade`",
    "obligation": "id of a duty in the registry, or of a removed duty with open clocks",
    "event": "`armed`, `half`, `nine_tenths`, `lapsed`, `paused`, `resumed`, `fulfilled`, `withdrawn` or "
    "`over` (the end of a retention period)",
    "change": "`begins` or `ends`",
    "due": "`review` of a row, `commencement` of a law that is not in force, `next` known day in the life of "
    "a law, or `calendar_ends`: the last day of a holiday calendar by which duties count",
    "row": "`obligation`, `authority` or `jurisdiction`",
    "status": "of a clock: `running`, `paused`, `lapsed` or `over`; of an answer: its HTTP status",
    "decision": "on a request: `routed`, `incomplete` or `refused`; of a desk: `upheld`, `dismissed` or "
    "`manifestly_unfounded`; about a reporter: `warned`, `paused` or `ended`",
    "code": "`encryption_keys`, `bulk_identify`, `block_protest` or `political_demand`",
    "place": "`published`, where reports are published; `reporter`, the home of their reporter; or "
    "`channel`, that of their channel",
    "core": "`native` or `python`",
    "version": "version of Tocsin",
    "rules": "the first 16 digits of the id of a set of rules, or `files`",
    "rules_id": "hash of all rules and settings that decide",
    "limits_id": "hash of the settings that limit what all stages take",
    "policy_version": "hash of the content of all policies",
    "registry_version": "hash of the content of the registry",
    "content_hash": "hash of the policy's content",
}
