import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import errors as kafka_errors
from structlog.testing import capture_logs

from streams.running.errors import RefusedToStart
from streams.running.identity import former_transactional_id, ids_of_instance, new_transactional_id
from streams.running.log import fencing, predecessor
from streams.running.log.predecessor import end_predecessor
from streams.running.patches.producer import KafkaProducer
from streams.running.patches.transaction_requests import DescribeTransactions, ListTransactions

OWN = new_transactional_id("p.", "pod-1")
DEAD = new_transactional_id("p.", "pod-1")


class Client(KafkaProducer):
    """Two brokers with the given open transactions each; `failures` are raised first."""

    def __init__(self, *at_brokers, failures=()):
        self.client = self
        self.at_brokers = at_brokers
        self.failures = list(failures)
        self.fenced = []
        brokers = [SimpleNamespace(nodeId=number) for number in range(len(at_brokers))]
        self.cluster = SimpleNamespace(brokers=lambda: brokers)

    async def coordinator_lookup(self, _kind, _key):
        return 0

    def force_metadata_update(self):
        return asyncio.ensure_future(asyncio.sleep(0))

    async def send(self, node, request, group=None):  # noqa: ARG002
        if isinstance(request, DescribeTransactions):
            return SimpleNamespace(transaction_states=[(0, "", "Ongoing", 0, 1_000, 7, 0, [], {})])
        if not isinstance(request, ListTransactions):
            self.fenced.append(request._transactional_id)
            return SimpleNamespace(error_code=0)
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, int):
                return SimpleNamespace(error_code=failure)
            raise failure
        rows = [(each, 7, "Ongoing", {}) for each in self.at_brokers[node]]
        return SimpleNamespace(error_code=0, transaction_states=rows)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fencing, "_PAUSE_SECONDS", 0.001)


def end(client):
    with capture_logs() as logs:
        asyncio.run(end_predecessor(client, "p.", "pod-1", OWN))
    return [line for line in logs if line["log_level"] != "debug"]


def test_what_the_instance_left_open_at_any_broker_is_fenced():
    other = new_transactional_id("p.", "pod-1")
    client = Client([OWN, DEAD], [other])
    (line,) = end(client)
    assert sorted(client.fenced) == line["ids"] == sorted([DEAD, other])
    assert line["log_level"] == "info"


@pytest.mark.parametrize(
    "stranger",
    [
        "p.tocsin-pod-10-0123456789ab",
        "p.tocsin-pod-0123456789ab",
        "p.tocsin-pod-1-0123456789ab-0123456789ab",
        "other.p.tocsin-pod-1-0123456789ab",
        "p-tocsin-pod-1-0123456789ab",
        "p.tocsin-pod-1-0123456789abc",
        "p.tocsin-pod-1-host",
        former_transactional_id("p.", "pod-1", 7),
    ],
)
def test_no_other_id_is_touched(stranger):
    client = Client([stranger])
    assert end(client) == []
    assert client.fenced == []


def test_characters_of_an_instance_are_no_pattern():
    assert not ids_of_instance("", "a.b").fullmatch(new_transactional_id("", "axb"))
    assert ids_of_instance("", "a.b").fullmatch(new_transactional_id("", "a.b"))


@pytest.mark.parametrize("failure", [kafka_errors.NodeNotReadyError(), 14])
def test_a_broker_that_is_not_ready_is_asked_again(failure):
    client = Client([DEAD], failures=[failure])
    end(client)
    assert client.fenced == [DEAD]


@pytest.mark.parametrize(
    "failure", [kafka_errors.IncompatibleBrokerVersion("old"), NotImplementedError("newer"), 31]
)
def test_a_broker_that_cannot_tell_is_no_reason_not_to_start(failure):
    (line,) = end(Client([DEAD], failures=[failure]))
    assert line["log_level"] == "warning"
    assert "until its partitions are taken over" in line["event"]


def test_a_broker_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(predecessor, "ENDING_SECONDS", 0.05)

    async def never(*_, **__):
        await asyncio.sleep(60)

    client = Client([DEAD])
    client.send = never
    (line,) = end(client)
    assert line["log_level"] == "warning"


def test_a_user_who_may_not_use_the_id_is_told_which_right_is_missing(monkeypatch):
    async def refused(_client, transactional_id):
        raise fencing.not_allowed(transactional_id)

    monkeypatch.setattr(predecessor, "fence", refused)
    with pytest.raises(RefusedToStart, match="grant Write and Describe"):
        end(Client([DEAD]))
