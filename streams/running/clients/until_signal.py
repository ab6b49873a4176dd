"""Runs what a program that is no worker does, until somebody ends it."""

import asyncio
import signal
from collections.abc import Coroutine, Sequence


async def until_signal(work: Sequence[Coroutine[None, None, None]] = ()) -> None:
    """Run all of it until one part ends, or SIGTERM or SIGINT cancels it. Raises what ended a part."""
    tasks = [asyncio.create_task(part) for part in work]
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        for task in (*tasks, waiting):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception):
            raise result
