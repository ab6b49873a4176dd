import asyncio
from types import SimpleNamespace

import aiokafka
import pytest
from aiokafka.consumer import consumer
from aiokafka.consumer import fetcher as aiokafkas
from aiokafka.errors import KafkaConnectionError

from streams.running.patches import bounded_fetcher
from streams.running.patches.bounded_fetcher import BoundedFetcher
from streams.running.patches.closable_fetcher import ClosableFetcher


async def close_while_the_broker_is_away(kind):
    """Close a fetcher whose request has failed and waits for its next attempt."""

    async def send(*_):
        raise KafkaConnectionError

    made = kind.__new__(kind)
    made._client = SimpleNamespace(send=send)
    made._retry_backoff = 3600
    made._fetch_waiters = set()
    made._fetch_task = asyncio.create_task(asyncio.sleep(3600))
    request = asyncio.create_task(made._proc_fetch_request(None, 1, SimpleNamespace(topics=())))
    made._pending_tasks = {request}
    await asyncio.sleep(0.01)
    await made.close()
    return made._closed and request.done() and made._fetch_task.done()


def test_the_fetcher_closes_without_an_error_while_the_broker_is_away():
    assert asyncio.run(asyncio.wait_for(close_while_the_broker_is_away(ClosableFetcher), 5))


def test_aiokafkas_own_fetcher_still_raises():
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(close_while_the_broker_is_away(aiokafkas.Fetcher))


def test_consumers_use_the_closable_fetcher_once_installed(monkeypatch):
    monkeypatch.setattr(consumer, "Fetcher", aiokafkas.Fetcher)
    bounded_fetcher.install_bounded_fetcher()
    assert consumer.Fetcher is BoundedFetcher
    assert issubclass(BoundedFetcher, ClosableFetcher)
    assert "Fetcher" in aiokafka.AIOKafkaConsumer.start.__code__.co_names
