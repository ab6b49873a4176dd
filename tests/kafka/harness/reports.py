"""Generates seeded reports (good, repeated and bad) with what an independent reader expects of each."""

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.kafka.harness.law import DAY, HOUR, clocks_of_report

# Categories that the shipped policies treat differently: first report, distinct reporters, shadow, no policy.
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
# Countries whose law arms clocks, and some whose duties to victims have no fixed deadline.
VICTIMS = ("GB", "US", "IN", "AU", "GB", "US", "IN", "DE", "JP", "KR", "BR")
ELEMENTS = (
    "explanation",
    "location",
    "identity",
    "good_faith",
    "subject_or_authorised",
    "contact",
    "signature",
)
DECLARATIONS = ("intimate_image_content", "against_a_woman")
# The ages at which a clock of 2, 36 or 48 hours reaches half, reaches nine tenths, and lapses.
CROSSINGS = tuple(hours * HOUR * tenths // 10 for hours in (2, 2, 36, 48) for tenths in (5, 9, 10))
# Ages of reports whose clocks lapsed long ago; the older ones were received before the law changed in 2026.
OLD = (8 * DAY, 150 * DAY, 200 * DAY, 290 * DAY)
VERIFIED_KINDS = ("trusted_flagger_notice", "statutory_victim_request", "automated_detection")
KIND_OF = {"trusted_flagger": "trusted_flagger_notice", "automated": "automated_detection"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The fields of a good report that the oracle counts."""

    report_id: str
    channel: str
    category: str
    reporter_kind: str
    reporter_ref: str | None
    kind: str = "user_report"
    country: str = "XX"
    # The deadline (ms) of each clock that the report arms, by obligation.
    clocks: Mapping[str, int] = field(default_factory=dict)
    received_ms: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """A record to publish. `facts` is None if it must become a dead letter with `reason`."""

    key: bytes | None
    value: bytes
    facts: Any = None
    reason: str | None = None
    headers: Sequence[tuple[str, bytes]] = field(default=())


def source_of(record: Published) -> str:
    """The topic to which a report belongs by its kind; what cannot be read goes to that of users' reports."""
    try:
        kind = orjson.loads(record.value)["kind"]
    except (ValueError, LookupError, TypeError):
        return "message-reports"
    return "verified-reports" if kind in VERIFIED_KINDS else "message-reports"


def rfc3339(time_ms: int) -> str:
    """Format a time in UTC with milliseconds."""
    return (
        datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def to_ms(written: str) -> int:
    """Parse a time that `rfc3339` wrote into milliseconds since the epoch."""
    return round(datetime.fromisoformat(written).timestamp() * 1000)


def now_ms() -> int:
    """The wall clock in milliseconds since the epoch."""
    return int(time.time() * 1000)


def report(report_id: str, occurred_ms: int, **fields: object) -> dict[str, object]:
    """A valid report as a document; `fields` replace or add fields."""
    return {
        "report_id": report_id,
        "kind": "user_report",
        "occurred_at": rfc3339(occurred_ms),
        "channel": {"ref": "channel-1", "visibility": "public"},
        "category": "spam",
        **fields,
    }


def spam_report(number: int, channel: str, occurred_ms: int, category: str = "spam") -> Published:
    """A report by a member of `channel` whose account is old; each `number` is another reporter."""
    reporter = {"kind": "user", "ref": f"reporter-{number}", "member": True, "account_age": "over_1y"}
    document = report(
        f"s-{number}",
        occurred_ms,
        channel={"ref": channel, "visibility": "public"},
        reporter=reporter,
        category=category,
    )
    return Published(channel.encode(), orjson.dumps(document))


def take_it_down_request(number: int, occurred_ms: int) -> Published:
    """A victim's request that arms the 48-hour clock of the TAKE IT DOWN Act."""
    document = report(
        f"v-{number}",
        occurred_ms,
        kind="statutory_victim_request",
        channel={"ref": f"victims-{number}", "visibility": "public"},
        category="ncii",
        evidence=[{"country": "US", "basis": "victim", "confidence": 1.0}],
        notice={"elements": ["location", "good_faith", "contact", "signature"]},
    )
    return Published(b"any", orjson.dumps(document))


def generate(
    seed: int,
    count: int,
    *,
    channels: int = 200,
    duplicates: float = 0.01,
    bad: float = 0.005,
    notices: float = 0.01,
    soon_ms: int = 0,
    span_ms: int = 20_000,
) -> list[Published]:
    """Generate `count` records of the last `span_ms`: every window holds all of them, in any order.

    `notices` is the share of notices in the form that statutes require. Their clocks have hours left or
    lapsed long ago; with `soon_ms`, many of these clocks have a step due within that many milliseconds from
    now.
    """
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
            make = _notice if dice > 1 - notices else _good
            made.append(make(chance, seed, number, channels, start + chance.randrange(span_ms), soon_ms))
            good.append(made[-1])
    return made


def endless(seed: int) -> Iterator[Published]:
    """As many records as are asked for, made meanwhile: for traffic that flows as long as a test takes."""
    for piece in itertools.count():
        yield from generate(1_000 * seed + piece, 200)


def _good(
    chance: random.Random, seed: int, number: int, channels: int, occurred_ms: int, _soon_ms: int
) -> Published:
    # Squared, because in practice a few channels get most of the reports.
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
    facts = Facts(
        f"r-{seed}-{number}", channel, category, kind, ref, KIND_OF.get(kind, "user_report"), country or "XX"
    )
    return Published(channel.encode(), orjson.dumps(document), facts)


def _notice(
    chance: random.Random, seed: int, number: int, channels: int, occurred_ms: int, soon_ms: int
) -> Published:
    report_id, channel = f"r-{seed}-{number}", f"channel-{seed}-{int(channels * chance.random() ** 2)}"
    kind = chance.choice(("statutory_victim_request",) * 4 + ("user_report",))
    category = chance.choice(("ncii", "ncii_deepfake", "ncii", "ncii_deepfake", "harassment", "fraud"))
    victim, channel_country = (
        chance.sample(sorted(set(VICTIMS)), 2) if chance.random() < 0.2 else (None, None)
    )
    victim = victim or chance.choice(VICTIMS)
    missing = chance.sample(ELEMENTS, chance.choice((0, 0, 0, 1, 2)))
    elements = [element for element in ELEMENTS if element not in missing]
    declared = [said for said in DECLARATIONS if chance.random() < 0.7]
    if chance.random() < 0.2:
        received_ms = occurred_ms - chance.choice(OLD)
    elif soon_ms:
        received_ms = now_ms() + chance.randrange(soon_ms) - chance.choice(CROSSINGS)
    else:
        received_ms = occurred_ms
    ref = chance.choice((None, f"reporter-{chance.randrange(400)}"))
    document = report(
        report_id,
        occurred_ms,
        kind=kind,
        received_at=rfc3339(received_ms),
        channel={
            "ref": channel,
            "visibility": "private",
            **({"country": channel_country} if channel_country else {}),
        },
        category=category,
        message_ref=f"message-{chance.randrange(50)}",
        reporter={"kind": "user", **({"ref": ref} if ref else {})},
        evidence=[{"country": victim, "basis": "victim", "confidence": 0.9}],
        notice={"elements": elements, **({"declares": declared} if declared else {})},
    )
    countries = {victim, channel_country}
    clocks = clocks_of_report(kind, category, countries, [*elements, *declared], received_ms)
    facts = Facts(report_id, channel, category, "user", ref, kind, victim, clocks, received_ms)
    return Published(channel.encode(), orjson.dumps(document), facts)


def _bad(chance: random.Random, seed: int, number: int) -> Published:
    # No digits on both sides of a sign: that could be a telephone number, and the dead letter would keep
    # nothing.
    name = f"bad-{seed}x{number}"
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


def victims_request(number, channel, received_ms):
    """A report that arms the two-hour clock of India's IT Rules, r. 3(2)(b)."""
    document = report(
        f"v-{number}",
        now_ms(),
        kind="statutory_victim_request",
        received_at=rfc3339(received_ms),
        channel={"ref": channel, "visibility": "private"},
        category="ncii",
        evidence=[{"country": "IN", "basis": "victim", "confidence": 1.0}],
        notice={"elements": ["subject_or_authorised", "location"]},
    )
    return Published(channel.encode(), orjson.dumps(document))
