"""Lets a worker into its group once it has the same terms as those who are in it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.contract.wire.topics import CLAIMS
from streams.running.log.claims import ClaimFacts, ClaimsLog
from streams.running.log.log import Log
from streams.running.log.reading import records_between
from streams.running.log.terms import Difference, Terms, differences
from streams.running.takeover.agreement import disagreement

logger = structlog.get_logger(__name__)

# How often a worker that differs looks again. One small log is read, and the group is asked who is in it.
LOOK_SECONDS = 2.0
# How often it says again why it waits.
SAY_SECONDS = 60.0

Members = Callable[[], Awaitable[Collection[str]]]
Found = Callable[[Collection[str]], None]


class _Unlike(NamedTuple):
    """A worker with other terms, and which."""

    name: str
    terms: Terms
    what: list[Difference]


async def wait_until_agreed(log: Log, prefix: str, terms: Terms, members: Members, found: Found) -> None:
    """Return when no member of the group has other terms: at once, if all is well.

    A worker that differs waits outside of the group, because it would be wrong to stop the others for it, and
    because it may be the others who are replaced: when they are gone, it goes on. `members` asks the group
    for the ids of its members; `found` is called with the names of what differs, and with none at the end.
    """
    said_at = float("-inf")
    unlike: dict[str, _Unlike] = {}
    while unlike := await _alive(_now_unlike(unlike, await _standing(log, prefix), terms), members):
        name, theirs, what = min(unlike.values(), key=lambda each: each.name)
        found(sorted({each.name for each in what}))
        if time.monotonic() - said_at >= SAY_SECONDS:
            said_at = time.monotonic()
            logger.error(disagreement(name, what, terms, theirs))
        await asyncio.sleep(LOOK_SECONDS)
    if said_at > float("-inf"):
        logger.info("all workers of the group have the same settings now: joining it")
    found(())


def _now_unlike(
    before: Mapping[str, _Unlike], standing: Mapping[str, ClaimFacts], terms: Terms
) -> dict[str, _Unlike]:
    """Who differs, by the id of the member.

    During a rebalance nobody claims anything, so who differed `before` still does until it says otherwise.
    """
    unlike = dict(before)
    for name, facts in standing.items():
        unlike.pop(facts.member, None)
        if what := differences(terms, facts.terms):
            unlike[facts.member] = _Unlike(name, facts.terms, what)
    return unlike


async def _alive(unlike: Mapping[str, _Unlike], members: Members) -> dict[str, _Unlike]:
    # Who was killed has not released its claims. Only the group knows that it is gone.
    if not unlike:
        return {}
    try:
        alive = await members()
    except KafkaError as error:
        logger.warning("who is in the group is unknown: the brokers do not tell", error=repr(error))
        return dict(unlike)
    return {member: each for member, each in unlike.items() if member in alive}


async def _standing(log: Log, prefix: str) -> Mapping[str, ClaimFacts]:
    seen, tp = ClaimsLog(), TopicPartition(prefix + CLAIMS, 0)
    async with log.reader() as reader:
        begin = (await reader.beginning_offsets([tp]))[tp]
        end = (await reader.end_offsets([tp]))[tp]
        async for record in records_between(reader, tp, begin, end):
            seen.add(record.key, record.value)
    return seen.standing()
