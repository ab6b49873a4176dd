"""Encodes and decodes a partition's change to other rules: records of the internal topics."""

import msgspec

from streams.contract.events.internal.rules_switch import RULES_SWITCH_TYPE, RulesSwitch
from streams.contract.wire.envelope import own_headers
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import Headers


def encode_rules_switch(switch: RulesSwitch) -> tuple[bytes, Headers]:
    """The value and headers of what a worker writes."""
    headers = own_headers(RULES_SWITCH_TYPE, f"{switch.change}-to-{switch.rule_set}")
    return msgspec.json.encode(switch), headers


decode_rules_switch = own_event_decoder(RULES_SWITCH_TYPE, RulesSwitch)
"""The change in a record; None for any other record and for one that cannot be read."""
