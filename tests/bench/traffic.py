"""Reports for the benchmark. They are seeded: only the start time changes their bytes."""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

# Reports follow Zipf's law over the channels: the largest gets an eleventh, as much as the smaller half
# together.
CHANNELS = 2_000
# The same with a long tail: most of these channels get one or two reports.
MANY_CHANNELS = (20_000, 200_000)
REPORTERS = 50_000
# Of each channel.
MESSAGES = 20

# The category that a channel is reported for; one report in ten has another.
CATEGORIES = (
    ("spam",) * 40 + ("fraud",) * 20 + ("harassment",) * 15 + ("hate",) * 10 + ("ip",) * 9 + ("doxxing",) * 5
)
# One channel in a hundred has a category that a policy escalates at the first report.
ESCALATED_AT_ONCE = ("csam", "ncii_deepfake", "threat_to_life")
COUNTRIES = ("DE", "FR", "PL", "US", "BR", "IN")
AGES = ("under_1w", "under_1m", "under_1y", "over_1y")
# Of decisions.
REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}

SOURCE_HEADER = ("ce_source", b"/bench/app")


class Report(NamedTuple):
    """A record for message-reports: a CloudEvent in binary mode."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def usual(
    count: int, begin_ms: int, span_ms: int, *, seed: int = 1, channels: int = CHANNELS
) -> Iterator[Report]:
    """Reports about `channels` channels, spread evenly over the span."""
    chance = random.Random(seed)
    for number in range(count):
        rank = int((channels + 1) ** chance.random())
        yield report(
            f"u{seed}-{number}", f"channel/{rank}", rank, begin_ms + span_ms * number // count, chance
        )


def all_new(count: int, begin_ms: int, span_ms: int, *, seed: int = 2) -> Iterator[Report]:
    """Reports that are each about a new channel."""
    chance = random.Random(seed)
    for number in range(count):
        yield report(
            f"n{seed}-{number}", f"new/{seed}/{number}", number, begin_ms + span_ms * number // count, chance
        )


def one_channel(count: int, begin_ms: int, span_ms: int, *, seed: int = 3) -> Iterator[Report]:
    """Reports that are all about one channel, by all reporters."""
    chance = random.Random(seed)
    for number in range(count):
        yield report(f"h{seed}-{number}", f"hot/{seed}", 1, begin_ms + span_ms * number // count, chance)


def decisions(
    count: int, begin_ms: int, span_ms: int, *, seed: int = 4, channels: int = CHANNELS
) -> Iterator[Report]:
    """Outcomes about `count` different messages of `usual`, spread evenly over the span.

    Two reviewers agree on each: 60 % were upheld, the others dismissed, a tenth of these as manifestly unfounded.
    """
    chance = random.Random(seed)
    decided: set[tuple[int, int]] = set()
    while len(decided) < count:
        rank, message = int((channels + 1) ** chance.random()), chance.randrange(MESSAGES)
        if (rank, message) in decided:
            continue
        number = len(decided)
        decided.add((rank, message))
        channel = f"channel/{rank}"
        decision = chance.choices(tuple(REASONS), (60, 36, 4))[0]
        value = (
            f'{{"outcome_id":"o{seed}-{number}","subject":{{"kind":"message","channel_ref":"{pseudonym(channel)}",'
            f'"message_ref":"{pseudonym(f"message/{message}/{channel}")}"}},"decision":"{decision}",'
            f'"category":"{CATEGORIES[rank % len(CATEGORIES)]}","ground":{{"kind":"terms","rule":"scams-2.1"}},'
            f'"reason":"{REASONS[decision]}","decided_at":"{rfc3339(begin_ms + span_ms * number // count)}",'
            f'"reviewer":{{"ref":"desk-{number % 30}","role":"desk"}},"confidence":"two_agree"}}'
        )
        yield Report(pseudonym(channel).encode(), value.encode(), [])


def without_removed(reports: Iterable[Report], outcomes: Iterable[Report]) -> Iterator[Report]:
    """The reports, which are about other messages of their channels once one was removed.

    `outcomes` are those of `decisions`, and removed is what was upheld.
    """
    removed = {}
    for outcome in map(json.loads, (outcome.value for outcome in outcomes)):
        if outcome["decision"] == "upheld":
            removed[outcome["subject"]["message_ref"].encode()] = outcome["decided_at"].encode()
    for one in reports:
        message = _after(b'"message_ref":"', one.value)
        gone = removed.get(message)
        if gone is None or _after(b'"occurred_at":"', one.value) < gone:
            yield one
        else:
            yield one._replace(
                value=one.value.replace(message, pseudonym(f"after/{message.decode()}").encode())
            )


def _after(what: bytes, value: bytes) -> bytes:
    """The string that follows."""
    begin = value.index(what) + len(what)
    return value[begin : value.index(b'"', begin)]


def report(report_id: str, channel: str, rank: int, occurred_ms: int, chance: random.Random) -> Report:
    """A report; `rank` selects the usual category of its channel."""
    category = CATEGORIES[rank % len(CATEGORIES)] if chance.random() < 0.9 else "unspecified"
    if rank % 100 == 99:
        category = ESCALATED_AT_ONCE[rank % len(ESCALATED_AT_ONCE)]
    ref = pseudonym(channel)
    country = COUNTRIES[rank % len(COUNTRIES)]
    dice = chance.random()
    kind, extra = "user_report", ""
    if dice < 0.8:
        person = chance.randrange(REPORTERS)
        age = AGES[person % len(AGES)]
        member = "true" if person % 3 else "false"
        reporter = (
            f'"kind":"user","ref":"{pseudonym(f"person/{person}")}","country":"{COUNTRIES[person % 6]}",'
            f'"member":{member},"account_age":"{age}"'
        )
    elif dice < 0.9:
        reporter = '"kind":"anonymous"'
    elif dice < 0.97:
        kind, reporter = "automated_detection", '"kind":"automated"'
        extra = f',"classifier":{{"name":"scan","version":"7","score":{chance.randrange(300, 990) / 1000}}}'
    else:
        kind, reporter = "trusted_flagger_notice", f'"kind":"trusted_flagger","ref":"flagger-{rank % 20}"'
        extra = ',"notice":{"elements":["explanation","location","identity","good_faith"]}'
    time = rfc3339(occurred_ms)
    value = (
        f'{{"report_id":"{report_id}","kind":"{kind}","occurred_at":"{time}",'
        f'"channel":{{"ref":"{ref}","visibility":"public","country":"{country}","language":"de"}},'
        f'"message_ref":"{pseudonym(f"message/{chance.randrange(MESSAGES)}/{channel}")}","category":"{category}",'
        f'"reporter":{{{reporter}}},'
        f'"evidence":[{{"country":"{country}","basis":"offence","confidence":0.8}}]{extra}}}'
    )
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", report_id.encode()),
        SOURCE_HEADER,
        ("ce_type", b"tocsin.report.v1"),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]
    return Report(ref.encode(), value.encode(), headers)


def pseudonym(name: str) -> str:
    """A ref like those that a publisher derives with an HMAC."""
    return blake2b(name.encode(), digest_size=16).hexdigest()


def rfc3339(time_ms: int) -> str:
    """Format a time in UTC with milliseconds."""
    return (
        datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
