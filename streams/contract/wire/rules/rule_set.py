"""Writes and reads sets of rules: records of `rule-sets`, whose key is the hash of the value."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from streams.contract.events.rules.rule_set import FORMAT, RULE_SET_TYPE, RuleFile, RuleSet
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import RULE_SETS

# The shipped rules have 0.6 MB. A list that doubled by mistake must not reach a worker.
MOST_BYTES: Final = 10_000_000


class _Format(msgspec.Struct):
    format: int


_decode_format = msgspec.json.Decoder(_Format).decode
_decode = msgspec.json.Decoder(RuleSet).decode


class BadRuleSet(ValueError):
    """A set of rules cannot be used; the message says why."""


class UnknownFormat(BadRuleSet):
    """A set of rules was written by a later version of Tocsin."""


def rule_set_id(value: bytes) -> str:
    """The id of the set with this value."""
    return hashlib.sha256(value).hexdigest()


def encode_rule_set(rules: RuleSet) -> bytes:
    """The value of a set. Raises BadRuleSet for one that no worker would read."""
    value = encode(rules)
    decode_rule_set(rule_set_id(value), value)
    return value


def rule_set_record(value: bytes, proposed_ms: int) -> OutputRecord:
    """The record of a set that was proposed at `proposed_ms` (since the epoch)."""
    found = rule_set_id(value)
    return OutputRecord(
        RULE_SETS, None, found.encode(), value, event_headers(RULE_SET_TYPE, found, proposed_ms)
    )


def decode_rule_set(rule_set: str, value: bytes) -> RuleSet:
    """The set with this id. Raises BadRuleSet if the value is another one, too large, or not in one form."""
    if len(value) > MOST_BYTES:
        raise BadRuleSet(f"has {len(value):,} bytes; at most {MOST_BYTES:,} are read")
    if rule_set_id(value) != rule_set:
        raise BadRuleSet("the hash of its content is another one")
    try:
        known = _decode_format(value).format
        if known != FORMAT:
            raise UnknownFormat(f"has format {known}, and this version of Tocsin reads format {FORMAT}")
        found = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRuleSet(f"cannot be read ({error})") from error
    _require_sorted(found.files)
    if encode(found) != value:
        raise BadRuleSet("is not written in its one form")
    return found


def _require_sorted(files: Sequence[RuleFile]) -> None:
    for before, after in pairwise(files):
        if before.name >= after.name:
            raise BadRuleSet(f"{after.name} is not in the order of names, or there twice")
