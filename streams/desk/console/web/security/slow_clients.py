"""Keeps clients that are slow, or that open very many pages, from using up the server.

uvicorn limits how long a connection may wait for its next request, but not how long a request may take to
arrive, how long an answer may take to be read, or how many connections there are.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from typing import Final, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 15.0
"""How long a request may take to arrive, and a connection may wait for its next one.

A form arrives within a second, also by telephone.
"""

# How long acts may take to be answered when the console ends, and open pages to come to their end. Both take
# milliseconds, or seconds on a machine that is busy with starting others; supervisors wait for 30.
CLOSE_SECONDS: Final = 10

# How long a client may read nothing while an answer waits. What fits into the buffers of the network does not
# wait.
_READING_SECONDS: Final = 30.0

# Every open page has one connection, and browsers keep a few more. Each takes some 20 KB. A console of a
# hundred people with five pages each has room for as many again.
MAX_CONNECTIONS: Final = 1_000


class OpenStream(NamedTuple):
    """An answer that lasts for as long as a page is open: whose page, and when it was opened, in seconds.

    What answers a request sets it as `stream` in the request's state.
    """

    viewer: str
    opened: float


class BoundedProtocol(H11Protocol):
    """A connection that is closed if its client is too slow, or if there are too many."""

    awaited_since = 0.0
    """Since when the request that is to come next is awaited, by the loop's clock."""

    _arriving: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by a new connection. Closes one if there are too many."""
        super().connection_made(transport)
        self.awaited_since = self.loop.time()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Called with what the client sent."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Called when an answer is complete."""
        super().on_response_complete()
        self.awaited_since = self.loop.time()
        self._watch()

    def pause_writing(self) -> None:
        """Called when the client does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(_READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Called when the client reads again."""
        super().resume_writing()
        _cancel(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection has ended."""
        _cancel(self._arriving)
        _cancel(self._unread)
        super().connection_lost(exc)

    @property
    def waits_for_request(self) -> bool:
        """Whether the client still has to send something: the rest of a request, or the first one."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return True
        return state is h11.IDLE and (self.cycle is None or self.conn.trailing_data[0] != b"")

    @property
    def awaits_request(self) -> bool:
        """Whether no request is being answered: none has come in full yet, or the last one was answered."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    @property
    def stream(self) -> OpenStream | None:
        """The stream that answers the client's request; None if it is another answer, or not known yet."""
        found: OpenStream | None = self.scope["state"].get("stream") if self.scope else None
        return found

    def _watch(self) -> None:
        # One time from the first byte to the last: a byte now and then does not prolong it.
        if not self.waits_for_request:
            _cancel(self._arriving)
            self._arriving = None
        elif self._arriving is None and not self.transport.is_closing():
            self._arriving = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _make_room(self) -> None:
        """Close the connection whose request is awaited for longest: an honest one arrives at once.

        If all are being answered, close the oldest stream of the client that has most; without a stream, this
        connection.
        """
        # One that was closed stays in the set until the loop's next round, which may accept a hundred before.
        open_ones = [
            each
            for each in self.connections
            if isinstance(each, BoundedProtocol) and not each.transport.is_closing()
        ]
        if len(open_ones) <= MAX_CONNECTIONS:
            return
        awaited = (each for each in open_ones if each is not self and each.awaits_request)
        longest = min(awaited, key=attrgetter("awaited_since"), default=None)
        (longest or _oldest_of_most(open_ones) or self).transport.abort()


def _oldest_of_most(connections: Iterable[BoundedProtocol]) -> BoundedProtocol | None:
    """The oldest stream of the client that has most; None if there is no stream."""
    streams = {each: stream for each in connections if (stream := each.stream) is not None}
    pages = Counter(stream.viewer for stream in streams.values())
    return min(streams, key=lambda each: (-pages[streams[each].viewer], streams[each].opened), default=None)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
