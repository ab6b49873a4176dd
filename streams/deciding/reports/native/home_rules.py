"""What the native core is told of the rules to count reports as `apply_report` does."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, get_args

import msgspec

from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.contract.events.report import REPORTER_KINDS, Category, ReportKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import headers_at
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.counting.conditions import Condition
from streams.counting.coordination.arrivals import decode_arrivals
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.held_counts import category_suffix
from streams.counting.notices import REPORT_ROLES
from streams.counting.sums import Doubtful, Scattered, StampedSums
from streams.counting.windows import WindowSpec
from streams.deciding.reports.escalation.asking import asks
from streams.deciding.reports.escalation.episodes import Open
from streams.deciding.reports.escalation.integrity import find_coordination
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.handle import stamped_report
from streams.deciding.reports.native.risk_table import risk_table
from streams.deciding.reports.rules import CategoryPlan, ReportRules
from streams.deciding.reports.weighing import CROWD_KINDS
from streams.registry.rules import Rules

# Country, protection, and what is published: jurisdictions, obligations, routing, rule of law.
_Law = tuple[str, int, bytes, bytes, bytes, bytes]


def home_rules(rules: ReportRules) -> dict[str, Any]:
    """Return them by the names that native/src/channel_home.rs knows."""
    registry = rules.registry
    return {
        # Of what is usual in a channel Python keeps a history.
        "plans": [
            (category, _plan(rules, category, plan))
            for category, plan in rules.plans.items()
            if not plan.histories and not plan.by_size
        ],
        "categories": list(rules.plans),
        "reporters": [
            (kind, kind not in CROWD_KINDS, kind in registry.reporters.receipts) for kind in REPORTER_KINDS
        ],
        "kinds": [
            (kind, [REPORT_ROLES[kind, reporter] for reporter in REPORTER_KINDS])
            for kind in get_args(ReportKind)
        ],
        "hash_key": rules.hash_keys.current.secret,
        "risk": risk_table(rules.risk_model),
        "find_law": _law_finder(rules),
        "days_of_change": rules.resolver.days_of_change,
        "drawn_below": ceil(registry.sample_share * 2**64),
        "proven_voices": 0 if registry.ask is None else registry.ask.proven_voices,
        "integrity_is_live": registry.integrity == "live",
        "find_coordination": _finding,
        "enriched_topic": ENRICHED_REPORTS,
        "enriched_headers": headers_at(ENRICHED_REPORT_TYPE, "", b""),
        "versions": _fragment(
            policy_version=registry.policy_version, registry_version=registry.registry_version
        ),
        "open_episode": Open,
    }


def _plan(rules: ReportRules, category: Category, plan: CategoryPlan) -> dict[str, Any]:
    dsa_category, dsa_keywords = rules.dsa[category]
    registry = rules.registry
    return {
        "number": list(rules.plans).index(category),
        "code": registry.categories[category].code,
        "suffix": plan.suffix,
        "windows": [tuple(spec) for spec in plan.windows],
        "policies": [_policy(registry, policy, window) for policy, window in plan.policies],
        "judged_together": plan.judged_together,
        "floor": plan.floor,
        "live_windows": [_window(spec) for spec in plan.live_windows],
        "dsa": _fragment(dsa_category=dsa_category, dsa_keywords=dsa_keywords),
        # Where a desk is asked about a suspected brigade, it hears of all of it.
        "silences": registry.integrity == "live" and (not registry.asks or plan.floor),
    }


def _policy(registry: Rules, policy: CompiledPolicy, window: int) -> dict[str, Any]:
    return {
        "key": policy.key,
        "window": _window(policy.spec),
        "shown_at": window,
        "suffixes": None
        if policy.single_category
        else [category_suffix(category) for category in policy.policy.categories],
        "channel_kind": policy.policy.channel_kind,
        "levels": [
            (level.level, least, _conditions(level.when), _conditions(level.any_of))
            for least, level, _ in policy.levels
        ],
        "lasting": _conditions(policy.lasting),
        "least_reports": policy.least_reports,
        "needs_union": policy.needs_union,
        "grows": policy.grows,
        "is_asked_about": asks(registry, policy) and not registry.has_floor(policy.policy),
    }


def _conditions(conditions: Sequence[Condition]) -> list[tuple[str, int, int]]:
    return [(condition.measure.name, condition.low, condition.high) for condition in conditions]


def _window(spec: WindowSpec) -> tuple[int, int]:
    return spec.ring, spec.panes


def _fragment(**fields: Any) -> bytes:
    """Return fields as they are in the middle of a JSON object."""
    return b",".join(b'"%s":%s' % (name.encode(), encode(value)) for name, value in fields.items())


def _law_finder(rules: ReportRules) -> Callable[[msgspec.Raw], _Law | None]:
    """Return what finds the law of a report; that returns None for one that arms clocks, or is refused."""

    def find(entry: msgspec.Raw) -> _Law | None:
        try:
            report = stamped_report(rules, STAMPED_REPORTS.entry(entry).report)
        except Rejected:
            return None
        law = rules.resolver.resolve(report)
        if law.armed or law.obligations_json is None:
            return None
        return (
            law.jurisdictions[0].code,
            law.protection,
            bytes(law.jurisdictions_json),
            bytes(law.obligations_json),
            bytes(law.routing_json),
            bytes(law.rule_of_law_json),
        )

    return find


def _finding(numbers: Sequence[int], arrivals: bytes) -> bytes | None:
    """Return what is published of coordination in a window, by the numbers of native/src/voices.rs."""
    stamped, *rest = numbers
    sums, doubtful, (unnamed,), scattered = rest[:4], rest[4:8], rest[8:9], rest[9:]
    window = StampedSums(stamped, ClusterSums(*sums), Doubtful(*doubtful), unnamed, Scattered(*scattered))
    found = find_coordination(window, decode_arrivals(arrivals))
    return None if found is None else encode(found.published)
