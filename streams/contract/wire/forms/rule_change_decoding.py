"""Writes and reads acts on sets of rules: records of `rule-changes`."""

import msgspec
from msgspec.structs import replace

from streams.contract.events.rules.back_test import MOST_POLICIES
from streams.contract.events.rules.rule_change import (
    RULE_CHANGE_TYPE,
    RuleChange,
    RuleChangeKind,
    RuleRole,
)
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.personal_data import RefPaths
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.times import epoch_ms
from streams.contract.wire.topics import RULE_CHANGES
from streams.contract.wire.valid_values import OBJECT, PSEUDONYM, REF, TIME, ValidValues, one_of

_COUNT = "a whole number, 0 or more"
_ID = "64 small hexadecimal digits"

VALID_IN_CHANGE: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "change_id": REF,
    "kind": one_of(RuleChangeKind),
    "rule_set": _ID,
    "actor": "an object with ref and role",
    "actor.ref": PSEUDONYM,
    "actor.role": one_of(RuleRole),
    "at": TIME,
    "expected_version": _COUNT,
    "reason": "a text of 1 to 500 characters",
    "parent": f"{_ID}, null or absent; only if kind is proposed",
    "passed": "true or false if kind is checked, else null or absent",
    "back_test": "null or absent, or an object; only if kind is checked",
    "back_test.against": f"{_ID}, or null",
    "back_test.since": TIME,
    "back_test.until": TIME,
    "back_test.reports": _COUNT,
    "back_test.cases_before": _COUNT,
    "back_test.cases_after": _COUNT,
    "back_test.complete": "true or false",
    "back_test.policies": f"a list of at most {MOST_POLICIES} objects",
    "share": "1, 10 or 50; only if kind is approved",
    "since": f"{TIME}; if kind is scheduled, else null or absent",
    "signature": "null or an object with key and value",
    "signature.key": REF,
    "signature.value": "a signature of 64 bytes in base64",
}


def _check(change: RuleChange) -> None:
    check_ref("change_id", change.change_id, VALID_IN_CHANGE, counter=True)
    check_ref("actor.ref", change.actor.ref, VALID_IN_CHANGE, counter=False)
    if change.signature is not None:
        check_ref("signature.key", change.signature.key, VALID_IN_CHANGE, counter=True)
    if change.parent is not None and change.kind != "proposed":
        raise Rejected("invalid_value", "parent", "Must be null or absent unless kind is proposed.")
    if change.back_test is not None and not change.passed:
        raise Rejected("invalid_value", "back_test", "Must be null or absent unless a check has passed.")
    if (change.passed is None) == (change.kind == "checked"):
        raise Rejected("invalid_value", "passed", f"Must be {VALID_IN_CHANGE['passed']}.")
    if change.share is not None and change.kind != "approved":
        raise Rejected("invalid_value", "share", "Must be null or absent unless kind is approved.")
    if (change.since is None) == (change.kind == "scheduled"):
        raise Rejected("invalid_value", "since", f"Must be {VALID_IN_CHANGE['since']}.")


FORM = EventForm(
    RULE_CHANGE_TYPE.encode(),
    msgspec.json.Decoder(RuleChange),
    VALID_IN_CHANGE,
    RefPaths(pseudonyms=("actor.ref",), counters=("change_id", "signature.key")),
    _check,
    time_field="at",
)

decode_rule_change = event_reader(FORM)


def signed_bytes(change: RuleChange) -> bytes:
    """What a signature covers: the type of the event, and the act without the signature."""
    return RULE_CHANGE_TYPE.encode() + b"\n" + encode(replace(change, signature=None))


def rule_change_record(change: RuleChange) -> OutputRecord:
    """The record of an act. All have one partition, whose order settles which act was first."""
    headers = event_headers(RULE_CHANGE_TYPE, change.change_id, epoch_ms(change.at))
    return OutputRecord(RULE_CHANGES, None, change.rule_set.encode(), encode(change), headers)
