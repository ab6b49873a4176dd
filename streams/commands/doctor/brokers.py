"""Whether the brokers are there: the addresses that the settings give, and those that brokers advertise."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from streams.commands.doctor.addresses import Broker, NotReached, Reached, addresses, reach
from streams.commands.doctor.finding import Finding, some
from streams.running.log.connection import Connection
from streams.running.topics.topic_problems import counted

BOOTSTRAP = "TOCSIN_KAFKA_BOOTSTRAP"

# Requests by Kafka's number for them, with the lowest version that workers need and the Kafka that has it.
_NEEDED: Mapping[str, tuple[int, int, str]] = {
    # Batches that are compressed with zstd.
    "Produce": (0, 7, "2.1"),
    "Fetch": (1, 10, "2.1"),
    "DescribeConfigs": (32, 1, "1.1"),
    "InitProducerId": (22, 0, "0.11"),
    "AddPartitionsToTxn": (24, 0, "0.11"),
    "EndTxn": (26, 0, "0.11"),
}

# Workers go on without these, but what a killed worker leaves open then holds up subscribers until another
# worker takes its partitions over.
_USEFUL: Mapping[str, tuple[int, int, str]] = {
    "DescribeTransactions": (65, 0, "3.0"),
    "ListTransactions": (66, 0, "3.0"),
}


async def look_at_bootstrap(connection: Connection) -> tuple[Finding, tuple[Broker, ...]]:
    """What is at the addresses of TOCSIN_KAFKA_BOOTSTRAP, and the brokers that they name if any."""
    brokers: tuple[Broker, ...] = ()
    wrong = []
    good = []
    given = list(addresses(connection.bootstrap_servers))
    answers = await asyncio.gather(*(reach(connection, host, port, BOOTSTRAP) for host, port in given))
    for (host, port), found in zip(given, answers, strict=True):
        if isinstance(found, NotReached):
            wrong.append(found)
        else:
            good.append(f"{host}:{port}")
            brokers = brokers or found.brokers
    if wrong:
        return (
            Finding(
                "bootstrap",
                "warning" if good else "failed",
                f"{BOOTSTRAP}={connection.bootstrap_servers}: " + "; ".join(each.found for each in wrong),
                " ".join(dict.fromkeys(each.remedy for each in wrong)),
            ),
            brokers,
        )
    if not brokers:
        return (
            Finding(
                "bootstrap",
                "failed",
                f"{some(good)} names no broker: the cluster has none that is up",
                "See the brokers' logs.",
            ),
            (),
        )
    return Finding("bootstrap", "ok", f"a broker answers at {some(good)} and lets this user in"), brokers


async def look_at_brokers(connection: Connection, brokers: Sequence[Broker]) -> list[Finding]:
    """Whether this machine reaches every broker where it says that it is, and which requests they know."""
    reached: dict[int, Reached] = {}
    wrong = []
    answers = await asyncio.gather(
        *(
            reach(connection, each.host, each.port, f"advertised.listeners of broker {each.node_id}")
            for each in brokers
        )
    )
    for broker, found in zip(brokers, answers, strict=True):
        if isinstance(found, NotReached):
            wrong.append(found)
        else:
            reached[broker.node_id] = found
    named = some([f"{each.node_id} at {each.host}:{each.port}" for each in brokers])
    if wrong:
        brokers_found = Finding(
            "brokers",
            "failed",
            f"{len(wrong)} of {counted(len(brokers), 'broker')} cannot be used from here: "
            + "; ".join(each.found for each in wrong),
            " ".join(dict.fromkeys(each.remedy for each in wrong)),
        )
    else:
        every = "the broker is" if len(brokers) == 1 else f"all {len(brokers)} brokers are"
        brokers_found = Finding("brokers", "ok", f"{every} reached where clients are sent: {named}")
    return [brokers_found, *_versions({number: each.requests for number, each in reached.items()})]


def _versions(requests: Mapping[int, Mapping[int, tuple[int, int]]]) -> Iterator[Finding]:
    if not requests:
        return
    missing = {number: list(_missing(known, _NEEDED)) for number, known in requests.items()}
    less = {number: list(_missing(known, _USEFUL)) for number, known in requests.items()}
    if any(missing.values()):
        yield Finding("version", "failed", _lacking(missing), "Upgrade the brokers: Kafka 3.0 or newer.")
    elif any(less.values()):
        yield Finding(
            "version",
            "warning",
            f"{_lacking(less)}, so what a killed worker leaves open holds up subscribers until another one "
            "takes its partitions over",
            "Upgrade the brokers: Kafka 3.0 or newer.",
        )
    else:
        yield Finding(
            "version", "ok", "the brokers know every request that Tocsin sends, as Kafka does from 3.0 on"
        )


def _missing(
    known: Mapping[int, tuple[int, int]], wanted: Mapping[str, tuple[int, int, str]]
) -> Iterator[str]:
    for name, (key, least, since) in wanted.items():
        if key not in known or known[key][1] < least:
            yield f"{name} (since Kafka {since})"


def _lacking(missing: Mapping[int, Sequence[str]]) -> str:
    return "; ".join(f"broker {number} lacks {some(each)}" for number, each in missing.items() if each)
