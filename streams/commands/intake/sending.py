"""Sends reports to an intake over HTTP, again and again until it has taken them."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from time import monotonic
from typing import Final

import msgspec

from streams.commands.intake.parts import Part
from streams.running.clients.https.addresses import Network
from streams.running.clients.https.answer import Failed, answer_of
from streams.running.clients.https.http_client import HttpAnswer, HttpClient, http_client

# After a failure, twice as long after each further one.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0

# A restart of Kafka takes seconds, and that of a machine minutes. Whoever waits for longer must look.
_MOST_SILENCE: Final = 600.0

_PATH: Final = "/v1/reports"
_OVER_QUOTA: Final = 429


class NotTaken(Exception):
    """The intake does not take reports. The message says why, and quotes nothing of them."""


@dataclass(frozen=True)
class _Anywhere:
    """Connections to wherever an address leads: the person who types it decides that."""

    # An answer takes at most 15 s: 10 s for a body to arrive, and 5 s for Kafka.
    request_seconds: float = 30.0

    def networks(self) -> Sequence[Network]:
        """All there are."""
        return (ip_network("0.0.0.0/0"), ip_network("::/0"))

    def tls(self) -> ssl.SSLContext:
        """By the certificate authorities of the system."""
        return ssl.create_default_context()


class _Refused(msgspec.Struct):
    index: int
    field: str
    detail: str


class _Said(msgspec.Struct):
    accepted: list[Mapping[str, object]]
    refused: list[_Refused] = []


class Sender:
    """Sends parts of a file to one intake, one after the other.

    `said` is called with a sentence before a longer pause.
    """

    def __init__(self, client: HttpClient, address: str, token: str, said: Callable[[str], None]) -> None:
        self._client = client
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._said = said
        self._has_answered = False
        self._told = ""

    async def send(self, part: Part) -> list[str | None]:
        """Send the reports of a part; return why each was refused, None for one that is confirmed.

        Waits as long as the intake asks for, and repeats what has broken off: a report counts once. Raises
        NotTaken if nobody is there at the first request, if an intake that was there does not come back, if
        the token is not valid, or if what answers is no intake.
        """
        answer = await self._answer(part)
        if answer.status == 401:
            raise NotTaken(
                f"{self._address} has no source with this token (HTTP 401): it must be that of a source with "
                "`scheme: bearer`"
            )
        if answer.status not in (202, 422):
            raise NotTaken(
                f"{self._address} refuses what was sent (HTTP {answer.status}): the address must be that of "
                "`tocsin intake`, or of a proxy that passes /v1/ to it"
            )
        return self._refusals(part, answer.body)

    async def _answer(self, part: Part) -> HttpAnswer:
        began, pause = monotonic(), _FIRST_PAUSE
        while True:
            answer = await self._client.request("POST", _PATH, body=part.body, headers=self._headers)
            if isinstance(answer, HttpAnswer):
                self._has_answered = True
                meaning = answer_of(answer.status, answer.headers, datetime.now(UTC))
                if not isinstance(meaning, Failed) or meaning.failure == "refused":
                    if pause == _FIRST_PAUSE:
                        self._told = ""
                    return answer
                if answer.status == _OVER_QUOTA:
                    # Not a failure: the intake says when it goes on.
                    began = monotonic()
            else:
                meaning = answer
            if not self._has_answered:
                raise NotTaken(
                    f"no intake answers at {self._address} ({meaning.why}): `tocsin intake` or `tocsin up` "
                    "must run there, or --to name another address"
                )
            if monotonic() - began > _MOST_SILENCE:
                raise NotTaken(f"{self._address} has taken nothing for ten minutes ({meaning.why})")
            wait = max(meaning.wait_seconds, pause)
            # Once for all parts that a quota puts off.
            if meaning.why != self._told:
                self._told = meaning.why
                self._said(f"{self._address}: {meaning.why}; trying again, the next time in {wait:.0f} s")
            await asyncio.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _refusals(self, part: Part, body: bytes) -> list[str | None]:
        try:
            said = msgspec.json.decode(body, type=_Said)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = _Said([])
        whys: list[str | None] = [None] * len(part.rows)
        for each in said.refused:
            if 0 <= each.index < len(whys):
                whys[each.index] = f"{each.field}: {each.detail}"
        if whys.count(None) != len(said.accepted):
            raise NotTaken(f"what answers at {self._address} is no intake: it does not say what it has taken")
        return whys


def connected(address: str) -> AbstractAsyncContextManager[HttpClient]:
    """A client for the intake at an address, with one connection."""
    return http_client(_Anywhere(), address, 1)
