"""Workers that a signal stops at an exact step of a takeover, a cycle or a release."""

import signal
from typing import NamedTuple

from tests.kafka.harness.workers import Worker, changed_worker

_CALL = """
import os
from {module} import {owner}

def _watch():
    method, calls = {owner}.{method}, 0

    async def counted(self, *arguments, **options):
        nonlocal calls
        calls += 1
        number = calls
        if (number, "before") == ({number}, "{when}"):
            {action}
        result = await method(self, *arguments, **options)
        if (number, "after") == ({number}, "{when}"):
            {action}
        return result

    {owner}.{method} = counted

_watch()
"""

_SENT = """
import os
from aiokafka.conn import AIOKafkaConnection

def _watch():
    send, sent = AIOKafkaConnection.send, 0

    def counted(self, request, *arguments, **options):
        nonlocal sent
        answer = send(self, request, *arguments, **options)
        if type(request).__name__ == "{request}":
            sent += 1
            if sent == {number}:
                {action}
        return answer

    AIOKafkaConnection.send = counted

_watch()
"""


class Call(NamedTuple):
    """Right "before" or "after" the call number `number`, counted from 1, of an async method of a class."""

    when: str
    module: str
    owner: str
    method: str
    number: int

    def program(self, action: str) -> str:
        """Python that takes an action at this step."""
        return _CALL.format(action=action, **self._asdict())


class Sent(NamedTuple):
    """When a request was sent, counted from 1, and its answer was not read. `request` is the name of
    aiokafka's class.
    """

    request: str
    number: int

    def program(self, action: str) -> str:
        """Python that takes an action at this step."""
        return _SENT.format(action=action, **self._asdict())


class Since(NamedTuple):
    """A step that is counted only from another one on."""

    first: Call
    step: Call | Sent

    def program(self, action: str) -> str:
        """Python that takes an action at this step."""
        return self.first.program(f"exec({self.step.program(action)!r}, {{}})")


Step = Call | Sent | Since


def commit(when: str, number: int) -> Call:
    """A commit of the process. The first is of its claims, the second of establish, those from the third on
    are cycles.
    """
    return Call(when, "aiokafka", "AIOKafkaProducer", "commit_transaction", number)


def takeover(when: str, owner: str, method: str, number: int = 1) -> Call:
    """A call of a method of streams/running/takeover/takeover.py."""
    return Call(when, "streams.running.takeover.takeover", owner, method, number)


def struck_worker(step: Step, number: signal.Signals, change: str = "") -> tuple[str, ...]:
    """The command of a worker that a signal stops at a step. It runs the Python in `change` first."""
    return changed_worker(change + step.program(f"os.kill(os.getpid(), {int(number)})"))


def is_stopped(worker: Worker) -> bool:
    """Whether a worker was killed, or is suspended. Raises AssertionError if it ended in another way."""
    if worker.exit_code is not None:
        assert worker.exit_code == -signal.SIGKILL, worker.tail()
        return True
    with open(f"/proc/{worker.process.pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"
