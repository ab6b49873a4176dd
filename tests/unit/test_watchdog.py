"""The watchdog. Each scenario runs in its own process, because the watchdog ends the process."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams.running.operations.watchdog import all_stacks

ROOT = Path(__file__).parents[2]

# The loop beats ten times between two checks.
PROGRAM = """
import asyncio, ctypes, os, signal, sys, time
from streams.running.operations import watchdog
from streams.running.operations.logs import configure_logs
configure_logs("INFO", "console")
watchdog.CHECK_SECONDS = 0.05
watchdog._NET_SECONDS = 0.5

async def beating(dog):
    while True:
        dog.beat()
        await asyncio.sleep(0.005)

async def main(stalled, after):
    dog = watchdog.Watchdog(0.3, stalled)
    dog.start(asyncio.get_running_loop())
    beats = asyncio.create_task(beating(dog), name="beats")
    await asyncio.sleep(0.2)
    await after(dog)
    dog.stop()
    print("came through")
"""


def run(scenario):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + scenario], cwd=ROOT, capture_output=True, text=True, timeout=30
    )


def test_a_worker_that_makes_progress_keeps_running():
    ended = run("""
async def after(dog):
    await asyncio.sleep(1)
asyncio.run(main(lambda: (0.2, "x"), after))
""")
    assert (ended.returncode, ended.stdout) == (0, "came through\n")
    assert "no progress" not in ended.stderr


def test_a_blocked_loop_ends_the_process_with_its_stack():
    ended = run("""
def blocks_the_loop():
    time.sleep(20)
async def after(dog):
    blocks_the_loop()
asyncio.run(main(lambda: (0.0, ""), after))
""")
    assert ended.returncode == 1
    assert "no progress: the event loop has been blocked for" in ended.stderr
    assert "in blocks_the_loop" in ended.stderr
    assert "came through" not in ended.stdout


def test_a_stalled_partition_ends_the_process_with_the_stacks_of_tasks():
    ended = run("""
stands_still = []
async def waits_for_ever():
    stands_still.append(0.3)
    await asyncio.Event().wait()
async def after(dog):
    await waits_for_ever()
asyncio.run(main(lambda: (sum(stands_still), "t partition 3: 7 records are waiting, none applied"), after))
""")
    assert ended.returncode == 1
    assert "no progress: t partition 3: 7 records are waiting, none applied for 0 s" in ended.stderr
    assert "in waits_for_ever" in ended.stderr
    assert "Task beats:" in ended.stderr


def test_an_extension_that_holds_the_interpreter_lock_ends_the_process():
    # PyDLL holds the interpreter's lock during a call, so no Python thread runs.
    ended = run("""
async def after(dog):
    ctypes.PyDLL(None).sleep(20)
started = time.monotonic()
asyncio.run(main(lambda: (0.0, ""), after))
""")
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "came through" not in ended.stdout


def test_a_blocked_log_does_not_keep_the_process_alive():
    ended = run("""
watchdog._LOG_SECONDS = 0.3
watchdog.all_stacks = lambda loop: time.sleep(20)
async def after(dog):
    time.sleep(20)
started = time.monotonic()
asyncio.run(main(lambda: (0.0, ""), after))
""")
    assert ended.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_paused_process_is_not_taken_for_a_hanging_one():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + """
watchdog._NET_SECONDS = 60
async def after(dog):
    print("running", flush=True)
    await asyncio.sleep(0.5)
asyncio.run(main(lambda: (0.0, ""), after))
"""],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "running\n"
    process.send_signal(19)
    time.sleep(1)
    process.send_signal(18)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "came through\n"), err


def test_stacks_show_threads_and_the_awaited_calls_of_tasks():
    async def inner():
        await asyncio.sleep(30)

    async def outer():
        await inner()

    async def scenario():
        task = asyncio.create_task(outer(), name="the task")
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait, name="the thread")
        thread.start()
        await asyncio.sleep(0)
        text = all_stacks(asyncio.get_running_loop())
        stop.set()
        thread.join()
        task.cancel()
        return text

    secret = "value-of-a-local"  # noqa: F841
    text = asyncio.run(scenario())
    assert "Thread the thread:" in text
    assert "Task the task:" in text
    assert text.index("in outer") < text.index("in inner") < text.index("return await future")
