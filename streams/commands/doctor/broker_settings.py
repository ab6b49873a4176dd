"""What brokers are set to, where Tocsin relies on it, and the topics that Kafka has for itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from streams.commands.doctor.finding import Finding, Verdict, some
from streams.running.log.log import TRANSACTION_SECONDS
from streams.running.log.writer import UNUSED_SECONDS
from streams.running.topics.topic_problems import counted

OWN_TOPICS = "Kafka's own topics"

TRANSACTIONS = "__transaction_state"
_NAMES = (TRANSACTIONS, "__consumer_offsets")


class _Wanted(NamedTuple):
    """A setting of brokers: the value that is wanted, or the least number of milliseconds."""

    value: str | int
    verdict: Verdict
    why: str


_WANTED: Mapping[str, _Wanted] = {
    "log.cleaner.enable": _Wanted("true", "failed", "without it state grows without an end"),
    "transaction.max.timeout.ms": _Wanted(
        TRANSACTION_SECONDS * 1000, "failed", "workers ask for that much time for a transaction"
    ),
    "transactional.id.expiration.ms": _Wanted(
        int(UNUSED_SECONDS * 1000),
        "warning",
        "a worker without traffic writes once a day, and would lose its transactional id",
    ),
    "unclean.leader.election.enable": _Wanted(
        "false", "warning", "with it a broker that was down can undo what was committed"
    ),
    "auto.create.topics.enable": _Wanted(
        "false", "warning", "with it a mistyped name makes a topic instead of an error"
    ),
}

DELETION = "delete.topic.enable"


async def broker_settings(
    admin: AIOKafkaAdminClient, brokers: Sequence[int]
) -> dict[int, Mapping[str, str]] | str:
    """The settings in force by broker; the error if this user may not read them. Raises KafkaError."""
    names = dict.fromkeys([*_WANTED, DELETION])
    resources = [ConfigResource(ConfigResourceType.BROKER, str(each), names) for each in brokers]
    found: dict[int, Mapping[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            if code:
                return str(for_code(code).__name__)
            found[int(name)] = {entry[0]: entry[1] for entry in entries}
    return found


def setting_findings(found: Mapping[int, Mapping[str, str]] | str) -> Iterator[Finding]:
    """Which settings of brokers differ from what Tocsin relies on."""
    if isinstance(found, str):
        yield Finding(
            "broker settings",
            "not tried",
            f"this user may not read them ({found}), so {', '.join(_WANTED)} are unknown",
            "Ask who runs the brokers, or grant DescribeConfigs of the cluster for this command.",
        )
        return
    wrong = [(number, name, known[name]) for number, known in found.items() for name in _wrong(known)]
    if not wrong:
        yield Finding(
            "broker settings",
            "ok",
            "the cleaner runs, transactions may last as long as workers ask for, no unclean election, no "
            "topic that a mistyped name makes",
        )
    for name in dict.fromkeys(name for _, name, _ in wrong):
        wanted = _WANTED[name]
        values = [f"{value} on broker {number}" for number, each, value in wrong if each == name]
        yield Finding(
            "broker settings",
            wanted.verdict,
            f"{name} is {some(values)}: {wanted.why}",
            f"Set {name}={wanted.value}{' or more' if isinstance(wanted.value, int) else ''} on the brokers.",
        )


def _wrong(known: Mapping[str, str]) -> Iterator[str]:
    for name, wanted in _WANTED.items():
        # Implementations other than Apache's lack some of them.
        if name not in known:
            continue
        if isinstance(wanted.value, int):
            if int(known[name]) < wanted.value:
                yield name
        elif known[name] != wanted.value:
            yield name


def own_topic_finding(rows: Sequence[Mapping[str, Any]], replicas: int) -> Finding:
    """Whether Kafka's topics for transactions and offsets survive the loss of a broker as Tocsin's do."""
    found = {row["topic"]: row["partitions"] for row in rows if row["topic"] in _NAMES}
    missing = [name for name in _NAMES if name not in found]
    without = [
        f"{name} {part['partition']}" for name, parts in found.items() for part in parts if part["leader"] < 0
    ]
    few = {name: min(len(part["replicas"]) for part in parts) for name, parts in found.items() if parts}
    fewer = [f"{name} has {number}" for name, number in few.items() if number < replicas]
    if without:
        return Finding(
            OWN_TOPICS,
            "failed",
            f"{some(without)} without a leader: workers whose transactions or group are there wait",
            "Start the brokers that are down.",
        )
    behind = [
        f"{name} {part['partition']}"
        for name, parts in found.items()
        for part in parts
        if len(part["isr"]) < len(part["replicas"])
    ]
    if behind:
        return Finding(
            OWN_TOPICS,
            "warning",
            f"replicas that are not in sync: {some(behind)}",
            "Start the brokers that are down, or see in their logs why they are behind.",
        )
    if fewer:
        return Finding(
            OWN_TOPICS,
            "warning",
            f"fewer replicas than TOCSIN_REPLICATION_FACTOR={replicas}: {', '.join(fewer)}; while the broker "
            "that has them is down no worker can write",
            "Reassign them to more brokers (kafka-reassign-partitions.sh), and set "
            "transaction.state.log.replication.factor and offsets.topic.replication.factor.",
        )
    if missing:
        return Finding(
            OWN_TOPICS,
            "not tried",
            f"{', '.join(missing)} cannot be seen: this user may not, or Kafka has not needed it yet",
            "Grant Describe of it for this command, or run it again when a worker has run.",
        )
    return Finding(
        OWN_TOPICS,
        "ok",
        ", ".join(f"{name} has {counted(number, 'replica')}" for name, number in few.items()),
    )
