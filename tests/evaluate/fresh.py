"""A brigade of a hundred new accounts that reports one message of a quiet channel: which level does each
policy reach?
"""

import random
from functools import cache

from msgspec.structs import replace

from streams.contract.events.report import MessageReport, Reporter
from streams.contract.wire.times import from_epoch_ms
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.coordination.assessment import assess
from streams.counting.coordination.clusters import MILLION, Clusters, ClusterSums, voices_millionths
from streams.counting.counts import ChannelCounts
from streams.deciding.reports.escalation.policies import compile_policy
from streams.deciding.reports.risk import RiskModel
from tests.evaluate.play import RULES
from tests.evaluate.world import DAY, HOUR, MINUTE, T0

ACCOUNTS = 100


@cache
def levels_of_a_fresh_brigade(capped: bool = True) -> tuple[tuple[int, bool], ...]:
    """Return, for each policy and category, the highest level reached and whether the category has a floor.

    Nine in ten are outsiders, eight in ten accounts are under a week old; within ten minutes and within six
    hours. With `capped=False` a suspicion does not cap the level.
    """
    model = RiskModel(RULES)
    found = []
    for policy in RULES.policies:
        for category in policy.categories:
            for spread in (10 * MINUTE, 6 * HOUR):
                floor = RULES.categories[category].floor
                found.append((_level(model, policy, category, spread, capped and not floor), floor))
    return tuple(found)


def _level(model: RiskModel, policy, category, spread: int, capped: bool) -> int:
    rng = random.Random(7)
    compiled = compile_policy(policy, "live")
    counts, clusters, arrivals, sums = ChannelCounts(), Clusters(), Arrivals(), ClusterSums()
    highest = 0
    for at in sorted(T0 + DAY + rng.randrange(spread) for _ in range(ACCOUNTS)):
        young, member = rng.random() < 0.8, rng.random() < 0.1
        age = "under_1w" if young else "under_1m"
        reporter = Reporter(kind="user", ref="r", member=member, account_age=age)
        report = MessageReport("1", "user_report", from_epoch_ms(at), None, category, reporter=reporter)
        hashed = rng.getrandbits(64)
        arrivals.add(
            at, hashed, RULES.categories[category].code, first_time=True, young=young, outsider=not member
        )
        sums = sums.plus(clusters.add(0, 1, known=False).added)
        risk = model.millionths(model.score(report))
        counts.add(at, at, "user", hashed, risk, None)
        measured = counts.measure(compiled.spec, at)
        voices = voices_millionths(sums) // MILLION
        measured = replace(measured, distinct_reporters=min(measured.distinct_reporters, voices))
        level = compiled.judge(measured).level
        highest = max(
            highest, min(level, 1) if capped and assess(sums, arrivals.signs()).suspected else level
        )
    return highest
