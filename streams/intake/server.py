"""The address that takes reports: POST /v1/reports and POST /v1/sources/NAME."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from aiokafka import AIOKafkaProducer

from streams.intake.metrics import Fate, IntakeMetrics
from streams.intake.publishing import publish
from streams.intake.quota import Quota
from streams.intake.reports import Accepted, NotReadable, Reading, ReportReader
from streams.intake.send_times import SendTimes
from streams.intake.sources import IntakeSource
from streams.intake.verification import Bearer, why_not_verified
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# 1,000 reports of a kilobyte. What a service sends about one report takes some tens of kilobytes.
MOST_BODY_BYTES: Final = 1024 * 1024

# A body comes within seconds from any service; who takes longer holds a connection.
_BODY_SECONDS: Final = 10.0

# Anybody can send wrong requests. A line a minute of a kind tells an operator as much as all of them; metrics
# count each.
_SAY_SECONDS: Final = 60.0

_REPORTS: Final = "/v1/reports"
_SOURCE: Final = "/v1/sources/"


class IntakeServer:
    """Answers requests. A report is taken (202) once Kafka has confirmed it, and not before."""

    def __init__(
        self,
        sources: Mapping[str, IntakeSource],
        reader: ReportReader,
        producer: AIOKafkaProducer,
        topic_prefix: str,
        metrics: IntakeMetrics,
    ) -> None:
        self._sources = sources
        self._reader = reader
        self._producer = producer
        self._prefix = topic_prefix
        self._metrics = metrics
        self._send_times = SendTimes()
        self._said_at: dict[tuple[str, str], float] = {}
        now = time.monotonic()
        self._quotas = {name: Quota.full(source.reports_per_minute, now) for name, source in sources.items()}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        began = None
        try:
            self._check_request(request)
            headers = {name.lower(): value for name, value in request.headers.items()}
            # Nobody without a token sends a body that is read.
            known = self._owner_of_token(headers) if request.path == _REPORTS else None
            body = await _body(request)
            began = time.monotonic()
            source = known or self._signer(request.path, headers, body)
            response = await self._take(source, headers, body)
        except _Refusal as refusal:
            response = _json(refusal.status, {"error": refusal.why})
            response.headers.update(refusal.headers)
        if began is not None:
            self._metrics.answer.observe(time.monotonic() - began)
        self._metrics.requests.add((str(response.status),))
        return response

    def _check_request(self, request: web.BaseRequest) -> None:
        if request.path != _REPORTS and not request.path.startswith(_SOURCE):
            raise _Refusal(404, f"reports are taken at {_REPORTS} and {_SOURCE}NAME")
        if request.method != "POST":
            raise _Refusal(405, "only POST", {"Allow": "POST"})
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            # A kilobyte can unpack to a gigabyte.
            raise _Refusal(415, "send the body as it is, without Content-Encoding")

    async def _take(self, source: IntakeSource, headers: Mapping[str, str], body: bytes) -> web.Response:
        now_ms = clock_ms()
        try:
            reading = self._reader.reports(source, body, headers, now_ms)
        except NotReadable as error:
            raise _Refusal(400, str(error)) from None
        self._take_from_quota(source, len(reading.accepted) + len(reading.refused))
        if reading.accepted and not await self._published(reading.accepted):
            self._count(source, "not_confirmed", len(reading.accepted))
            raise _Refusal(503, "Kafka has not confirmed the reports; send them again", {"Retry-After": "5"})
        self._count(source, "published", len(reading.accepted))
        self._count(source, "refused", len(reading.refused))
        if reading.refused:
            first = reading.refused[0]
            self._say(source, "refused reports", field=first.field, reason=first.reason)
        return _json(422 if reading.refused else 202, _said(reading))

    async def _published(self, accepted: Sequence[Accepted]) -> bool:
        await self._send_times.next()
        return await publish(self._producer, self._prefix, accepted, self._metrics)

    def _owner_of_token(self, headers: Mapping[str, str]) -> IntakeSource:
        for source in self._sources.values():
            scheme = source.scheme
            if isinstance(scheme, Bearer) and why_not_verified(scheme, headers, b"", time.time()) is None:
                return source
        raise _Refusal(
            401, "there is no Authorization: Bearer with a valid token", {"WWW-Authenticate": "Bearer"}
        )

    def _signer(self, path: str, headers: Mapping[str, str], body: bytes) -> IntakeSource:
        named = self._sources.get(path.removeprefix(_SOURCE))
        # What an unknown name hears is no more than what a stranger hears of a known one.
        why = "no such source, or the request is not signed as its file says"
        if named is not None:
            reason = (
                "it is asked, and sends nothing"
                if named.scheme is None
                else why_not_verified(named.scheme, headers, body, time.time())
            )
            if reason is None:
                return named
            self._say(named, "request not verified", reason=reason)
        raise _Refusal(401, why)

    def _take_from_quota(self, source: IntakeSource, reports: int) -> None:
        wait = self._quotas[source.name].wait_for(reports, time.monotonic())
        if wait > 0:
            self._count(source, "over_quota", reports)
            raise _Refusal(
                429,
                f"more than {source.reports_per_minute} reports a minute; send these again later",
                {"Retry-After": str(math.ceil(wait))},
            )

    def _say(self, source: IntakeSource, what: str, **details: str) -> None:
        """Log what is wrong with a source, once a minute."""
        now = time.monotonic()
        if now - self._said_at.get((source.name, what), -_SAY_SECONDS) >= _SAY_SECONDS:
            self._said_at[source.name, what] = now
            logger.warning(what, source=source.name, **details)

    def _count(self, source: IntakeSource, fate: Fate, number: int) -> None:
        self._metrics.reports.add((source.name, fate), number)


class _Refusal(Exception):
    """An answer that is no 202. `why` says nothing of the body."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers or {}


async def _body(request: web.BaseRequest) -> bytes:
    try:
        if request.content.is_eof():
            # It came with the headers, as most do.
            return await request.read()
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise _Refusal(408, "the body took too long", {"Connection": "close"}) from None
    except ConnectionError:
        # Nobody hears this: it is only counted. A telephone that loses its network does that.
        raise _Refusal(400, "the body broke off", {"Connection": "close"}) from None
    except web.HTTPRequestEntityTooLarge:
        raise _Refusal(413, f"at most {MOST_BODY_BYTES:,} bytes", {"Connection": "close"}) from None


def _said(reading: Reading) -> dict[str, Any]:
    """What an answer says. The refs, so that a platform can find what desks speak of; never a reporter's."""
    said: dict[str, Any] = {
        "accepted": [
            {
                "report_id": each.report.report_id,
                "channel_ref": each.report.channel.ref,
                "message_ref": each.report.message_ref,
            }
            for each in reading.accepted
        ]
    }
    if reading.refused:
        said["refused"] = [
            {
                "index": each.index,
                "field": each.field,
                "from": each.path,
                "reason": each.reason,
                "detail": each.detail,
            }
            for each in reading.refused
        ]
    if reading.is_other:
        said["ignored"] = "the mapping says that this is no report"
    return said


def _json(status: int, document: Mapping[str, Any]) -> web.Response:
    body = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(
        status=status, body=body, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
