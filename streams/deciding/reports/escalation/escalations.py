"""Escalation events: what a reviewer must know about a transition, and nothing that identifies a reporter."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from streams.contract.events.clock import ClockView
from streams.contract.events.escalation import (
    ESCALATION_TYPE,
    Condition,
    Counts,
    Digest,
    Escalation,
    EscalationReason,
    EscalationType,
    Integrity,
    Priority,
    Score,
    Trace,
    Window,
)
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.events.report import Category, ChannelKind
from streams.contract.events.routing import Routing
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.ids import stable_id, step_id
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import moment_ms
from streams.contract.wire.topics import ESCALATIONS, ESCALATIONS_SHADOW
from streams.counting.categories import CategoryShare, total_of
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.coordination.clusters import linked_of
from streams.counting.coordination.integrity import effective_reporters, integrity
from streams.counting.measures import MEASURES, MILLION
from streams.counting.sums import WHOLE, WindowCounts
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, window_spec, window_start
from streams.deciding.law.routing import INTERNAL_REVIEW
from streams.deciding.law.rule_of_law import TIERS
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.partition.replay import outcome_headers
from streams.deciding.reports.escalation.case_law import CaseLaw, law_of
from streams.deciding.reports.escalation.episodes import CausingReport, EpisodeKey, Open
from streams.deciding.reports.escalation.integrity import find_coordination
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.escalation.priority import NO_PRIORITY, priority
from streams.deciding.reports.escalation.question_events import question_state
from streams.deciding.reports.rules import ReportRules

# A reviewer looks at a handful of messages; ten is what fits on a screen.
MESSAGE_REFS = 10

_POLICY_GONE = "The policy was removed from the registry, or its mode was changed."


class Transition(NamedTuple):
    """A step of an episode: `at` is its event time, `counted_at` the time of its counts (ms)."""

    type: EscalationType
    reason: EscalationReason
    at: int
    counted_at: int


def escalation_id(key: EpisodeKey, ce_source: str, report_id: str) -> str:
    """Return the id of the episode that a report opens."""
    return stable_id(key.policy, key.mode, key.channel, ce_source, report_id)


def escalation_record(
    rules: ReportRules,
    key: EpisodeKey,
    episode: Open,
    transition: Transition,
    shares: Sequence[CategoryShare],
    arrivals: Arrivals | None = None,
    outcome: OutcomeTrace | None = None,
    digest: Digest | None = None,
    kind: ChannelKind = "channel",
) -> OutputRecord:
    """Return the record that publishes a transition of `episode`, which is in its state after the transition.

    `shares` are the categories with reports in the window that ends with the pane of `transition.counted_at`.
    `arrivals` are those of the channel, None if nothing is known of them. `outcome` is the one that caused
    it; None if a report or time did. `digest` is what the episode says of others that wait. `kind` is that of
    the channel, as the report says that caused it.
    """
    event_id = step_id(episode.escalation_id, episode.sequence)
    event = _event(rules, key, episode, transition, shares, arrivals)
    if digest is not None:
        event = replace(event, digest=digest)
    if kind != "channel":
        event = replace(event, channel_kind=kind)
    headers = event_headers(ESCALATION_TYPE, event_id, transition.at)
    if outcome is not None:
        place = {f"{outcome.origin.topic}/{outcome.origin.partition}": outcome.origin.offset}
        event = replace(event, trace=replace(event.trace, partition_offsets=place))
        headers += outcome_headers(outcome.applied, outcome.ticks)
    return OutputRecord(
        ESCALATIONS if key.mode == "live" else ESCALATIONS_SHADOW,
        None,
        key.channel.encode(),
        encode(event),
        headers,
    )


def _event(
    rules: ReportRules,
    key: EpisodeKey,
    episode: Open,
    transition: Transition,
    shares: Sequence[CategoryShare],
    arrivals: Arrivals | None,
) -> Escalation:
    policy = rules.policies.get((key.policy, key.mode))
    cause = episode.cause
    scope = episode.scope
    spec = policy.spec if policy else window_spec(scope.window_ms, "")
    categories = policy.policy.categories if policy else scope.categories
    counts = total_of(shares, spec, transition.counted_at)
    law = law_of(
        rules,
        cause,
        tuple(dict.fromkeys([cause.category, *(share.category for share in shares)])),
        TIERS[max(TIERS.index(cause.tier), held_tier(episode, shares, spec, transition.counted_at))],
    )
    return build_escalation(
        rules,
        cause,
        law._replace(routing=_routing(key, episode, law.routing)),
        counts,
        arrivals,
        escalation_id=episode.escalation_id,
        sequence=episode.sequence,
        type=transition.type,
        reason=transition.reason,
        at=transition.at,
        policy=key.policy,
        policy_reason=policy.policy.reason if policy else _POLICY_GONE,
        mode="live" if key.mode == "live" else "shadow",
        level=episode.level,
        level_name=scope.level_name,
        channel_ref=key.channel,
        categories=categories,
        window=_window(spec, transition.counted_at),
        conditions=_conditions(policy, episode.level, transition, counts),
        score=Score(
            value=counts.risk / MILLION,
            components={share.category: share.counts.risk / MILLION for share in shares},
        ),
        message_refs=most_reported_messages(shares, spec, transition.counted_at),
        first_report_id=episode.first_report_id,
        priority=_priority(rules, episode, transition, counts, law.obligations, shares),
        question=question_state(episode),
    )


def build_escalation(
    rules: ReportRules,
    cause: CausingReport,
    law: CaseLaw,
    counts: WindowCounts,
    arrivals: Arrivals | None = None,
    *,
    at: int,
    first_report_id: str,
    type: EscalationType,  # noqa: A002  # the name of the field
    clock: ClockView | None = None,
    **fields: Any,
) -> Escalation:
    """Return the escalation that `cause` leads to at `at` (ms).

    `fields` are those of Escalation that do not follow from these.
    """
    of_category = rules.registry.categories[cause.category]
    return Escalation(
        type=type,
        status="resolved" if type == "resolved" else "open",
        at=rfc3339(at),
        category=cause.category,
        dsa_category=of_category.dsa_category,
        dsa_keywords=of_category.dsa_keywords,
        counts=_counts(counts),
        integrity=_integrity(counts, arrivals),
        **law._asdict(),
        clock=clock,
        human_review_required=True,
        automated_means=True,
        policy_version=rules.registry.policy_version,
        registry_version=rules.registry.registry_version,
        trace=Trace(
            first_report_id=first_report_id,
            last_report_id=cause.report_id,
            partition_offsets={f"{cause.topic}/{cause.partition}": cause.offset},
        ),
        **fields,
    )


def _counts(counts: WindowCounts) -> Counts:
    shown = Counts(
        reports=counts.reports,
        distinct_reporters=counts.distinct_reporters,
        n_eff=round(effective_reporters(counts.reports, counts.distinct_reporters, counts.without_ref), 6),
        trusted_flaggers=counts.trusted_flaggers,
        automated=counts.automated,
        state_actors=counts.state_actors,
    )
    if not counts.stamped.stamped:
        return shown
    sums = counts.stamped.sums
    return replace(
        shown,
        voices=MEASURES["voices"].value(counts),
        linked=linked_of(sums),
        trusted_voices=max(sums.known, 0),
        proven_voices=MEASURES["proven_voices"].read(counts),
    )


def _integrity(counts: WindowCounts, arrivals: Arrivals | None) -> Integrity:
    shown = integrity(counts.reports, counts.distinct_reporters, counts.without_ref, counts.anonymous)
    found = find_coordination(counts.stamped, arrivals)
    if found is None:
        return shown
    return replace(shown, brigade_suspected=found.suspected, finding=found.published)


def severity_in_millionths(rules: ReportRules, category: Category) -> int:
    """Return the severity of a category, as priorities take it."""
    return round(rules.registry.categories[category].severity * MILLION)


def _priority(
    rules: ReportRules,
    episode: Open,
    transition: Transition,
    counts: WindowCounts,
    obligations: Sequence[EscalatedObligation],
    shares: Sequence[CategoryShare],
) -> Priority:
    if transition.type == "resolved":
        return NO_PRIORITY
    due = [row.due_at for row in obligations if row.due_at is not None and row.not_before is None]
    missing = counts.stamped.scattered
    return priority(
        transition.at,
        min(map(moment_ms, due), default=None),
        episode.level,
        max(counts.risk - missing.risk, 0),
        max(MEASURES["voices"].read(counts) - missing.reporters * MILLION // WHOLE, 0),
        episode.opened,
        WHOLE * (counts.distinct_reporters + (counts.without_ref > 0)) - missing.reporters,
        # Of all categories in the window: a report of a lesser one lowers nothing.
        max(
            severity_in_millionths(rules, category)
            for category in (episode.cause.category, *(share.category for share in shares))
        ),
        rules.registry.severity_points,
    )


def held_tier(episode: Open, shares: Sequence[CategoryShare], spec: WindowSpec, time: int) -> int:
    """Return the index of the most protective tier that the episode has had, its window at `time` included.

    The tier of the last report is not enough: one report that names an open country would then be enough to
    have an authority told.
    """
    return max([episode.held, *(share.channel.tier(spec, time) for share in shares)])


def _window(spec: WindowSpec, time: int) -> Window:
    start = window_start(spec.ring, spec.panes, time // FINE_MS) * FINE_MS
    return Window(start=rfc3339(start), end=rfc3339(start + spec.panes * RINGS[spec.ring].pane_ms))


def _conditions(
    policy: CompiledPolicy | None, level: int, transition: Transition, counts: WindowCounts
) -> tuple[Condition, ...]:
    """Return the conditions of the level reached; for a resolution those of level 1, which became clear."""
    if policy is None:
        return ()
    reached = policy.level(1 if transition.type == "resolved" else level)
    return reached.shown(counts)


def most_reported_messages(shares: Sequence[CategoryShare], spec: WindowSpec, time: int) -> tuple[str, ...]:
    """Return the messages that an escalation names, most reported first."""
    if len(shares) == 1:
        # Already in order. Most policies with many escalations have one category.
        return tuple(ref for ref, _ in shares[0].channel.messages(spec, time)[:MESSAGE_REFS])
    counted: Counter[str] = Counter()
    for share in shares:
        counted.update(dict(share.channel.messages(spec, time)))
    ranked = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(ref for ref, _ in ranked[:MESSAGE_REFS])


def _routing(key: EpisodeKey, episode: Open, report_routing: tuple[Routing, ...]) -> tuple[Routing, ...]:
    """Return the report's routing, with the policy as the reason for internal review."""
    reason = f"policy {key.policy} level {episode.level} ({episode.scope.level_name})"
    return tuple(
        Routing(INTERNAL_REVIEW, reason, route.gate) if route.recipient == INTERNAL_REVIEW else route
        for route in report_routing
    )
