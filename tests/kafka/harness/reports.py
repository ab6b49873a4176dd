"""Seeded reports, good, repeated and bad, with what an independent reader expects of each."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

# What the shipped policies treat differently: floors at the first report, distinct reporters, shadow, none at all.
CATEGORIES = (
    "csam",
    "ncii_deepfake",
    "threat_to_life",
    "terrorism",
    "fraud",
    "spam",
    "harassment",
    "hate",
    "ip",
)
REPORTER_KINDS = ("user", "user", "user", "user", "trusted_flagger", "automated", "state_actor", "anonymous")
COUNTRIES = ("DE", "FR", "PL", "US", "BR", "IN", "RU", "XK", None)
KIND_OF = {"trusted_flagger": "trusted_flagger_notice", "automated": "automated_detection"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a good report says, for counting it without the code under test."""

    report_id: str
    channel: str
    category: str
    reporter_kind: str
    reporter_ref: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """A record to publish. `facts` is None for one that must become a dead letter for `reason`."""

    key: bytes | None
    value: bytes
    facts: Facts | None = None
    reason: str | None = None
    headers: Sequence[tuple[str, bytes]] = field(default=())


def rfc3339(time_ms: int) -> str:
    """UTC with milliseconds."""
    return (
        datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def now_ms() -> int:
    """The wall clock, for reports that are made now."""
    return int(time.time() * 1000)


def report(report_id: str, occurred_ms: int, **fields: object) -> dict[str, object]:
    """A valid report as a document; `fields` replace or add."""
    return {
        "report_id": report_id,
        "kind": "user_report",
        "occurred_at": rfc3339(occurred_ms),
        "channel": {"ref": "channel-1", "visibility": "public"},
        "category": "spam",
        **fields,
    }


def generate(
    seed: int,
    count: int,
    *,
    channels: int = 200,
    duplicates: float = 0.01,
    bad: float = 0.005,
    span_ms: int = 20_000,
) -> list[Published]:
    """`count` records, all made within the last `span_ms`: every window holds all of them, in whatever order."""
    chance = random.Random(seed)
    start = now_ms() - span_ms
    made: list[Published] = []
    good: list[Published] = []
    for number in range(count):
        dice = chance.random()
        if dice < duplicates and good:
            made.append(chance.choice(good))
        elif dice < duplicates + bad:
            made.append(_bad(chance, seed, number))
        else:
            made.append(_good(chance, seed, number, channels, start + chance.randrange(span_ms)))
            good.append(made[-1])
    return made


def _good(chance: random.Random, seed: int, number: int, channels: int, occurred_ms: int) -> Published:
    # Squared: a few channels get most of the reports, as in life.
    channel = f"channel-{seed}-{int(channels * chance.random() ** 2)}"
    category = chance.choice(CATEGORIES)
    kind = chance.choice(REPORTER_KINDS)
    ref = None if kind == "anonymous" else f"reporter-{chance.randrange(400)}"
    country = chance.choice(COUNTRIES)
    document = report(
        f"r-{seed}-{number}",
        occurred_ms,
        kind=KIND_OF.get(kind, "user_report"),
        channel={"ref": channel, "visibility": "public", **({"country": country} if country else {})},
        category=category,
        message_ref=f"message-{chance.randrange(50)}",
        reporter={"kind": kind, **({"ref": ref} if ref else {}), "member": chance.random() < 0.5},
    )
    if kind == "automated":
        document["classifier"] = {"name": "scan", "version": "1", "score": round(chance.random(), 3)}
    facts = Facts(f"r-{seed}-{number}", channel, category, kind, ref)
    return Published(channel.encode(), orjson.dumps(document), facts)


def _bad(chance: random.Random, seed: int, number: int) -> Published:
    name = f"bad-{seed}-{number}"
    reason = chance.choice(("empty", "not_json", "missing_field", "unknown_category", "invalid_country"))
    document = report(name, now_ms())
    if reason == "missing_field":
        del document["category"]
    elif reason == "unknown_category":
        document["category"] = "none-of-ours"
    elif reason == "invalid_country":
        document["channel"] = {"ref": name, "visibility": "public", "country": "ZZ"}
    value = {"empty": b"", "not_json": b"{" + name.encode()}.get(reason)
    return Published(name.encode(), orjson.dumps(document) if value is None else value, None, reason)
