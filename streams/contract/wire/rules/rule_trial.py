"""Writes and reads what partitions count while a candidate is tried: records of `rule-trials`."""

import msgspec

from streams.contract.events.rules.rule_trial import RULE_TRIAL_COUNT_TYPE, RuleTrialCount
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.ids import stable_id
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import RULE_TRIALS

_decode = msgspec.json.Decoder(RuleTrialCount).decode


def rule_trial_record(count: RuleTrialCount, time_ms: int) -> OutputRecord:
    """The record of a number at a time of its partition (ms since the epoch)."""
    key = f"{count.partition}/{count.of}"
    if count.policy is not None:
        key += f"/{count.policy}/{count.level}"
    numbers = f"{count.change}/{count.by_in_force}/{count.by_candidate}"
    event_id = stable_id("rule-trial", key, numbers)
    headers = event_headers(RULE_TRIAL_COUNT_TYPE, event_id, time_ms)
    return OutputRecord(RULE_TRIALS, None, key.encode(), encode(count), headers)


def decode_rule_trial(value: bytes | None) -> RuleTrialCount | None:
    """The number in a record's value; None if it cannot be read."""
    try:
        return _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
