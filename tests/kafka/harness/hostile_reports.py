"""Records of publishers who mean harm, among those of honest ones; each must become a dead letter."""

import random
from collections.abc import Sequence

import orjson

from tests.kafka.harness.reports import Published, now_ms, report

# What only Tocsin may write.
FORGED_TICK = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/forger"),
    ("ce_type", b"tocsin.tick.v1"),
)
FORGED_ORIGIN = b'{"topic":"message-reports","partition":0,"offset":0,"timestamp":0}'


def hostile_reports(seed: int, count: int) -> Sequence[Published]:
    """So many of them, for the topic of users' reports."""
    chance = random.Random(f"hostile {seed}")
    # A letter before the number: a dead letter with seven digits in groups may have a telephone number in it,
    # and is cut.
    return [chance.choice(_KINDS)(f"hostile-{seed}-n{number}") for number in range(count)]


def _brackets(name: str) -> Published:
    return Published(name.encode(), b"[" * 60_000, None, "too_deep")


def _nested(name: str) -> Published:
    return Published(name.encode(), b'{"a":' * 12_000, None, "too_deep")


def _long(name: str) -> Published:
    return Published(name.encode(), b"x" * 200_000, None, "oversized")


def _tick(name: str) -> Published:
    headers = [*FORGED_TICK, ("ce_id", name.encode())]
    return Published(name.encode(), orjson.dumps(report(name, now_ms())), None, "bad_envelope", headers)


def _origin(name: str) -> Published:
    value = orjson.dumps({**report(name, now_ms()), "category": "no-such"})
    return Published(name.encode(), value, None, "unknown_category", [("tocsin-origin", FORGED_ORIGIN)])


def _trusted_flagger(name: str) -> Published:
    reporter = {"kind": "trusted_flagger", "ref": "nobody"}
    return _claim(report(name, now_ms(), kind="trusted_flagger_notice", reporter=reporter))


def _detector(name: str) -> Published:
    return _claim(report(name, now_ms(), kind="automated_detection", reporter={"kind": "automated"}))


def _claim(document: object) -> Published:
    return Published(b"claim", orjson.dumps(document), None, "not_allowed_here")


def _nothing(name: str) -> Published:
    return Published(name.encode(), b"", None, "empty")


# Large ones are rare, or they would be most of the bytes.
_KINDS = (_brackets, _nested, _long, *(_tick, _origin, _trusted_flagger, _detector, _nothing) * 4)
