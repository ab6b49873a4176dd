"""Saves the state once a day, and keeps the newest saves."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tocsin_up.processes import Command, StartFailed

_DAY_SECONDS: Final = 24 * 3600
# After a save that failed. What failed may be over by then: a full disk, a broker that was away.
_AGAIN_SECONDS: Final = 3600
# A machine that slept wakes up late, so time is looked at instead of waited for.
_LOOK_SECONDS: Final = 30.0

_SUFFIX: Final = ".state"

Saving = Callable[[Path], Command]


class Saves:
    """The saves in a folder. `last_failure` says when and how the last attempt failed, None if it did not."""

    def __init__(self, folder: Path, most: int, saving: Saving, say: Callable[[str], None]) -> None:
        self.last_failure: str | None = None
        self.running: Command | None = None
        self._folder = folder
        self._most = most
        self._saving = saving
        self._say = say
        self._not_before = 0.0

    def kept(self) -> list[Path]:
        """The saves, the oldest first."""
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    async def keep_saving(self) -> None:
        """Save whenever the newest save is a day old, until cancelled."""
        # Nobody else writes here, so what a killed save has left is of no use.
        for part in self._folder.glob("*.part"):
            part.unlink()
        while True:
            if self._due():
                await self._save()
            await asyncio.sleep(_LOOK_SECONDS)

    def _due(self) -> bool:
        kept = self.kept()
        newest = kept[-1].stat().st_mtime if kept else 0.0
        # A clock that was set back must not put off saves until it has caught up.
        return abs(time.time() - newest) >= _DAY_SECONDS and time.monotonic() >= self._not_before

    async def _save(self) -> None:
        file = self._folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}{_SUFFIX}"
        self.running = saving = self._saving(file)
        try:
            await asyncio.to_thread(saving.start)
            code = await asyncio.to_thread(saving.wait)
            failure = None if code == 0 else f"it {saving.ending()}: {saving.tail()}"
            if failure is None:
                for old in self.kept()[: -self._most]:
                    old.unlink()
        except (StartFailed, OSError) as error:
            failure = str(error)
        self.running = None
        if failure is not None:
            self.last_failure = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {failure}"
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            self._say(f"the state could not be saved; the next attempt is in an hour. {failure}")
            return
        self.last_failure = None
        self._say(
            f"saved the state to {file} ({file.stat().st_size:,} bytes); the newest {self._most} are kept"
        )
