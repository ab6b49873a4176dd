"""What the native core is told of the rules to note reports as `handle_passed_report` does."""

from collections.abc import Sequence

from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.report import REPORTER_KINDS, ReporterKind
from streams.deciding.partition.native.handed_over import HandedOver, Secret
from streams.deciding.reporters.activity import CHANNELS, bits_of
from streams.deciding.reporters.reporter import WITHOUT_SIGNATURE
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.trust import untried


class UntriedTrust(HandedOver, frozen=True):
    """How far a reporter without outcomes is trusted (`untried`): probabilities, and a number of outcomes."""

    trust_class: TrustClass
    mean: float
    lower: float
    outcomes: float


class DetectorBand(HandedOver, frozen=True):
    """When a detector or a part of it may have left its usual band (DetectorRules)."""

    busiest_times: float
    least_findings: int
    known_days: int
    outcomes_per_alarm: float


class ReporterRow(HandedOver, frozen=True):
    """A kind of reporter.

    So many `reports_per_day` weigh, null for all. `many_channels` is the number of bits of a week's channels
    from which on a person should look at a reporter, null for never. `band` is that of detectors.
    """

    kind: ReporterKind
    trust: UntriedTrust
    reports_per_day: int | None
    many_channels: int | None
    has_signature: bool
    band: DetectorBand | None


class CategoryRow(HandedOver, frozen=True):
    """A category. `floor`: a person looks at every report, and no limit cuts its weight."""

    category: str
    floor: bool


class ReporterHomeRules(HandedOver, frozen=True):
    """The document for the home of reporters.

    Reports by a kind that is not among `reporters` are Python's. `channels` has the number of channels for
    each number of bits, from none on. Channels and messages are hashed under `hash_key`.
    """

    reporters: Sequence[ReporterRow]
    categories: Sequence[CategoryRow]
    channels: Sequence[int]
    hash_key: Secret


def reporter_home_rules(rules: ReporterStageRules) -> ReporterHomeRules:
    """Return the document of these rules."""
    return ReporterHomeRules(
        # Without rules for their parts, what detectors find is Python's.
        reporters=[
            _reporter(rules, kind)
            for kind in REPORTER_KINDS
            if kind != "automated" or rules.trust.detectors is not None
        ],
        categories=[
            CategoryRow(category=category, floor=row.floor) for category, row in rules.categories.items()
        ],
        channels=CHANNELS,
        hash_key=Secret(base64=rules.hash_key.secret),
    )


def _reporter(rules: ReporterStageRules, kind: ReporterKind) -> ReporterRow:
    trust = untried(rules.trust.priors[kind])
    many = rules.trust.channels_per_week[kind]
    detectors = rules.trust.detectors if kind == "automated" else None
    return ReporterRow(
        kind=kind,
        trust=UntriedTrust(
            trust_class=trust.trust_class, mean=trust.mean, lower=trust.lower, outcomes=trust.outcomes
        ),
        reports_per_day=rules.trust.reports_per_day[kind],
        many_channels=None if many is None else bits_of(many),
        has_signature=kind not in WITHOUT_SIGNATURE,
        band=None
        if detectors is None
        else DetectorBand(
            busiest_times=detectors.busiest_times,
            least_findings=detectors.least_findings,
            known_days=detectors.known_days,
            outcomes_per_alarm=detectors.outcomes_per_alarm,
        ),
    )
