"""What people decide about a set of rules: the payload of `tocsin.rule-change.v1`."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.report import Pseudonym, Ref, ZonedTime
from streams.contract.events.rules.back_test import BackTest
from streams.contract.events.rules.rule_set import RuleSetId

RULE_CHANGE_TYPE = "tocsin.rule-change.v1"

# approved, scheduled and rolled_back put a set into force. shadowed, and approved with a share, begin a trial
# of one beside it; ended and halted end that. The others decide nothing about any report.
RuleChangeKind = Literal[
    "proposed",
    "checked",
    "shadowed",
    "approved",
    "scheduled",
    "rejected",
    "ended",
    "halted",
    "rolled_back",
]
Share = Literal[1, 10, 50]
"""For how many channels a candidate can be put into force, in percent; all of them are no share."""
RuleRole = Literal["policy_owner", "lead", "legal", "operator"]


class RuleActor(msgspec.Struct, frozen=True, gc=False):
    """The pseudonym of the person or program, and the role in which it acted."""

    ref: Pseudonym
    role: RuleRole


class RuleSignature(msgspec.Struct, frozen=True, gc=False):
    """An Ed25519 signature in base64, and the id of the key in the list of a deployment."""

    key: Ref
    value: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{86}==$(?!\n)")]


class RuleChange(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One act on a set of rules. Unknown fields are ignored, wrong types are rejected.

    `expected_version` is the number of acts in the log that counted as the actor had read it: of two acts
    with the same number the first one counts. `parent` belongs to `proposed`: the set that is to be replaced,
    null or absent for the files of the installation. `passed` belongs to `checked`, and is required there:
    whether the set could be loaded and tried; so does `back_test`, which is what a back-test has found, null
    or absent without. `share` belongs to `approved`: the policies of the set judge that percentage of
    channels. `since` belongs to `scheduled`, and is required there: each partition changes when its event
    time reaches it. The signature covers all other fields.
    """

    change_id: Ref
    kind: RuleChangeKind
    rule_set: RuleSetId
    actor: RuleActor
    at: ZonedTime
    expected_version: Annotated[int, msgspec.Meta(ge=0)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    parent: RuleSetId | None = None
    passed: bool | None = None
    signature: RuleSignature | None = None
    back_test: BackTest | None = None
    share: Share | None = None
    since: ZonedTime | None = None
