"""What a partition counts while a candidate is tried: the payload of `tocsin.rule-trial-count.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.rules.rule_set import RuleSetId

RULE_TRIAL_COUNT_TYPE = "tocsin.rule-trial-count.v1"

# windows: those that the policies of a report's category look at, which is what their judging costs.
# episodes: those that have reached a level of a policy.
TrialCountOf = Literal["reports", "windows", "episodes"]


class RuleTrialCount(msgspec.Struct, frozen=True, gc=False):
    """A number of one partition since it read the change that began the trial; a later record replaces it.

    `candidate` is the set that is tried, and `share` the percentage of channels that its policies judge, 0 in
    shadow. `change` is the version of the log of rule changes that says so; `partition` is one of
    message-reports. `policy` and `level` belong to `episodes`, and are null otherwise. `by_candidate` are
    those that the candidate judged, `by_in_force` those that the rules in force judged: in shadow the same
    reports.
    """

    candidate: RuleSetId
    share: Annotated[int, msgspec.Meta(ge=0, le=99)]
    change: Annotated[int, msgspec.Meta(ge=1)]
    partition: Annotated[int, msgspec.Meta(ge=0)]
    of: TrialCountOf
    policy: str | None
    level: int | None
    by_in_force: Annotated[int, msgspec.Meta(ge=0)]
    by_candidate: Annotated[int, msgspec.Meta(ge=0)]
