"""What `tocsin doctor` makes of answers that no broker of a test gives, and of ports where no broker is."""

import asyncio
import ssl

import pytest
import trustme

from streams.commands.doctor import addresses
from streams.commands.doctor.addresses import Broker, NotReached, Reached, reach
from streams.commands.doctor.append_time import Measured, clock_finding
from streams.commands.doctor.broker_settings import own_topic_finding, setting_findings
from streams.commands.doctor.brokers import look_at_brokers
from streams.commands.doctor.rights import (
    Unsaid,
    any_role_finding,
    role_findings,
    roles_named,
    unsaid_finding,
)
from streams.commands.doctor.topics import replica_finding
from streams.commands.doctor.transactions import _visible
from streams.contract.wire.times import MINUTE
from streams.running.log.connection import Connection
from streams.running.operations.access_rights import ROLES
from streams.running.topics.topic_catalogue import load_catalogue

CATALOGUE = load_catalogue()
NOW = 1_800_000_000_000


def at(ahead_ms, broker=1, trip=4):
    """A record sent now to a broker whose clock is ahead, and answered after its trip."""
    return Measured(broker, NOW, NOW + ahead_ms + trip // 2, NOW + trip)


@pytest.mark.parametrize(
    ("clocks", "verdict", "said"),
    [
        ([at(0), at(1, 2)], "ok", "agree within 4 ms"),
        ([at(0), at(300, 2)], "ok", "differ by 298 ms"),
        ([at(2 * MINUTE), at(0, 2)], "warning", "broker 1 is ahead of this one's by 0:01:59"),
        ([at(0), at(6 * MINUTE, 2)], "failed", "broker 2 is ahead of this one's by 0:05:59"),
        # Workers go on, with times that are as wrong.
        ([at(-6 * MINUTE), at(0, 2)], "warning", "broker 1 is behind this one's by 0:05:59"),
        ([at(0)], "not tried", "that of broker 2"),
    ],
)
def test_clocks(clocks, verdict, said):
    found = clock_finding(clocks, [1, 2])
    assert (found.verdict, said in found.found) == (verdict, True), found


def topic(name, *parts):
    """A topic as brokers describe it: leader, replicas and replicas in sync of each partition."""
    partitions = [
        {"partition": number, "leader": leader, "replicas": [*range(replicas)], "isr": [*range(isr)]}
        for number, (leader, replicas, isr) in enumerate(parts)
    ]
    return {"topic": name, "partitions": partitions}


@pytest.mark.parametrize(
    ("parts", "wanted", "verdict", "said"),
    [
        ([(1, 3, 3)], (3, 2), "ok", "take records while 1 broker is down"),
        ([(1, 3, 3), (1, 3, 1)], (3, 2), "failed", "p.claims 1"),
        ([(-1, 3, 3)], (3, 2), "failed", "no leader"),
        ([(1, 3, 2)], (3, 2), "warning", "not in sync"),
        ([(1, 2, 2)], (3, 2), "warning", "TOCSIN_REPLICATION_FACTOR=3"),
        ([(1, 2, 2)], (2, 2), "warning", "while one broker is down"),
        ([(1, 1, 1)], (1, 1), "warning", "lost"),
    ],
)
def test_replicas(parts, wanted, verdict, said):
    rows = [topic("p.claims", *parts), topic("claims", (-1, 1, 0))]
    found = replica_finding(rows, CATALOGUE, "p.", *wanted)
    assert (found.verdict, said in found.found) == (verdict, True), found
    assert replica_finding(rows, CATALOGUE, "q.", *wanted) is None


def test_topics_of_kafka_itself():
    transactions, offsets = "__transaction_state", "__consumer_offsets"
    both = [topic(transactions, (1, 3, 3)), topic(offsets, (1, 3, 3))]
    assert own_topic_finding(both, 3).verdict == "ok"
    assert "__consumer_offsets 0" in own_topic_finding([both[0], topic(offsets, (1, 3, 2))], 3).found
    assert own_topic_finding([both[0], topic(offsets, (1, 1, 1))], 3).verdict == "warning"
    assert own_topic_finding([topic(transactions, (-1, 3, 0)), both[1]], 3).verdict == "failed"
    assert own_topic_finding(both[:1], 3).verdict == "not tried"


def test_settings_of_brokers():
    good = {
        "log.cleaner.enable": "true",
        "transaction.max.timeout.ms": "900000",
        "transactional.id.expiration.ms": "604800000",
        "unclean.leader.election.enable": "false",
        "auto.create.topics.enable": "false",
    }
    (found,) = setting_findings({1: good, 2: {}})
    assert found.verdict == "ok"
    bad = {
        "log.cleaner.enable": "false",
        "transaction.max.timeout.ms": "10000",
        "transactional.id.expiration.ms": "3600000",
        "unclean.leader.election.enable": "true",
        "auto.create.topics.enable": "true",
    }
    found = list(setting_findings({1: good, 2: bad}))
    assert [each.verdict for each in found] == ["failed", "failed", "warning", "warning", "warning"]
    assert all(name in each.found for name, each in zip(bad, found, strict=True))
    assert found[1].remedy == "Set transaction.max.timeout.ms=20000 or more on the brokers."
    (refused,) = setting_findings("ClusterAuthorizationFailedError")
    assert refused.verdict == "not tried"


def test_readers_must_see_what_is_committed_and_nothing_else():
    every = [b"fenced", b"committed", b"aborted", b"open"]
    assert _visible([b"committed"], every).verdict == "ok"
    for wrong in ([], [b"committed", b"aborted"], [b"committed", b"open"], every):
        assert _visible(wrong, every).verdict == "failed"


def test_rights_that_are_lacking_are_named():
    everything = frozenset({"Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"})
    known = {(right.resource, "p." + right.name): everything for role in ROLES for right in role.rights}
    assert {each.verdict for each in role_findings(ROLES, known, "p.")} == {"ok"}
    # Nobody logs in: a warning. Somebody who may do everything: nothing is known of others.
    assert any_role_finding(known, "p.", logs_in=False).verdict == "warning"
    assert any_role_finding(known, "p.", logs_in=True).verdict == "not tried"
    known["topic", "p.claims"] = frozenset({"Read", "Describe"})
    del known["group", "p.tocsin"]
    (lacking,) = role_findings(roles_named(["worker"]), known, "p.")
    assert lacking.found == (
        "this user lacks Write of topic p.claims; DescribeConfigs of topic p.claims; Read of group p.tocsin"
    )
    assert "worker" not in any_role_finding(known, "p.", logs_in=True).found
    assert any_role_finding({}, "p.", logs_in=True).verdict == "warning"
    assert unsaid_finding(Unsaid("claims")).verdict == "not tried"


def at_port(answer, look, tls=None):
    """What `look` finds at the port of a server that does as `answer` says."""

    async def run():
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        async with server:
            return await look(server.sockets[0].getsockname()[1])

    return asyncio.run(run())


async def http(reader, writer):
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def silent(reader, writer):
    await reader.read()
    writer.close()


def plain(port):
    return reach(Connection("unused"), "127.0.0.1", port, "VARIABLE")


def test_what_is_no_broker_is_named_with_the_variable(monkeypatch):
    found = at_port(http, plain)
    assert isinstance(found, NotReached)
    assert found.found.endswith("answers in HTTP") and found.remedy.startswith("Correct VARIABLE: host:port")
    certificate, tls = (
        trustme.CA().issue_cert("127.0.0.1"),
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
    )
    certificate.configure_cert(tls)
    found = at_port(silent, plain, tls)
    assert "speaks TLS" in found.found and "TOCSIN_KAFKA_SECURITY_PROTOCOL=SSL" in found.remedy
    # Nothing ends this one but the limit.
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 0.1)
    assert "does not answer in Kafka's protocol" in at_port(silent, plain).found


def test_an_address_that_is_wrong_is_named_with_the_variable():
    for host, said in (("a..b", "the name a..b does not resolve"), ("127.0.0.1", "nothing listens")):
        found = asyncio.run(reach(Connection("unused"), host, 1, "VARIABLE"))
        assert said in found.found and "VARIABLE" in found.remedy


def test_old_brokers_and_those_that_cannot_be_reached_are_named(monkeypatch):
    new = {0: (3, 13), 1: (4, 18), 32: (1, 4), 22: (0, 6), 24: (0, 5), 26: (0, 5), 65: (0, 1), 66: (0, 2)}
    brokers = [Broker(number, "kafka", 9000 + number) for number in (1, 2)]

    def look(second):
        async def answer(_connection, _host, port, variable):
            return Reached(new, ()) if port == 9001 else second or NotReached("gone", f"See {variable}.")

        monkeypatch.setattr("streams.commands.doctor.brokers.reach", answer)
        return asyncio.run(look_at_brokers(Connection("unused"), brokers))

    assert [each.verdict for each in look(Reached(new, ()))] == ["ok", "ok"]
    unreached, version = look(None)
    assert (unreached.verdict, version.verdict) == ("failed", "ok")
    assert "advertised.listeners of broker 2" in unreached.remedy
    _, version = look(Reached({key: each for key, each in new.items() if key < 65}, ()))
    assert (
        version.verdict == "warning"
        and "broker 2 lacks DescribeTransactions (since Kafka 3.0)" in version.found
    )
    _, version = look(Reached(new | {0: (0, 5)}, ()))
    assert version.verdict == "failed" and "broker 2 lacks Produce (since Kafka 2.1)" in version.found
