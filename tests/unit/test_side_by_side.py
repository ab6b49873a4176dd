"""What a worker does beside its cycles ends with its partitions."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace

from streams.running.cycle.side_by_side import keep_aligned
from streams.running.takeover.write_lock import WriteLock


def test_a_worker_that_has_released_its_partitions_says_nothing_more():
    written = []

    async def write(owners, _parts):
        written.append(owners)

    async def moment():
        await asyncio.sleep(0)

    async def no_waits():
        return False

    alignment = SimpleNamespace(
        pause=moment,
        has_to_say=lambda: True,
        row_to_write=lambda: "row",
        writes=lambda _row: {("worker-progress", 0): []},
        said=lambda _row: None,
        look=no_waits,
    )
    cycle = SimpleNamespace(write=write, blocking=lambda _writes: [])

    async def run(owners):
        written.clear()
        ownership = SimpleNamespace(owners=owners, write_lock=WriteLock())
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await keep_aligned(alignment, ownership, cycle)
        return list(written)

    assert asyncio.run(run({"place": "owner"}))[0] == ["owner"]
    assert asyncio.run(run({})) == []
