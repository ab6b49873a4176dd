"""What is usual in a channel: noted with each report that counts, and read by policies that ask for it."""

from collections.abc import Sequence

from streams.counting.sums import WindowCounts
from streams.counting.usual.history import expected_in
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import Crowd
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.rules import ReportRules


def note_what_is_usual(crowd: Crowd, channel_key: bytes, rules: ReportRules, case: Case, now: int) -> None:
    """Note at `now` (ms) what a report that counts says about its channel, as far as policies ask for it.

    Without such a policy nothing is kept. What a candidate asks for is noted in every channel: it may judge
    any of them tomorrow.
    """
    plan = rules.plans[case.report.category]
    histories, by_size = plan.histories, plan.by_size
    if rules.trial is not None:
        tried = rules.trial.rules.plans[case.report.category]
        histories = tuple(dict.fromkeys((*histories, *tried.histories)))
        by_size |= tried.by_size
    for of_categories in histories:
        history = crowd.history_to_change(channel_key, of_categories, now)
        history.learn(now)
        history.note(case.occurred)
    members = case.report.channel.members
    if by_size and members is not None:
        crowd.claim_members(channel_key, members, case.occurred)


def add_what_is_usual(
    crowd: Crowd, channel_key: bytes, policy: CompiledPolicy, windows: Sequence[WindowCounts], end: int
) -> None:
    """Add what the policy compares them with to windows of a channel that end with the pane of `end` (ms)."""
    if policy.history is not None:
        expected = expected_in(crowd.history_of(channel_key, policy.history), policy.spec, end)
        for counts in windows:
            counts.expected = expected
    if policy.by_size:
        members = crowd.members_of(channel_key)
        for counts in windows:
            counts.members = members
