"""What a back-test of a set of rules found: a part of `tocsin.rule-change.v1`."""

from typing import Annotated

import msgspec

from streams.contract.events.escalation import PolicyMode
from streams.contract.events.report import ZonedTime
from streams.contract.events.rules.rule_set import RuleSetId

# More policies than differ in any change that people can judge; the totals have all of them.
MOST_POLICIES = 50

Number = Annotated[int, msgspec.Meta(ge=0)]


class BackTestedPolicy(msgspec.Struct, frozen=True, gc=False):
    """A policy whose cases differ: how many opened before and after, and how many are new or gone.

    Those are in channels in which the policy opens none on the other side.

    `upheld` and `dismissed` are what desks had decided about the new ones, `undecided` the others of them.
    `low` and `high` bound the share of upheld ones among those decided, at 95 %; null without any.
    """

    policy: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    mode: PolicyMode
    before: Number
    after: Number
    new: Number
    gone: Number
    upheld: Number
    dismissed: Number
    undecided: Number
    low: float | None
    high: float | None


class BackTest(msgspec.Struct, frozen=True, gc=False):
    """Two sets of rules judged the same reports: the one in force, and the one that may replace it.

    `against` is the one in force, null for the files of the installation. Cases that opened from `since` to
    `until` count; `reports` is the number of all reports that were judged. `cases_before` and `cases_after`
    count the cases of live policies. `complete` is false where something that workers had applied was deleted
    already. `policies` are those that differ, at most 50.
    """

    against: RuleSetId | None
    since: ZonedTime
    until: ZonedTime
    reports: Number
    cases_before: Number
    cases_after: Number
    complete: bool
    policies: Annotated[tuple[BackTestedPolicy, ...], msgspec.Meta(max_length=MOST_POLICIES)]
