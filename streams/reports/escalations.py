"""Escalation events: what a reviewer must know of a transition, and nothing that identifies a reporter."""

from collections import Counter
from typing import NamedTuple
from uuid import UUID, uuid5

from streams.counting.channel_windows import Part, total_of
from streams.counting.integrity import effective_reporters, integrity
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, window_spec, window_start
from streams.events.escalation import (
    ESCALATION_TYPE,
    Condition,
    Counts,
    Escalation,
    EscalationReason,
    EscalationType,
    Score,
    Trace,
    Window,
)
from streams.events.routing import Routing
from streams.law.routing import INTERNAL_REVIEW
from streams.law.rule_of_law import TIERS
from streams.partition.due import EpisodeKey
from streams.registry.rules import Level, RuleOfLawTier
from streams.reports.case_law import law_of
from streams.reports.episodes import Cause, Open
from streams.reports.rules import MEASURE_INDEX, MILLION, CompiledPolicy, CompiledRules
from streams.wire.encoding import encode
from streams.wire.envelope import event_headers, rfc3339
from streams.wire.records import OutputRecord
from streams.wire.topics import ESCALATIONS, ESCALATIONS_SHADOW

# Made for this purpose alone; ids of ours can collide with nobody's.
NAMESPACE = UUID("5b4e1f0c-6d0f-5c0e-9a53-2f4c7d1f8a60")

# A reviewer looks at a handful of messages; ten is what fits on a screen.
MESSAGE_REFS = 10

_POLICY_GONE = "The policy was removed from the registry or switched."


class Transition(NamedTuple):
    """A step of an episode. `at` is when it happened in event time, `counted_at` the time that the counts are of."""

    type: EscalationType
    reason: EscalationReason
    at: int
    counted_at: int


def escalation_id(key: EpisodeKey, ce_source: str, report_id: str) -> str:
    """The id of the episode that a report opens. Only ce_source may hold NUL: no two episodes share a text."""
    name = f"{key.policy}\0{key.mode}\0{key.channel}\0{ce_source}\0{report_id}"
    return str(uuid5(NAMESPACE, name))


def escalation_record(
    rules: CompiledRules, key: EpisodeKey, episode: Open, transition: Transition, parts: list[Part]
) -> OutputRecord:
    """The record to write for a transition of `episode`, which is in its state after the transition.

    `parts` are the categories with reports in the window that ends with the pane of `transition.counted_at`.
    """
    event_id = str(uuid5(UUID(episode.escalation_id), str(episode.sequence)))
    event = _event(rules, key, episode, transition, parts)
    return OutputRecord(
        ESCALATIONS if key.mode == "live" else ESCALATIONS_SHADOW,
        None,
        key.channel.encode(),
        encode(event),
        event_headers(ESCALATION_TYPE, event_id, transition.at),
    )


def _event(
    rules: CompiledRules, key: EpisodeKey, episode: Open, transition: Transition, parts: list[Part]
) -> Escalation:
    policy = rules.policies.get((key.policy, key.mode))
    cause = episode.cause
    scope = episode.scope
    spec = policy.spec if policy else window_spec(scope.window_ms, "")
    categories = policy.policy.categories if policy else scope.categories
    measures = total_of(parts, spec, transition.counted_at)
    of_category = rules.rules.categories[cause.category]
    law = law_of(
        rules,
        cause,
        tuple(dict.fromkeys([cause.category, *(part.category for part in parts)])),
        _tier(cause, parts, spec, transition.counted_at),
    )
    return Escalation(
        escalation_id=episode.escalation_id,
        sequence=episode.sequence,
        type=transition.type,
        reason=transition.reason,
        status="resolved" if transition.type == "resolved" else "open",
        at=rfc3339(transition.at),
        policy=key.policy,
        policy_reason=policy.policy.reason if policy else _POLICY_GONE,
        mode="live" if key.mode == "live" else "shadow",
        level=episode.level,
        level_name=scope.level_name,
        channel_ref=key.channel,
        category=cause.category,
        categories=categories,
        dsa_category=of_category.dsa_category,
        dsa_keywords=of_category.dsa_keywords,
        window=_window(spec, transition.counted_at),
        conditions=_conditions(policy, episode.level, transition, measures),
        counts=Counts(
            reports=measures.reports,
            distinct_reporters=measures.distinct_reporters,
            n_eff=round(
                effective_reporters(measures.reports, measures.distinct_reporters, measures.without_ref), 6
            ),
            trusted_flaggers=measures.trusted_flaggers,
            automated=measures.automated,
            state_actors=measures.state_actors,
        ),
        score=Score(
            value=measures.risk_millionths / MILLION,
            components={part.category: part.measures.risk_millionths / MILLION for part in parts},
        ),
        integrity=integrity(
            measures.reports, measures.distinct_reporters, measures.without_ref, measures.anonymous
        ),
        message_refs=_most_reported(parts, spec, transition.counted_at),
        jurisdictions=law.jurisdictions,
        obligations=law.obligations,
        routing=_routing(key, episode, law.routing),
        rule_of_law=law.rule_of_law,
        statement=law.statement,
        clock=None,
        human_review_required=True,
        automated_means=True,
        policy_version=rules.rules.policy_version,
        registry_version=rules.rules.registry_version,
        trace=Trace(
            first_report_id=episode.first_report_id,
            last_report_id=cause.report_id,
            partition_offsets={f"{cause.topic}/{cause.partition}": cause.offset},
        ),
    )


def _tier(cause: Cause, parts: list[Part], spec: WindowSpec, time: int) -> RuleOfLawTier:
    """The most protective tier among the reports of the window.

    Not that of the last report alone: whoever wants an authority told could add one report that names an open country.
    """
    return TIERS[max([TIERS.index(cause.tier), *(part.counts.tier(spec, time) for part in parts)])]


def _window(spec: WindowSpec, time: int) -> Window:
    start = window_start(spec.ring, spec.panes, time // FINE_MS) * FINE_MS
    return Window(start=rfc3339(start), end=rfc3339(start + spec.panes * RINGS[spec.ring].pane_ms))


def _conditions(
    policy: CompiledPolicy | None, level: int, transition: Transition, measures: tuple[int, ...]
) -> tuple[Condition, ...]:
    """Those of the level reached; for a resolution those of level 1, which had to become clear."""
    if policy is None:
        return ()
    reached = _level(policy, 1 if transition.type == "resolved" else level)
    return tuple(
        Condition(
            measure=measure,
            value=measures[MEASURE_INDEX[measure]] / (MILLION if measure == "risk" else 1),
            threshold=float(threshold),
        )
        for measure, threshold in reached.when.items()
    )


def _level(policy: CompiledPolicy, number: int) -> Level:
    return next(level for level in policy.policy.levels if level.level == number)


def _most_reported(parts: list[Part], spec: WindowSpec, time: int) -> tuple[str, ...]:
    if len(parts) == 1:
        # In the right order already; most policies with many escalations have one category.
        return tuple(ref for ref, _ in parts[0].counts.messages(spec, time)[:MESSAGE_REFS])
    counted: Counter[str] = Counter()
    for part in parts:
        counted.update(dict(part.counts.messages(spec, time)))
    ranked = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(ref for ref, _ in ranked[:MESSAGE_REFS])


def _routing(key: EpisodeKey, episode: Open, of_report: tuple[Routing, ...]) -> tuple[Routing, ...]:
    """That of the report behind the transition; to internal review it goes because of the policy."""
    reason = f"policy {key.policy} level {episode.level} ({episode.scope.level_name})"
    return tuple(
        Routing(INTERNAL_REVIEW, reason, route.gate) if route.recipient == INTERNAL_REVIEW else route
        for route in of_report
    )
