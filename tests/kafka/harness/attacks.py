"""Records of publishers who want to stop a worker, fill its memory, hold its event loop or turn its clock.

Every attack stays within what a broker accepts: it comes from a client that may write to the topic.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping

import orjson
from confluent_kafka import Producer

from tests.kafka.harness.deployment import MODERATION, SOURCE, VERIFIED, Deployment
from tests.kafka.harness.reports import now_ms, report, rfc3339, take_it_down_request

# zstd packs repetitive bytes to a thousandth and less, so the broker's limit of 1 MiB allows these.
BOMB_BYTES = 60_000_000
HEADERS_OF_A_RECORD = 400_000

# More than half of the window in which a flood is recognised, several times over. A flooded source takes half
# a minute for them.
FLOOD_RECORDS = 3_000

# Each arms two clocks.
VICTIMS = 2_000

PartitionAttack = Callable[["Attacker", int], None]


class Attacker:
    """Publishes to the partitions of the topics of reports and outcomes. `sent` counts the records per
    attack.
    """

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment = deployment
        self.chance = random.Random(seed)
        self.sent: Counter[str] = Counter()
        self._producer = Producer(
            {
                "bootstrap.servers": deployment.bootstrap,
                "compression.type": "zstd",
                # Whole attacks in one batch: the unpacked size is what must be bounded.
                "linger.ms": 200,
                "batch.num.messages": 1_000_000,
                "batch.size": 400_000_000,
                "message.max.bytes": 400_000_000,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
                "log_level": 0,
            }
        )
        self._failed: list[str] = []

    def attack(self, name: str, partition: int) -> None:
        """Publish the records of one attack, and wait until the broker has them."""
        before = self.total
        self._name = name
        ATTACKS[name](self, partition)
        left = self._producer.flush(120)
        assert left == 0 and not self._failed, f"{name}: {left} not confirmed, failed: {self._failed[:3]}"
        assert self.total > before

    @property
    def total(self) -> int:
        """Number of records sent."""
        return sum(self.sent.values())

    def send(
        self,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: list[tuple[str, bytes]] | None = None,
        topic: str = SOURCE,
    ) -> None:
        """Queue one record."""
        name = self._deployment.name(topic)
        self._producer.produce(
            name, value, key, partition, headers=headers or [], on_delivery=self._delivered
        )
        self.sent[self._name] += 1

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))


def _decompression_bombs(attacker: Attacker, partition: int) -> None:
    for byte in b"[ \0":
        attacker.send(partition, bytes([byte]) * BOMB_BYTES)


def _brackets(attacker: Attacker, partition: int) -> None:
    attacker.send(partition, b"[],".ljust(3) * 7_000_000)
    attacker.send(partition, b"[" * 60_000)
    attacker.send(partition, b'{"a":' * 12_000)
    attacker.send(partition, b"[" + b"[]," * 20_000 + b"[]]")


def _headers(attacker: Attacker, partition: int) -> None:
    attacker.send(partition, b"{}", headers=[("", b"")] * HEADERS_OF_A_RECORD)
    attacker.send(partition, None, headers=[("h", b"x" * 900)] * 900)


def _empty_records(attacker: Attacker, partition: int) -> None:
    for _ in range(FLOOD_RECORDS):
        attacker.send(partition, None)


def _large_keys(attacker: Attacker, partition: int) -> None:
    for letter in "abcdefgh":
        attacker.send(partition, b"{}", letter.encode() * 900_000, [("h", letter.encode() * 900_000)])


def _forged_ticks(attacker: Attacker, partition: int) -> None:
    for applied in range(20):
        tick, report_type = ("ce_type", b"tocsin.tick.v1"), ("ce_type", b"tocsin.report.v1")
        envelope = [("ce_specversion", b"1.0"), ("ce_source", b"/forger"), ("ce_id", b"after-%d" % applied)]
        value = orjson.dumps({"after": applied, **report(f"forged-{applied}", now_ms())})
        for types in ([tick], [tick, report_type], [report_type, tick]):
            attacker.send(partition, value, b"forged", [*envelope, *types])


def _believed_headers(attacker: Attacker, partition: int) -> None:
    document = report("believed", now_ms())
    origin = b'{"topic":"message-reports","partition":0,"offset":0,"timestamp":0}'
    for name in ("tocsin-origin", "tocsin-not-unpacked", "tocsin-attempt", "tocsin-reason"):
        attacker.send(partition, orjson.dumps({**document, "category": "no-such"}), b"k", [(name, origin)])


def _long_sources(attacker: Attacker, partition: int) -> None:
    """In reports that are right otherwise: what is said of them must not become too large for its topic."""
    envelope = [("ce_specversion", b"1.0"), ("ce_type", b"tocsin.report.v1"), ("ce_id", b"long")]
    for number, sign in enumerate((b"/", b"\x01") * 4):
        reporter = {"kind": "user", "ref": f"long-{number}", "member": True, "account_age": "over_1y"}
        value = orjson.dumps(report(f"long-{number}", now_ms(), reporter=reporter))
        attacker.send(partition, value, b"k", [*envelope, ("ce_source", sign * 1_500_000)])


def _flood(attacker: Attacker, partition: int) -> None:
    for _ in range(FLOOD_RECORDS):
        attacker.send(partition, b"x")


def _victims(attacker: Attacker, partition: int) -> None:
    start = attacker.chance.randrange(1_000_000_000)
    for number in range(start, start + VICTIMS):
        attacker.send(partition, take_it_down_request(number, now_ms()).value, topic=VERIFIED)


def _claims(attacker: Attacker, partition: int) -> None:
    claims = (
        (
            SOURCE,
            {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger", "ref": "nobody"}},
        ),
        (SOURCE, {"kind": "automated_detection", "reporter": {"kind": "automated"}}),
        (SOURCE, {"kind": "statutory_victim_request", "reporter": {"kind": "user"}}),
        (VERIFIED, {"kind": "user_report", "reporter": {"kind": "user"}}),
        (VERIFIED, {"kind": "user_report", "reporter": {"kind": "state_actor"}}),
    )
    for topic, claim in claims:
        number = attacker.chance.randrange(1_000_000_000)
        value = orjson.dumps(report(f"claim-{number}", now_ms(), **claim))
        attacker.send(partition, value, topic=topic)


def _false_outcomes(attacker: Attacker, partition: int) -> None:
    now = now_ms()
    outcome = {
        "subject": {"kind": "report", "channel_ref": "honest-channel-1", "report_id": "honest-never"},
        "decision": "manifestly_unfounded",
        "category": "spam",
        "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": "fabricated",
        "decided_at": rfc3339(now),
        "reviewer": {"ref": "desk-1", "role": "desk"},
        "confidence": "two_agree",
    }
    lies = (
        {},
        {"decision": "upheld"},
        {"decided_at": rfc3339(now + 3_600_000)},
        {"subject": {"kind": "everything", "channel_ref": "honest-channel-1"}},
        {"sampled": 1e-400},
        {"reviewer": {"ref": "x" * 100_000, "role": "desk"}},
    )
    for number, lie in enumerate(lies * 10):
        value = orjson.dumps({"outcome_id": f"lie-{now}-{number}", **outcome, **lie})
        # As a credit, which only Tocsin writes, and as it is.
        for headers in ([], [("ce_type", b"tocsin.reporter-credit.v1")]):
            attacker.send(partition, value, b"k", headers, MODERATION)


# Legal records in large numbers (`victims`) are among them: they must not stop others either.
ATTACKS: Mapping[str, PartitionAttack] = {
    "decompression bombs": _decompression_bombs,
    "brackets": _brackets,
    "headers": _headers,
    "empty records": _empty_records,
    "large keys": _large_keys,
    "forged ticks": _forged_ticks,
    "believed headers": _believed_headers,
    "long sources": _long_sources,
    "flood": _flood,
    "victims": _victims,
    "claims": _claims,
    "false outcomes": _false_outcomes,
}
