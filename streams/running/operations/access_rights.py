"""The least rights of each role on brokers with ACLs, as docs/deployment.md grants them ('Who may do what').

The users for Strimzi are generated from these, and a test does the work of each role with exactly these on a
real broker.
"""

from dataclasses import dataclass
from typing import Final, Literal

from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_REQUESTS_INTERNAL,
    AUTHORITY_ROUTING,
    AUTHORITY_STATE,
    CASE_ACTIVITY,
    CHANNEL_STATE,
    CLAIMS,
    CLOCK_OUTCOMES,
    DEAD_LETTERS,
    DELIVERIES_SET_ASIDE,
    DESK_VIEWS,
    DETECTOR_FEEDBACK,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    INTAKE_POSITIONS,
    INTEGRITY_CASES,
    MESSAGE_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    MODERATION_OUTCOMES,
    REFUSALS,
    REPORTER_NOTICES,
    REPORTER_STANDING,
    REPORTER_STATE,
    REPORTERS_INTERNAL,
    REVIEW_QUESTIONS,
    RULE_CHANGES,
    RULE_SETS,
    RULE_TRIALS,
    TOPICS,
    TRANSPARENCY_COUNTERS,
    VERIFIED_REPORTS,
    WORKER_PROGRESS,
)
from streams.running.identity import consumer_group

Operation = Literal["Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"]


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done with a resource.

    `name` is without the deployment's prefix; `prefixed`: all names that begin with it.
    """

    resource: Literal["topic", "group", "transactionalId"]
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """`standing`: a program has this role all the time.

    The others are for people, as long as they work in it.
    """

    name: str
    standing: bool
    rights: tuple[Right, ...]


def _topics(*names: str, to: tuple[Operation, ...]) -> tuple[Right, ...]:
    return tuple(Right("topic", name, to) for name in names)


_READ: Final = ("Read",)
_WRITE: Final = ("Write",)
_BOTH: Final = ("Read", "Write")

_INTERNAL = (MESSAGE_REPORTS_INTERNAL, AUTHORITY_REQUESTS_INTERNAL, REPORTERS_INTERNAL)
_SOURCES = (
    MESSAGE_REPORTS,
    VERIFIED_REPORTS,
    CLOCK_OUTCOMES,
    MODERATION_OUTCOMES,
    REPORTER_STANDING,
    AUTHORITY_REQUESTS,
)
_STATES = (CHANNEL_STATE, AUTHORITY_STATE, REPORTER_STATE)
_OUTPUTS = (
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    AUTHORITY_ROUTING,
    INTEGRITY_CASES,
    REVIEW_QUESTIONS,
    REPORTER_NOTICES,
    DETECTOR_FEEDBACK,
    TRANSPARENCY_COUNTERS,
    DEAD_LETTERS,
    REFUSALS,
    RULE_TRIALS,
)

_OWN = (*_INTERNAL, *_STATES, CLAIMS, WORKER_PROGRESS)

# Where a worker writes.
WRITTEN_BY_WORKERS: Final = (*_OWN, *_OUTPUTS)

# The topics in which `tocsin doctor` tries what it never does in one of Tocsin's begin with it.
PROBES: Final = f"{consumer_group('')}-doctor-"

_WORKER = (
    *_topics(*_SOURCES, to=_READ),
    *_topics(RULE_SETS, RULE_TRIALS, to=_READ),
    # A worker halts a candidate. Nothing else that it could write there would count.
    *_topics(RULE_CHANGES, to=_BOTH),
    *_topics(*_OWN, to=_BOTH),
    *_topics(*_OUTPUTS, to=_WRITE),
    # Workers compare every topic with the catalogue before they start.
    *_topics(*TOPICS, to=("Describe", "DescribeConfigs")),
    Right("group", consumer_group(""), ("Read",)),
    # Each start makes an id of its own, and the worker that takes partitions over fences the others.
    Right("transactionalId", f"{consumer_group('')}-", ("Write", "Describe"), prefixed=True),
)

ROLES: Final = (
    Role("worker", True, _WORKER),
    Role(
        "console",
        True,
        (
            *_topics(
                ESCALATIONS,
                ESCALATIONS_SHADOW,
                AUTHORITY_ROUTING,
                INTEGRITY_CASES,
                REVIEW_QUESTIONS,
                RULE_CHANGES,
                RULE_SETS,
                RULE_TRIALS,
                TRANSPARENCY_COUNTERS,
                to=_READ,
            ),
            *_topics(CASE_ACTIVITY, CLOCK_OUTCOMES, DESK_VIEWS, MODERATION_OUTCOMES, to=_BOTH),
        ),
    ),
    # The webhook also reads what else it is told to send.
    Role(
        "adapter",
        True,
        (
            *_topics(ESCALATIONS, RULE_CHANGES, RULE_SETS, to=_READ),
            *_topics(DELIVERIES_SET_ASIDE, MODERATION_OUTCOMES, to=_BOTH),
            Right("group", f"{consumer_group('')}-adapter-", _READ, prefixed=True),
        ),
    ),
    # A webhook for one publisher. It must not read what desks get.
    Role(
        "refusals-adapter",
        True,
        (
            *_topics(REFUSALS, to=_READ),
            *_topics(DELIVERIES_SET_ASIDE, to=_BOTH),
            Right("group", f"{consumer_group('')}-adapter-", _READ, prefixed=True),
        ),
    ),
    # `tocsin adapter handled`.
    Role(
        "notices-adapter",
        True,
        (
            *_topics(REPORTER_NOTICES, to=_READ),
            *_topics(DELIVERIES_SET_ASIDE, to=_BOTH),
            Right("group", f"{consumer_group('')}-adapter-", _READ, prefixed=True),
        ),
    ),
    Role("report-publisher", True, _topics(MESSAGE_REPORTS, to=_WRITE)),
    Role("verified-publisher", True, _topics(VERIFIED_REPORTS, to=_WRITE)),
    # `tocsin intake poll`. Where the platform vouches for a source, it also has the right of that publisher.
    Role(
        "report-poller",
        True,
        (*_topics(MESSAGE_REPORTS, to=_WRITE), *_topics(INTAKE_POSITIONS, to=_BOTH)),
    ),
    # People decide about reporters in a system of the platform, which sees to it that they are two.
    Role("standing-publisher", True, _topics(REPORTER_STANDING, to=_WRITE)),
    Role("request-intake", True, _topics(AUTHORITY_REQUESTS, to=_WRITE)),
    # Who runs `tocsin doctor`, with all that it tries.
    Role(
        "examiner",
        False,
        (
            Right(
                "topic",
                PROBES,
                ("Create", "Delete", "Read", "Write", "Describe", "DescribeConfigs"),
                prefixed=True,
            ),
            *_topics(*TOPICS, to=("Describe", "DescribeConfigs")),
            Right("transactionalId", f"{consumer_group('')}-", ("Write", "Describe"), prefixed=True),
        ),
    ),
    Role("topic-creator", False, _topics(*TOPICS, to=("Create", "Describe", "DescribeConfigs"))),
    Role(
        "desk",
        False,
        (
            *_topics(ESCALATIONS, AUTHORITY_ROUTING, REVIEW_QUESTIONS, to=_READ),
            *_topics(CLOCK_OUTCOMES, MODERATION_OUTCOMES, to=_WRITE),
            *_topics(CASE_ACTIVITY, to=_BOTH),
        ),
    ),
    # A desk that also uses `tocsin explain` and `tocsin clocks`.
    Role("explainer", False, _topics(ESCALATIONS, ESCALATIONS_SHADOW, AUTHORITY_ROUTING, *_STATES, to=_READ)),
    # Statements of reasons, and notices to authorities.
    Role("drafter", False, _topics(ESCALATIONS, MODERATION_OUTCOMES, to=_READ)),
    # Back-tests read what workers applied, in which order, and by which rules.
    Role(
        "policy-owner",
        False,
        _topics(
            MESSAGE_REPORTS,
            VERIFIED_REPORTS,
            MESSAGE_REPORTS_INTERNAL,
            ENRICHED_REPORTS,
            MODERATION_OUTCOMES,
            CLOCK_OUTCOMES,
            RULE_SETS,
            RULE_CHANGES,
            to=_READ,
        ),
    ),
    # Proposes and approves sets of rules. Who may do which of the two is in the list of keys.
    Role(
        "rule-changer",
        False,
        (*_topics(RULE_SETS, RULE_CHANGES, to=_BOTH), *_topics(RULE_TRIALS, to=_READ)),
    ),
    Role(
        "operator",
        False,
        (
            *_topics(
                DEAD_LETTERS,
                REFUSALS,
                CLAIMS,
                RULE_SETS,
                RULE_CHANGES,
                *_STATES,
                *_SOURCES,
                *_INTERNAL,
                to=_READ,
            ),
            *_topics(MESSAGE_REPORTS, VERIFIED_REPORTS, to=_WRITE),
            # `tocsin status` compares every topic with the catalogue, and asks who is in the group.
            *_topics(*TOPICS, to=("Describe", "DescribeConfigs")),
            Right("group", consumer_group(""), ("Describe",)),
        ),
    ),
    Role("state-resetter", False, (*_WORKER, *_topics(*_STATES, to=("Create", "Delete")))),
)
"""Roles of programs first, those of people after them."""
