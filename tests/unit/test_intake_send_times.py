"""Requests that arrive within some milliseconds of each other publish together."""

import asyncio

from streams.intake.send_times import SendTimes


async def turns_of(waiting, cancelled=()):
    """In which turn of the event loop each of those who wait goes on; some are cancelled before."""
    times, turns, turn = SendTimes(), {}, 0

    async def wait(name):
        await times.next()
        turns[name] = turn

    tasks = {name: asyncio.create_task(wait(name)) for name in waiting}
    await asyncio.sleep(0)
    for name in cancelled:
        tasks[name].cancel()
    while not all(task.done() for task in tasks.values()):
        turn += 1
        await asyncio.sleep(0)
    return turns


def test_all_who_wait_go_on_in_one_turn_of_the_event_loop():
    turns = asyncio.run(turns_of("abc"))
    assert turns.keys() == set("abc")
    assert len(set(turns.values())) == 1


def test_one_who_is_cancelled_does_not_hold_up_the_others():
    turns = asyncio.run(turns_of("abc", cancelled="a"))
    assert turns.keys() == set("bc")


def test_there_is_a_next_time_for_who_comes_later():
    async def twice():
        times = SendTimes()
        await times.next()
        await times.next()
        return True

    assert asyncio.run(twice())
