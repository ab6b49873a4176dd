"""The policies of a candidate under the rules in force."""

from dataclasses import replace

from streams.deciding.reports.escalation.episodes import CANDIDATE
from streams.deciding.reports.escalation.policies import compile_policy
from streams.deciding.reports.rules import ReportRules, Trial, plans_of
from streams.registry.rules import Rules


def tried_beside(rules: ReportRules, candidate: ReportRules, rule_set: str, share: int) -> ReportRules:
    """Return `rules` with a candidate tried beside them: see Trial.

    Of the candidate only its file of policies counts. Law, categories, weights, rights and trust are those in
    force for every channel: nobody's case is under another law because of a draw. Categories that are not in
    force are left out of its policies: there are no reports of these.
    """
    registry = _with_policies(rules.registry, candidate.registry)
    compiled = [
        compile_policy(policy, policy.mode if share else CANDIDATE)
        for policy in registry.policies
        if policy.mode != "off"
    ]
    tried = replace(
        rules,
        registry=registry,
        plans=plans_of(registry, compiled),
        policies={policy.key: policy for policy in compiled},
    )
    return replace(rules, trial=Trial(rule_set, share, tried))


def _with_policies(rules: Rules, candidate: Rules) -> Rules:
    known = (
        replace(policy, categories=tuple(each for each in policy.categories if each in rules.categories))
        for policy in candidate.policies
    )
    return replace(
        rules,
        policies=tuple(policy for policy in known if policy.categories),
        integrity=candidate.integrity,
        ask=candidate.ask,
        severity_points=candidate.severity_points,
        sample_share=candidate.sample_share,
        policy_version=candidate.policy_version,
    )
