import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log import fencing
from streams.running.log.fencing import fence, offsets_by_time
from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import END, FoundOffset
from streams.running.patches.producer import KafkaProducer
from streams.running.patches.transaction_requests import DescribeTransactions


def described_as(state, code=0):
    return SimpleNamespace(transaction_states=[(code, "dead", state, 0, 1_000, 7, 0, [], {})])


class Client(KafkaProducer):
    """Answers each request with the next of `answers`: an error, or what the request returns."""

    def __init__(self, *answers):
        self.client = self
        self.answers = list(answers)
        self.sent = []
        # No transaction.
        self.described = described_as("Empty")
        self.cluster = SimpleNamespace(leader_for_partition=lambda tp: tp.partition % 2)

    async def coordinator_lookup(self, _kind, _key):
        return 1

    def force_metadata_update(self):
        return asyncio.ensure_future(asyncio.sleep(0))

    async def send(self, node, request, group=None):  # noqa: ARG002
        if isinstance(request, DescribeTransactions):
            return self.described(request) if callable(self.described) else self.described
        self.sent.append((node, request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            raise answer
        return answer(request) if callable(answer) else answer


def code(error):
    return SimpleNamespace(error_code=error.errno)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fencing, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(fencing, "ANSWER_SECONDS", 0.1)


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 5))


def test_a_producer_is_fenced_only_when_its_transaction_is_ended():
    """Taking the first answer for the end would let its records appear after the state was read."""
    busy = code(kafka_errors.ConcurrentTransactions)
    client = Client(busy, busy, code(kafka_errors.NoError))
    run(fence(client, "dead"))
    assert len(client.sent) == 3


@pytest.mark.parametrize(
    "answer",
    [
        code(kafka_errors.NotCoordinatorError),
        code(kafka_errors.CoordinatorLoadInProgressError),
        kafka_errors.NodeNotReadyError,
        kafka_errors.RequestTimedOutError,
    ],
)
def test_a_coordinator_that_moves_is_asked_again(answer):
    client = Client(answer, code(kafka_errors.NoError))
    run(fence(client, "dead"))
    assert len(client.sent) == 2


@pytest.mark.parametrize(
    "answer", [kafka_errors.NodeNotReadyError, code(kafka_errors.ConcurrentTransactions)]
)
def test_a_producer_that_cannot_be_fenced_ends_the_takeover(answer):
    with pytest.raises(OwnershipLost):
        run(fence(Client(answer), "dead"))


def test_a_user_who_may_not_fence_is_told_what_to_grant():
    with pytest.raises(RefusedToStart, match="may not use the transactional id dead: grant Write"):
        run(fence(Client(code(kafka_errors.TransactionalIdAuthorizationFailed)), "dead"))


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ("CompleteCommit", LeftOpen()),
        # Its process ended it between the two requests.
        ("Ongoing", LeftOpen()),
        ("PrepareEpochFence", LeftOpen(aborted_since=1_000)),
        ("CompleteAbort", LeftOpen(aborted_since=1_000)),
        ("Dead", None),
    ],
)
def test_who_fences_knows_what_may_be_left_open(state, left):
    client = Client(code(kafka_errors.NoError))
    client.described = described_as(state)
    assert run(fence(client, "dead")) == left


def test_brokers_that_cannot_tell_fence_all_the_same():
    def refuse(_request):
        raise kafka_errors.IncompatibleBrokerVersion("old")

    client = Client(code(kafka_errors.NoError))
    for client.described in (refuse, described_as("", 105)):
        assert run(fence(client, "dead")) is None
    assert len(client.sent) == 2


def test_the_ends_of_logs_are_asked_for_with_open_transactions_one_request_a_leader():
    def ends(request):
        assert request._isolation_level == 0
        return SimpleNamespace(
            topics=[(topic, [(n, 0, -1, 100 + n) for n, _ in rows]) for topic, rows in request._topics]
        )

    client = Client(ends)
    tps = [TopicPartition(topic, n) for topic in ("a", "b") for n in range(3)]
    found = run(offsets_by_time(client, dict.fromkeys(tps, END)))
    assert found == {tp: FoundOffset(100 + tp.partition, -1) for tp in tps}
    assert sorted(node for node, _ in client.sent) == [0, 1]


def test_a_leader_that_moves_is_asked_again():
    def moved(_request):
        return SimpleNamespace(topics=[("a", [(0, kafka_errors.NotLeaderForPartitionError.errno, -1, -1)])])

    def end(_request):
        return SimpleNamespace(topics=[("a", [(0, 0, -1, 7)])])

    tp = TopicPartition("a", 0)
    assert run(offsets_by_time(Client(moved, end), {tp: 1_000})) == {tp: FoundOffset(7, -1)}
