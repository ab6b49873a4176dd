"""Counts reports and episodes of both sides while a candidate is tried, and publishes the numbers."""

from typing import Final

from streams.contract.events.report import Category
from streams.contract.events.rules.rule_trial import RuleTrialCount
from streams.contract.wire.rules.rule_trial import rule_trial_record
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.escalation.episodes import CANDIDATE, EpisodeKey
from streams.deciding.reports.rules import ReportRules, Trial
from streams.deciding.reports.trial.counts import CountKey, TrialCounts

# After so many reports the numbers of reports and windows are published: often enough to stop a costly
# candidate within minutes, and few records beside those of the reports.
_PUBLISHED_EVERY: Final = 500

_REPORTS: Final[CountKey] = ("reports", "", 0)
_WINDOWS: Final[CountKey] = ("windows", "", 0)


def count_report(batch: ReportBatch, trial: Trial, judged_by: ReportRules, category: Category) -> None:
    """Count a report of a category that was judged in a trial, and the windows at which policies look for it.

    `judged_by` are the rules of its channel. In shadow the candidate has judged it too.
    """
    by_in_force, by_candidate = judged_by is not trial.rules, not trial.share or judged_by is trial.rules
    looks, tried = batch.rules.plans[category].looks, trial.rules.plans[category].looks
    counts = _counts(batch)
    looked = counts.add(_WINDOWS, by_in_force * looks, by_candidate * tried)
    judged = counts.add(_REPORTS, by_in_force, by_candidate)
    if max(judged) % _PUBLISHED_EVERY == 0:
        _publish(batch, _REPORTS, judged)
        _publish(batch, _WINDOWS, looked)


def count_reached(batch: ReportBatch, key: EpisodeKey, before: int, level: int) -> None:
    """Count and publish that an episode rose from a level, 0 if it opened, if there is a trial.

    A channel counts once for each level of a policy: several episodes of one are no independent signs.
    """
    trial = batch.rules.trial
    if trial is None:
        return
    by_candidate = key.mode == CANDIDATE or batch.rules.of(key.channel) is trial.rules
    counts, hashed = _counts(batch), batch.rules.hash_keys.current.reporter_hash
    for reached in range(before + 1, level + 1):
        if counts.is_first(hashed(f"\0{by_candidate:d}\0{key.channel}\0{key.policy}\0{reached}")):
            counted: CountKey = ("episodes", key.policy, reached)
            _publish(batch, counted, counts.add(counted, not by_candidate, by_candidate))


def _counts(batch: ReportBatch) -> TrialCounts:
    switched = batch.state.rules.switched
    assert switched is not None, "a candidate came with a change"
    batch.state.trial_counts.begin(switched.change)
    return batch.state.trial_counts


def _publish(batch: ReportBatch, key: CountKey, numbers: tuple[int, int]) -> None:
    trial, state = batch.rules.trial, batch.state
    assert trial is not None
    of, policy, level = key
    count = RuleTrialCount(
        trial.rule_set,
        trial.share,
        state.trial_counts.change,
        state.partition,
        of,
        policy or None,
        level or None,
        *numbers,
    )
    batch.outputs.append(rule_trial_record(count, state.time.now))
