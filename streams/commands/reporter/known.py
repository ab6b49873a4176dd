"""What is known of a reporter, as numbers: the document of `tocsin reporter show --json`."""

import msgspec

from streams.commands.reporter.kept_reporter import KeptReporter
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import Category, ReporterKind
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY
from streams.counting.confirmation import PROOF_CHANNELS
from streams.deciding.reporters.activity import DAYS_PER_WEEK, Activity
from streams.deciding.reporters.misuse import Numbers, first_day, keep_recent
from streams.deciding.reporters.proof import BEFORE, is_earned, lapsed, right_in
from streams.deciding.reporters.reporter import Reporter
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.standing import DecidedStanding
from streams.deciding.reporters.tally import PERIOD_DAYS, VERDICTS, Outcomes, category_and_verdict, totals
from streams.deciding.reporters.trust import Basis, Trust, trust_of, trust_over_all
from streams.registry.reporter_rules import ReporterRules

_ISO_DAY = 10
_DIGITS = 3


class KnownTrust(msgspec.Struct, frozen=True):
    """Trust from `outcomes`, which fade; `basis`: those of one category, of all, or the kind's prior."""

    trust_class: TrustClass
    mean: float
    lower: float
    factor: float
    basis: Basis
    outcomes: dict[OutcomeDecision, float]


class KnownCategory(msgspec.Struct, frozen=True):
    """`decided`: the category's decisions since the given day, unfaded; `trust` holds for its reports."""

    category: Category
    decided: dict[OutcomeDecision, int]
    trust: KnownTrust


class KnownProof(msgspec.Struct, frozen=True):
    """What supports the upheld outcomes: by channels, of which the newest are kept.

    `unsupported` upheld outcomes, which fade, do not count. `before`: some came before channels were kept.
    `counts`: the others count for trust. `proven`: the reporter can be a proven voice.
    """

    channels: int
    confirmed: int
    unsupported: float
    before: bool
    counts: bool
    proven: bool


class Today(msgspec.Struct, frozen=True):
    """Reports of the day (UTC).

    Those beyond `limit` have no weight, except in floor categories; None is no limit.
    """

    day: str
    reports: int
    limit: int | None


class ThisWeek(msgspec.Struct, frozen=True):
    """About how many channels were reported this week (since the epoch); from `limit` on a person looks."""

    channels: int
    limit: int | None
    shown: bool
    misuse_shown: bool


class KnownStanding(msgspec.Struct, frozen=True):
    """What people decided about the reporter: until when a warning and a pause are in force, if they are.

    `channels` is of how many channels it is known what was added since the warning.
    """

    warned_until: str | None
    paused_until: str | None
    channels: int


class KnownReporter(msgspec.Struct, frozen=True):
    """What is known of a reporter as of `at`, the time of the partition.

    `kind` is what the caller said: it is not kept.
    """

    reporter: str
    kind: ReporterKind
    partition: int
    at: str
    trust: KnownTrust
    decided_since: str
    proof: KnownProof
    categories: list[KnownCategory]
    today: Today
    this_week: ThisWeek
    standing: KnownStanding | None


def describe(
    stage_rules: ReporterStageRules, ref: str, kind: ReporterKind, kept: KeptReporter, reporter: Reporter
) -> KnownReporter:
    """Return what is known of a reporter of this kind, as it counts for a report that would arrive now."""
    rules = stage_rules.trust
    day = kept.now // DAY
    period = max(day // PERIOD_DAYS, reporter.period)
    numbers = keep_recent(reporter.numbers, reporter.period, period)
    overall = trust_over_all(rules, kind, reporter.outcomes(rules, day), day)
    return KnownReporter(
        reporter=ref,
        kind=kind,
        partition=kept.partition,
        at=rfc3339(kept.now),
        trust=_trust(overall, totals(reporter.sums, reporter.period, day)),
        decided_since=_iso_day(first_day(period)),
        proof=_proof(reporter, rules, day),
        categories=_categories(stage_rules, kind, reporter, numbers, day),
        today=_today(reporter.activity, day, rules.reports_per_day[kind]),
        this_week=_this_week(reporter, day, rules.channels_per_week[kind]),
        standing=_standing(reporter.standing, kept.now),
    )


def _categories(
    rules: ReporterStageRules, kind: ReporterKind, reporter: Reporter, numbers: Numbers, day: int
) -> list[KnownCategory]:
    found = []
    for own, row in rules.by_code.items():
        outcomes = totals(reporter.sums, reporter.period, day, own)
        decided = dict.fromkeys(VERDICTS, 0)
        for code, number in numbers.items():
            of_category, verdict = category_and_verdict(code)
            if of_category == own:
                decided[verdict] += number
        if outcomes.all or any(decided.values()):
            trust = trust_of(rules.trust, kind, reporter.outcomes(rules.trust, day), day, own)
            found.append(KnownCategory(row.category, decided, _trust(trust, outcomes)))
    return found


def _proof(reporter: Reporter, rules: ReporterRules, day: int) -> KnownProof:
    proofs = lapsed(reporter.proofs, day)
    channels = [each for each in proofs if each.tag != BEFORE]
    return KnownProof(
        channels=len(channels),
        confirmed=sum(each.confirmed > 0 for each in channels),
        unsupported=round(totals(reporter.unsupported, reporter.period, day).upheld, _DIGITS),
        before=len(channels) < len(proofs),
        counts=is_earned(proofs, rules.proof),
        proven=len(right_in(proofs, rules.proof)) >= PROOF_CHANNELS,
    )


def _trust(trust: Trust, outcomes: Outcomes) -> KnownTrust:
    return KnownTrust(
        trust.trust_class,
        round(trust.mean, _DIGITS),
        round(trust.lower, _DIGITS),
        round(trust.factor, _DIGITS),
        trust.basis,
        {verdict: round(getattr(outcomes, verdict), _DIGITS) for verdict in VERDICTS},
    )


def _today(activity: Activity, day: int, limit: int | None) -> Today:
    return Today(_iso_day(day), activity.reports if activity.day == day else 0, limit)


def _this_week(reporter: Reporter, day: int, limit: int | None) -> ThisWeek:
    week, activity = day // DAYS_PER_WEEK, reporter.activity
    current = activity.day // DAYS_PER_WEEK == week
    return ThisWeek(
        activity.channels_this_week() if current else 0,
        limit,
        current and activity.shown,
        reporter.misuse_week == week,
    )


def _standing(decided: DecidedStanding | None, now: int) -> KnownStanding | None:
    if decided is None or not (decided.is_warned(now) or decided.is_paused(now)):
        return None
    return KnownStanding(
        rfc3339(decided.warned_until) if decided.is_warned(now) else None,
        rfc3339(decided.paused_until) if decided.is_paused(now) else None,
        len(decided.channels),
    )


def _iso_day(day: int) -> str:
    return rfc3339(day * DAY)[:_ISO_DAY]
