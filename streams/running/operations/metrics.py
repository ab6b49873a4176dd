"""The counters and histograms of a worker, and their exposition for Prometheus."""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric as Family

from streams import __version__
from streams.contract.events.authority_request import RequestKind
from streams.contract.events.authority_routing import RefusalCode, RoutingDecision
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.events.enriched_report import WithoutWeight
from streams.contract.events.integrity_case import IntegrityCaseKind
from streams.contract.events.internal.findings import SourceKind
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.reporter_standing import StandingState
from streams.deciding.clocks.life import ClockEvent
from streams.deciding.partition.counters import OTHER_PUBLISHER
from streams.deciding.reporters.watch import WhyHeld
from streams.deciding.reports.counters import DeskCheck, QuestionEvent, SampleStep
from streams.registry.rules import Rules
from streams.running.operations import metric_catalogue as catalogue
from streams.running.operations.core import CoreChoice
from streams.running.operations.process_metric_catalogue import (
    BUILD_INFO,
    CORE_INFO,
    LOOP_DELAY_SECONDS,
    SPANS,
)
from streams.running.operations.values import Histogram, Numbers, Values, gauge


class Metrics:
    """The counters and histograms of one worker, all of them from the catalogue.

    Series with known label values start at 0, because an alert on a rate would otherwise miss the first
    event. `topics` are the source topics of each stage, without prefix.
    """

    def __init__(  # noqa: PLR0915 - one statement per metric
        self, rules: Rules, topics: Mapping[str, Iterable[str]], core: CoreChoice
    ) -> None:
        self.records = Numbers(catalogue.RECORDS, ((topic,) for names in topics.values() for topic in names))
        self.applied = Numbers(catalogue.APPLIED)
        self.read_natively = Numbers(catalogue.READ_NATIVELY)
        self.late = Numbers(catalogue.LATE)
        self.without_weight = Numbers(catalogue.WITHOUT_WEIGHT, ((why,) for why in get_args(WithoutWeight)))
        self.possible_repeats = Numbers(catalogue.POSSIBLE_REPEATS)
        self.judged_out_of_window = Numbers(catalogue.JUDGED_OUT_OF_WINDOW)
        self.duplicates = Numbers(catalogue.DUPLICATES)
        self.rekeyed = Numbers(catalogue.REKEYED)
        self.passed_to_reporters = Numbers(catalogue.PASSED_TO_REPORTERS)
        self.dead_letters = Numbers(catalogue.DEAD_LETTERS, product(topics, DEAD_LETTER_REASONS))
        publishers = {OTHER_PUBLISHER}.union(*rules.publishers.values())
        self.refused_reports = Numbers(catalogue.REFUSED_REPORTS, zip(publishers))
        self.ticks_written = Numbers(catalogue.TICKS_WRITTEN)
        self.ticks_read = Numbers(catalogue.TICKS_READ, (("honoured",), ("ignored",)))
        self.time_corrections = Numbers(catalogue.TIME_CORRECTIONS, (("applied",), ("ignored",)))
        self.escalations = Numbers(catalogue.ESCALATIONS, _escalations_possible(rules))
        self.clock_transitions = Numbers(catalogue.CLOCK_TRANSITIONS, _clock_events_possible(rules))
        self.clock_outcomes = Numbers(catalogue.CLOCK_OUTCOMES, (("applied",), ("passed_on",)))
        self.authority_requests = Numbers(
            catalogue.AUTHORITY_REQUESTS, product(get_args(RequestKind), get_args(RoutingDecision))
        )
        self.refusals = Numbers(catalogue.REFUSALS, ((code,) for code in get_args(RefusalCode)))
        self.reports_stamped = Numbers(catalogue.REPORTS_STAMPED, ((name,) for name in get_args(TrustClass)))
        self.reports_over_limit = Numbers(catalogue.REPORTS_OVER_LIMIT)
        self.credits = Numbers(catalogue.CREDITS, (("applied",), ("too_old",)))
        self.moderation_outcomes = Numbers(catalogue.OUTCOMES_APPLIED)
        self.desk_checks = Numbers(catalogue.DESK_CHECKS, ((result,) for result in get_args(DeskCheck)))
        self.reports_linked = Numbers(catalogue.REPORTS_LINKED)
        self.links_without_effect = Numbers(catalogue.LINKS_WITHOUT_EFFECT)
        self.detector_reports, self.detector_trust = (
            Numbers(catalogue.DETECTOR_REPORTS),
            Numbers(catalogue.DETECTOR_TRUST),
        )
        self.detector_feedback = Numbers(
            catalogue.DETECTOR_FEEDBACK, product(get_args(SourceKind), get_args(OutcomeDecision))
        )
        self.detectors_held, self.detectors_released, self.findings_held = (
            Numbers(catalogue.DETECTORS_HELD, ((why,) for why in get_args(WhyHeld))),
            Numbers(catalogue.DETECTORS_RELEASED),
            Numbers(catalogue.FINDINGS_HELD),
        )
        self.integrity_cases = Numbers(
            catalogue.INTEGRITY_CASES, ((kind,) for kind in get_args(IntegrityCaseKind))
        )
        self.standing = Numbers(catalogue.STANDING, ((state,) for state in get_args(StandingState)))
        self.weight_taken_out = Numbers(catalogue.WEIGHT_TAKEN_OUT)
        self.beyond_budget = Numbers(catalogue.BEYOND_BUDGET, _budgets_possible(rules))
        self.samples = Numbers(
            catalogue.SAMPLES, ((step,) for step in get_args(SampleStep) if rules.sample_share)
        )
        self.review_questions = Numbers(catalogue.REVIEW_QUESTIONS, _questions_possible(rules))
        self.review_answers = Histogram(catalogue.REVIEW_ANSWERS)
        self.event_to_commit = Histogram(catalogue.EVENT_TO_COMMIT)
        self.append_to_commit = Histogram(catalogue.APPEND_TO_COMMIT)
        self.batch_records = Histogram(catalogue.BATCH_RECORDS)
        self.transaction_duration = Histogram(catalogue.TRANSACTION_DURATION)
        self.transactions_failed = Numbers(catalogue.TRANSACTIONS_FAILED, (("fenced",), ("not_committed",)))
        self.takeover_duration = Histogram(catalogue.TAKEOVER_DURATION)
        self.restored_records = Numbers(catalogue.RESTORED_RECORDS)
        self.rebalances = Numbers(catalogue.REBALANCES)
        self.rebalance_duration = Histogram(catalogue.REBALANCE_DURATION)
        self.loop_delay = Histogram(LOOP_DELAY_SECONDS)
        self.spans = Numbers(SPANS, (("sent",), ("not_sent",), ("no_room",)))
        self.policy_info, self.registry_info = (
            Numbers(catalogue.POLICY_INFO),
            Numbers(catalogue.REGISTRY_INFO),
        )
        self.judge_by(rules)
        self.core_info = gauge(CORE_INFO, [((core.runs,), 1)])
        self.build_info = gauge(BUILD_INFO, [((__version__,), 1)])

    def judge_by(self, rules: Rules) -> None:
        """Show these rules as those in force."""
        self.policy_info.replace(
            (each.id, each.mode, each.content_hash) for each in rules.policies if each.mode != "off"
        )
        self.registry_info.replace([(rules.policy_version, rules.registry_version)])

    def values(self) -> list[Values]:
        """All counters and histograms."""
        return list(vars(self).values())


class Exposition:
    """The text of /metrics: the `counters`, the gauges that `live` computes at a scrape, process metrics.

    It has a registry of its own, so that no library can add metrics to it.
    """

    def __init__(self, counters: Iterable[Values], live: Callable[[], Iterable[Values]]) -> None:
        self._counters = tuple(counters)
        self._live = live
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def collect(self) -> Iterable[Family]:
        """All metric families, sorted by name; the registry calls this at each scrape."""
        everything = [*self._counters, *self._live()]
        return [values.family() for values in sorted(everything, key=lambda values: values.metric.name)]

    def text(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


def _clock_events_possible(rules: Rules) -> Iterable[tuple[str, ...]]:
    """Labels of the duties that can arm a clock: their marks allow one, and they have a duration."""
    for duty in rules.obligations:
        if duty.arms and duty.duration is not None:
            for event in get_args(ClockEvent):
                if (event == "over") == (duty.meaning != "deadline") or event not in ("over", "lapsed"):
                    yield duty.id, event


def _escalations_possible(rules: Rules) -> Iterable[tuple[str, ...]]:
    for policy in rules.policies:
        if policy.mode == "off":
            continue
        for place, level in enumerate(policy.levels):
            for kind in ("opened", "updated", "resolved"):
                # An update raises the level, so it never leads to the first one; or it is a digest.
                if place or kind != "updated" or policy.per_hour is not None:
                    yield policy.id, policy.mode, kind, str(level.level)


def _budgets_possible(rules: Rules) -> Iterable[tuple[str, ...]]:
    """Labels of the policies with a budget."""
    for policy in rules.policies:
        if policy.mode == "live" and policy.per_hour is not None:
            effects = ("digest", "rests") if rules.may_rest(policy) else ("never_rests",)
            for level, effect in product(policy.levels, effects):
                yield policy.id, str(level.level), effect


def _questions_possible(rules: Rules) -> Iterable[tuple[str, ...]]:
    """Labels of the policies with levels about which a desk may be asked."""
    if rules.ask is None:
        return
    for policy in rules.policies:
        if policy.mode != "off" and len(policy.levels) > 1 and not rules.has_floor(policy):
            for step in get_args(QuestionEvent):
                yield policy.id, step
