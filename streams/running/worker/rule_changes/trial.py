"""Loads and executes a set of rules in a process of its own, so that it can harm no other one.

`python -m streams.running.worker.rule_changes.trial ID` reads the value of a set on standard input, and
writes what is wrong with it as JSON. What ends such a process is wrong with the set, too.
"""

import asyncio
import json
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from streams.contract.events.rules.rule_set import RuleSet
from streams.contract.wire.rules.rule_set import BadRuleSet, decode_rule_set
from streams.registry.changes.bundle import load_rule_set
from streams.registry.changes.golden import golden_cases
from streams.registry.policy import LEGAL_CLOCK, RANDOM_SAMPLE
from streams.registry.reading.errors import RegistryError
from streams.registry.rules import Rules
from streams.running.worker.rule_changes.rehearsal import rehearse

# The shipped rules take one and a half seconds of a processor and 60 MiB.
CPU_SECONDS: Final = 60
MEMORY_BYTES: Final = 2 * 1024**3
WALL_SECONDS: Final = 180.0


class Verdict(NamedTuple):
    """What is wrong with a set; empty if nothing is. `seconds` is how long the trial took."""

    problems: tuple[str, ...]
    seconds: float


async def try_rule_set(rule_set: str, value: bytes) -> Verdict:
    """Try a set in a new process, within limits of time and memory."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        rule_set,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            said, _ = await process.communicate(value)
    except TimeoutError:
        return Verdict((f"its trial did not end within {WALL_SECONDS:.0f} s",), time.monotonic() - began)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    problems = _problems(said, process.returncode or 0)
    return Verdict(problems, time.monotonic() - began)


def _problems(said: bytes, code: int) -> tuple[str, ...]:
    try:
        if code == 0:
            return tuple(msgspec.json.decode(said, type=list[str]))
    except msgspec.DecodeError:
        pass
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return (f"its trial took more than {CPU_SECONDS} s of a processor, or more than its memory",)
    return (f"its trial ended with {code}",)


def problems_of(rules: RuleSet) -> tuple[Rules | None, list[str]]:
    """Return the rules of a set and what is wrong with them; the code may raise anything else."""
    try:
        loaded = load_rule_set(rules)
        cases = golden_cases(rules, {policy.id for policy in loaded.policies} | {LEGAL_CLOCK, RANDOM_SAMPLE})
        return loaded, rehearse(loaded, cases)
    except RegistryError as error:
        return None, str(error).splitlines()


def main() -> None:
    """Try the set on standard input."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    # macOS maps more than this into every process and refuses the limit; there only the time is limited.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        rules = decode_rule_set(sys.argv[1], sys.stdin.buffer.read())
        _, problems = problems_of(rules)
    except BadRuleSet as error:
        problems = [str(error)]
    except MemoryError:
        problems = [f"its trial took more than {MEMORY_BYTES // 1024**2:,} MiB of memory"]
    except Exception as error:  # noqa: BLE001  # the trial is there to find it
        problems = [f"executing it fails: {error!r}"]
    sys.stdout.write(json.dumps(problems))


if __name__ == "__main__":
    main()
