"""What a back-test leaves in the log of rule changes."""

from collections import Counter
from datetime import UTC, datetime

from streams.commands.backtest.comparison import only_in
from streams.commands.backtest.comparison_text import Comparison
from streams.commands.backtest.findings import Judged
from streams.commands.backtest.judging import Result
from streams.commands.backtest.verdicts import Share, shares_of
from streams.contract.events.rules.back_test import MOST_POLICIES, BackTest, BackTestedPolicy
from streams.contract.wire.times import moment_ms

_NONE = Share(0, 0, 0)


def summary(compared: Comparison, result: Result, against: str | None) -> BackTest:
    """Return the numbers of a back-test against a set of rules, None for the files of the installation."""
    in_use, candidate = compared.in_use, compared.candidate
    first, last = candidate.findings.first or 0, candidate.findings.last or 0
    return BackTest(
        against=against,
        since=_moment(max(first, moment_ms(candidate.findings.since))),
        until=_moment(last),
        reports=candidate.findings.counters.applied,
        cases_before=_live_cases(in_use),
        cases_after=_live_cases(candidate),
        complete=result.whole and not result.missing,
        policies=tuple(_policies(compared)[:MOST_POLICIES]),
    )


def _policies(compared: Comparison) -> list[BackTestedPolicy]:
    in_use, candidate = compared.in_use, compared.candidate
    before, after = (
        Counter(each.policy for each in judged.findings.episodes.values()) for judged in (in_use, candidate)
    )
    new, gone = only_in(candidate, in_use), only_in(in_use, candidate)
    news, losses = (Counter(each.policy for each in found) for found in (new, gone))
    shares = shares_of(new, candidate.policies, compared.verdicts or {})
    found = []
    for name, policy in {**in_use.policies, **candidate.policies}.items():
        if policy.mode == "off" or (before[name] == after[name] and not news[name] and not losses[name]):
            continue
        share = shares.get(name, _NONE)
        low, high = (None, None) if share.interval is None else (round(each, 4) for each in share.interval)
        found.append(
            BackTestedPolicy(
                name, policy.mode, before[name], after[name], news[name], losses[name], *share, low, high
            )
        )
    return found


def _live_cases(judged: Judged) -> int:
    return sum(each.mode == "live" for each in judged.findings.episodes.values())


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
