"""The counts on which a policy judges a channel, with what is usual there if the policy asks for it."""

from streams.counting.categories import CategoryShare, shares_of
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.state import ReportState
from streams.deciding.reports.usual import add_what_is_usual


def policy_shares(
    state: ReportState, channel_key: bytes, policy: CompiledPolicy, end: int
) -> list[CategoryShare]:
    """Return the categories with reports in the policy's window that ends with the pane of `end` (ms)."""
    shares = shares_of(state.counts, channel_key, policy.policy.categories, policy.spec, end)
    add_what_is_usual(state.crowd, channel_key, policy, [share.counts for share in shares], end)
    return shares
