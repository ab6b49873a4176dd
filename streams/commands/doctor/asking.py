"""Asks the brokers something, for so long and no longer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka.errors import IllegalOperation, KafkaError

from streams.commands.doctor.finding import Finding
from streams.running.log.log import Refused

# Of one check. Each takes well below a second; a broker that is away is back, or replaced, within this time.
CHECK_SECONDS = 30.0

Say = Callable[[Finding], None]


async def asked(check: str, answer: Awaitable[Any], say: Say, remedy: str = "") -> Any:
    """What brokers answer; None, and a finding that they do not, after an error or CHECK_SECONDS."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await answer
    except TimeoutError:
        found = f"the brokers did not answer within {CHECK_SECONDS:.0f} seconds"
    except Refused as refused:
        found = f"the brokers refuse a record: {refused.trouble.reason} {refused.trouble.detail}".rstrip()
    except (KafkaError, IllegalOperation, NotImplementedError) as error:
        found = f"the brokers answer with {type(error).__name__}: {error}"
    say(Finding(check, "failed", found, remedy or "See the brokers' logs; is one of them down?"))
    return None


def say_all(findings: Iterable[Finding] | None, say: Say) -> None:
    """Say each of them, if there are any."""
    for finding in findings or ():
        say(finding)
