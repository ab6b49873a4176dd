"""A partition's change to other rules: the payload of `tocsin.rules-switch.v1`."""

from typing import Annotated

import msgspec

from streams.contract.events.rules.rule_set import RuleSetId

RULES_SWITCH_TYPE = "tocsin.rules-switch.v1"


class RulesSwitch(msgspec.Struct, frozen=True):
    """From this record on the partition is judged by a set of rules.

    `change` is the version of the log of rule changes that put the set into force. A record with a lower one
    than the partition knows has no effect.
    """

    rule_set: RuleSetId
    change: Annotated[int, msgspec.Meta(ge=1)]
