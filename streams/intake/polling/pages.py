"""What readers of systems have in common: pages of reports, each with the position after it."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from streams.contract.wire.times import DAY, moment_ms
from streams.running.clients.https.answer import NOT_DOCUMENTED, Failed, answer_of
from streams.running.clients.https.http_client import HttpClient

FIRST_LOOK_MS: Final = 7 * DAY
"""How far back a source is read that has no position yet.

The longest window of a built-in policy. Older reports could open nothing.
"""

Shape = TypeVar("Shape")


class Page(NamedTuple):
    """Reports as the system has them, oldest first, and where to go on after them (JSON).

    `refused`: how many the reader has left out, because they are none.
    """

    documents: list[Any]
    position: bytes
    refused: int = 0


class NoAnswer(Exception):
    """The system did not answer, or with something that its documentation does not say."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.why)
        self.refused = failed.failure == "refused"
        self.wait_seconds = failed.wait_seconds


class Reader(Protocol):
    """Reads the reports of one system."""

    def pages(self, position: bytes | None, now_ms: int) -> AsyncIterator[Page]:
        """What has been reported since a position, up to now.

        Without a position, of the last week. Raises NoAnswer.
        """


async def asked(client: HttpClient, path: str, headers: Mapping[str, str], shape: type[Shape]) -> Shape:
    """Ask for what is at a path, and decode it. Raises NoAnswer, which quotes nothing of an answer."""
    answer = await client.request("GET", path, headers=headers)
    if isinstance(answer, Failed):
        raise NoAnswer(answer)
    meaning = answer_of(answer.status, answer.headers, datetime.now(UTC))
    if isinstance(meaning, Failed):
        raise NoAnswer(meaning)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoAnswer(NOT_DOCUMENTED) from None


def read_as(document: Any, shape: type[Shape]) -> Shape:
    """What a reader needs of a report. Raises NoAnswer if it is not there."""
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError:
        raise NoAnswer(NOT_DOCUMENTED) from None


def read_time(text: str) -> int:
    """The time of a report (ms since the epoch). Raises NoAnswer if it is none."""
    try:
        return moment_ms(text)
    except ValueError:
        raise NoAnswer(NOT_DOCUMENTED) from None


def recalled(position: bytes, shape: type[Shape]) -> Shape | None:
    """Decode a kept position; None if another reader wrote it, so that reading begins as without one."""
    try:
        return msgspec.json.decode(position, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
