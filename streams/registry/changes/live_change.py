"""Whether a change of rules reaches people: then it needs a back-test before it is approved."""

from collections.abc import Mapping

from streams.registry.changes.history import Proposal
from streams.registry.policy import Policy
from streams.registry.rules import Rules


def lacks_back_test(proposal: Proposal, before: Rules, after: Rules) -> bool:
    """Return whether a proposal must be back-tested against the rules in force before it is approved."""
    return proposal.back_test is None and is_live_change(before, after)


def is_live_change(before: Rules, after: Rules) -> bool:
    """Return whether anything differs but policies that are in shadow, or off, before and after."""
    return (
        before.registry_version != after.registry_version
        or (before.integrity, before.ask, before.severity_points, before.sample_share)
        != (after.integrity, after.ask, after.severity_points, after.sample_share)
        or _live(before) != _live(after)
    )


def _live(rules: Rules) -> Mapping[str, Policy]:
    return {policy.id: policy for policy in rules.policies if policy.mode == "live"}
