"""A partition's change to other rules: the payload of `tocsin.rules-switch.v1`."""

from typing import Annotated

import msgspec

from streams.contract.events.rules.rule_set import RuleSetId

RULES_SWITCH_TYPE = "tocsin.rules-switch.v1"


class RulesSwitch(msgspec.Struct, frozen=True, omit_defaults=True):
    """From this record on the partition is judged by a set of rules.

    `change` is the version of the log of rule changes that says so. A record with a lower one than the
    partition knows has no effect. A `candidate` is tried beside the set: in shadow if `share` is 0, else its
    policies judge that share of channels (in percent). With `since_ms` the set takes effect when the time of
    the partition reaches it (ms since the epoch); until then the partition is judged as before.
    """

    rule_set: RuleSetId
    change: Annotated[int, msgspec.Meta(ge=1)]
    candidate: RuleSetId | None = None
    share: Annotated[int, msgspec.Meta(ge=0, le=99)] = 0
    since_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
