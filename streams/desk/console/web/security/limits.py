"""How much one person, one address and one form may ask of the console."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_FORM_BYTES: Final = 64 * 1024
"""A form has a dozen short fields; one that chooses 500 cases has 40 KB."""

# Names whose last use is longest ago are forgotten. 10,000 take about 2 MB.
_MOST_NAMES = 10_000


class Limiter:
    """Lets each name through `burst` times at once, and `per_second` times a second after that."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Let a name through once. Returns 0, or how many seconds it must wait."""
        now = self._clock()
        left, at = self._left.pop(name, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, now)
        if len(self._left) > _MOST_NAMES:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second

    def __len__(self) -> int:
        return len(self._left)


def address_of(scope: Scope) -> str:
    """The address that a request came from.

    For IPv6 the network: its owner has all of its 2**64 addresses.
    """
    client = scope.get("client")
    host = client[0] if client else ""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return host


class BodyLimit:
    """Refuses a body that is too long, also one whose length nobody said before it was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count the bytes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_FORM_BYTES:
                raise too_large()
            return message

        await self._app(scope, counted, send)


def too_large() -> HTTPException:
    """The refusal of a form that is too long. The rest of it is not read."""
    return HTTPException(
        413, f"A form has at most {MAX_FORM_BYTES // 1024} KB.", headers={"Connection": "close"}
    )


def too_fast(seconds: float) -> HTTPException:
    """The refusal of who asks too often."""
    wait = int(seconds) + 1
    return HTTPException(
        429,
        f"That was too fast. Try again in {wait} s; nothing was done.",
        headers={"Retry-After": str(wait)},
    )
