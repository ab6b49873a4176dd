"""What people did, held back for some seconds so that they can undo it.

Nothing of it is written before. A console that is killed meanwhile has sent nothing; one that is told to end
sends it at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# A duty that is due within the minute must not wait for a change of mind.
URGENT_MS: Final = 60_000

# For how long a process that ends waits for the brokers. Mostly they take 50 ms.
_END_SECONDS: Final = 5.0

# Of how many acts of a person it is remembered what became of them: those of some minutes.
_REMEMBERED: Final = 50

Send = Callable[[], Awaitable[str | None]]
"""Sends what is held. Returns why it did not count, or None if it did."""


@dataclass(frozen=True, slots=True)
class Held:
    """Something that a person did, of which nothing is written so far.

    `about` is the id of the case, the request or the clock, `path` its page. `until_ms` is when it is sent,
    in ms since the epoch.
    """

    act_id: str
    about: str | None
    said: str
    path: str
    until_ms: int


class HeldActs:
    """What is held, by the pseudonym of who did it. `seconds` is for how long; 0 holds nothing."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._held: dict[str, dict[str, tuple[Held, asyncio.Task[None]]]] = {}
        self._became: dict[str, deque[tuple[str, str | None]]] = {}
        # What did not count and was not said so far.
        self._unsaid: dict[str, list[str]] = {}
        self._now = asyncio.Event()

    def holds_back(self, due_ms: int | None) -> bool:
        """Whether to hold an act back on something whose next duty is due then; None without one."""
        return self.seconds > 0 and (due_ms is None or due_ms - clock_ms() > URGENT_MS)

    def hold(self, person: str, act_id: str, about: str | None, said: str, path: str, send: Send) -> None:
        """Hold an act back. The same `act_id` again changes nothing."""
        held = self._held.setdefault(person, {})
        if act_id not in held:
            until_ms = clock_ms() + round(self.seconds * 1000)
            one = Held(act_id, about, said, path, until_ms)
            held[act_id] = one, asyncio.create_task(self._send_later(person, one, send))

    def of(self, person: str) -> list[Held]:
        """What is held of a person, the oldest first."""
        return [held for held, _ in self._held.get(person, {}).values()]

    def undo(self, person: str, act_id: str) -> Held | None:
        """Forget an act of a person. None if it is not held any more."""
        held = self._held.get(person, {}).pop(act_id, None)
        if held is None:
            return None
        held[1].cancel()
        return held[0]

    def became(self, person: str, act_id: str) -> str | None:
        """What became of an act that is not held any more, in words; None while it is."""
        if act_id in self._held.get(person, {}):
            return None
        for known, failed in self._became.get(person, ()):
            if known == act_id:
                return failed or "Sent."
        return "This console does not know what became of it. The page of the case shows what is known."

    def take_unsaid(self, person: str) -> list[str]:
        """What did not count of a person's acts since this was asked last."""
        return self._unsaid.pop(person, [])

    async def send_all(self) -> None:
        """Send at once what is held, before the process ends."""
        self._now.set()
        sending = [task for held in self._held.values() for _, task in held.values()]
        if sending:
            await asyncio.wait(sending, timeout=_END_SECONDS)

    async def _send_later(self, person: str, held: Held, send: Send) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._now.wait(), self.seconds)
        # From here on it cannot be undone.
        del self._held[person][held.act_id]
        try:
            failed = await send()
        except Exception:
            # Who did it must hear of it, whatever it is.
            logger.exception("an act that was held back was not sent", about=held.about)
            failed = "Something went wrong, and nobody knows whether it counted: look at the page again."
        self._became.setdefault(person, deque(maxlen=_REMEMBERED)).append((held.act_id, failed))
        if failed is not None:
            self._unsaid.setdefault(person, []).append(f"{held.said} {failed}")
