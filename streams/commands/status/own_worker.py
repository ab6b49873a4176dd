"""Asks the worker whose address the settings name what it says of itself at /status."""

from collections.abc import Mapping

import aiohttp
import msgspec

from streams.commands.status.facts import SetAside, WorkerPage
from streams.running.operations.http_address import http_address
from streams.running.worker.settings import Settings

# A worker answers within milliseconds, unless its event loop is blocked.
_ANSWER_SECONDS = 3.0

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where others listen


class _Aside(msgspec.Struct):
    waits_for: str = ""


class _Partition(msgspec.Struct):
    stage: str
    partition: int
    set_aside: _Aside | None = None
    resting: Mapping[str, str] = {}


class _Page(msgspec.Struct):
    ready: bool
    reason: str | None
    partitions: tuple[_Partition, ...]


_decode = msgspec.json.Decoder(_Page).decode


async def own_worker(settings: Settings) -> WorkerPage | None:
    """What the worker at TOCSIN_HTTP_HOST and TOCSIN_HTTP_PORT says; None unless the port is set."""
    if "http_port" not in settings.model_fields_set or settings.http_port == 0:
        return None
    host = _EVERY_ADDRESS.get(settings.http_host, settings.http_host)
    address = http_address(host, settings.http_port)
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{address}/status", allow_redirects=False) as answer,
        ):
            return page_of(address, await answer.read())
    except (aiohttp.ClientError, TimeoutError, OSError):
        return WorkerPage(address, answers=False)


def page_of(address: str, body: bytes) -> WorkerPage:
    """What a worker's answer says; as of nobody if it is not one of a worker."""
    try:
        page = _decode(body)
    except msgspec.DecodeError:
        return WorkerPage(address, answers=False)
    return WorkerPage(
        address,
        answers=True,
        reason=None if page.ready else page.reason or "it does not say why",
        set_aside=tuple(
            SetAside(each.stage, each.partition, each.set_aside.waits_for)
            for each in page.partitions
            if each.set_aside is not None
        ),
        resting=tuple(
            (each.stage, each.partition, topic, why)
            for each in page.partitions
            for topic, why in each.resting.items()
        ),
    )
