"""In which channels outcomes proved a reporter right: a few channels, the newest.

A channel proves something if an upheld outcome in it was confirmed (counting/confirmation.py). Who is mostly
alone with what they report is proven by being the first in several channels over some time: that costs
whoever stages it as many channels, for each account.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from streams.counting.confirmation import PROOF_CHANNELS
from streams.deciding.reporters.misuse import Numbers
from streams.deciding.reporters.tally import PERIOD_DAYS, Sums, category_and_verdict
from streams.registry.reporter_rules import ProofNeeds

# Channels kept of a reporter. Two prove, three if nobody confirms. The others are for those whose newest
# ones prove another voice as well, and for outcomes that are taken back. Up to 16 bytes each.
MOST_CHANNELS: Final = 8
# Tags in a stamp: twice as many as a voice needs.
MOST_SHOWN: Final = 4
# As long as an outcome can be superseded (counting/attribution.py): what a credit takes back is still here.
PROOF_DAYS: Final = 180

# The tag of what was upheld before channels were kept: it proves nothing, and trust stays until it lapses.
BEFORE: Final = 0


class ChannelProof(NamedTuple):
    """Upheld outcomes in one channel, by its keyed tag: `confirmed`, and `first` without being confirmed.

    `since` and `newest` are the days (since the epoch) of the first and the newest. After a change of the
    key, numbers may be negative: an outcome was taken back before it came from the earlier hash.
    """

    tag: int
    confirmed: int
    first: int
    since: int
    newest: int


Proofs = tuple[ChannelProof, ...]
"""The oldest first, by (newest, tag)."""


def with_outcome(
    proofs: Proofs, tag: int, day: int, number: int, *, confirmed: bool, earlier_tag: int = 0
) -> Proofs:
    """Return the proofs with an upheld outcome of `day` added (`number` 1) or taken back (-1).

    Taking back leaves what would be there if it had never been added, except for two things: the days of a
    channel that keeps other outcomes, and a channel that had to go because there were too many. `earlier_tag`
    is the channel's tag under the previous key, 0 without one.
    """
    added = day if number > 0 else 0
    change = ChannelProof(tag, number * confirmed, number * (not confirmed), added, added)
    if earlier_tag:
        proofs = tuple(each._replace(tag=tag) if each.tag == earlier_tag else each for each in proofs)
    return together(proofs, [change])


def together(proofs: Iterable[ChannelProof], others: Iterable[ChannelProof]) -> Proofs:
    """Return the proofs of both, the numbers of each channel added up; of too many channels the newest."""
    by_tag: dict[int, ChannelProof] = {}
    for each in (*proofs, *others):
        there = by_tag.get(each.tag)
        by_tag[each.tag] = each if there is None else _added(there, each)
    kept = [each for each in by_tag.values() if each.confirmed or each.first]
    return tuple(sorted(kept, key=lambda each: (each.newest, each.tag))[-MOST_CHANNELS:])


def _added(one: ChannelProof, other: ChannelProof) -> ChannelProof:
    days = [day for day in (one.since, other.since) if day]
    return ChannelProof(
        one.tag,
        one.confirmed + other.confirmed,
        one.first + other.first,
        min(days, default=0),
        max(one.newest, other.newest),
    )


def trusted_before(sums: Sums, numbers: Numbers, period: int) -> Proofs:
    """Return what keeps the trust of a reporter whose outcomes were counted before channels were kept."""
    if not _upheld(sums):
        return ()
    day = period * PERIOD_DAYS
    # The numbers are those of outcomes that may still be taken back.
    return (ChannelProof(BEFORE, max(_upheld(numbers), 1), 0, day, day),)


def _upheld(values: Mapping[int, int]) -> int:
    return sum(value for code, value in values.items() if category_and_verdict(code)[1] == "upheld")


def lapsed(proofs: Proofs, day: int) -> Proofs:
    """Return the proofs that still hold on `day`."""
    if proofs and proofs[0].newest < day - PROOF_DAYS:
        return tuple(each for each in proofs if each.newest >= day - PROOF_DAYS)
    return proofs


def until(proofs: Proofs, day: int) -> Proofs:
    """Return the proofs as of `day`, to which time was set back: none is newer than that."""
    if not proofs or proofs[-1].newest <= day:
        return proofs
    earlier = [each._replace(since=min(each.since, day), newest=min(each.newest, day)) for each in proofs]
    return tuple(sorted(earlier, key=lambda each: (each.newest, each.tag)))


def is_earned(proofs: Proofs, needs: ProofNeeds) -> bool:
    """Return whether upheld outcomes count for trust: one was confirmed, or there are enough channels."""
    return any(each.confirmed > 0 for each in proofs) or len(_channels(proofs)) >= needs.channels


def right_in(proofs: Proofs, needs: ProofNeeds) -> tuple[int, ...]:
    """Return the tags of up to MOST_SHOWN channels in which the reporter was right, the newest first.

    Two and more prove the reporter right (counting/confirmation.py). A single one is enough to confirm
    others, together with theirs.
    """
    found = [each for each in proofs if each.confirmed > 0 and each.tag != BEFORE]
    channels = _channels(proofs)
    if len(found) < len(channels) >= needs.channels:
        span = max(each.newest for each in channels) - min(each.since for each in channels)
        if span >= needs.days:
            found = channels
    if len(found) < PROOF_CHANNELS:
        return tuple(each.tag for each in channels[-1:])
    return tuple(each.tag for each in reversed(found[-MOST_SHOWN:]))


def _channels(proofs: Proofs) -> list[ChannelProof]:
    return [each for each in proofs if each.tag != BEFORE and (each.first > 0 or each.confirmed > 0)]
