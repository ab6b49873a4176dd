"""What is published about coordinated reporting, and what follows from it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.contract.events.integrity import IntegrityFinding, IntegritySignal
from streams.contract.events.integrity_case import CaseForReview
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.integrity_case import encode_integrity_case
from streams.contract.wire.ids import stable_id
from streams.counting.categories import CategoryShare, summed
from streams.counting.coordination.arrivals import Arrivals, Signs
from streams.counting.coordination.assessment import MOST, assess, is_burst, may_be_fresh
from streams.counting.coordination.clusters import linked_of
from streams.counting.sums import StampedSums
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.escalation.episodes import EpisodeKey, Open
from streams.deciding.reports.escalation.policies import CompiledPolicy

# The highest level that a suspected brigade reaches by itself: a person reviews the channel.
REVIEW: Final = 1

_NO_ARRIVALS: Final = Arrivals()


class Finding(NamedTuple):
    """What is published, and whether a brigade is suspected."""

    published: IntegrityFinding
    suspected: bool


class Held(NamedTuple):
    """The level that a window holds, and what is said if a brigade is suspected behind it."""

    level: int
    finding: IntegrityFinding | None


def find_coordination(stamped: StampedSums, arrivals: Arrivals | None) -> Finding | None:
    """Return what the reports of a window look like, None if there is nothing to say.

    `arrivals` are those of the channel, None if nothing is known of them.
    """
    if arrivals is None:
        arrivals = _NO_ARRIVALS
    if not linked_of(stamped.sums) and not may_be_fresh(arrivals):
        return None
    return finding_of(stamped, arrivals.signs())


def finding_of(stamped: StampedSums, signs: Signs) -> Finding | None:
    """Return what the reports of a window look like beside the signs of their channel, None as above."""
    linked = linked_of(stamped.sums)
    case = assess(stamped.sums, signs)
    if not linked and not case.suspected:
        return None
    shares: tuple[tuple[IntegritySignal, bool], ...] = (
        ("linked_reporters", linked > 0),
        ("burst", is_burst(signs.reporters, signs.usual)),
        ("first_time_reporters", signs.first_time > MOST),
        ("young_accounts", signs.young > MOST),
        ("non_members", signs.outsiders > MOST),
        ("category_disagreement", signs.disagreement > MOST),
        ("same_hour_raid", signs.repeating > MOST),
    )
    names = tuple(name for name, holds in shares if holds)
    members = case.members or linked
    sentence = case.sentence
    if case.suspected:
        others = stamped.stamped - stamped.doubtful.reports
        sentence += (
            f" {others} of {stamped.stamped} reports are neither linked nor by accounts under a week old of "
            "people who are not members."
        )
    return Finding(IntegrityFinding(case.score, names, sentence, members), case.suspected)


def level_held(
    batch: ReportBatch,
    channel_key: bytes,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    end: int,
) -> Held:
    """Return what is left of `level`, which holds in the window that ends with the pane of `end` (ms).

    All of it, unless a brigade is suspected: then the level that the reports reach which are neither linked
    nor by young accounts of non-members, findings of detectors and trusted flaggers among them, and review at
    least. So nobody silences others by reporting beside them, and a finding opens no level to a crowd of
    which it says nothing. Of a floor category nothing is ever taken.
    """
    # All but policies over several categories have one share.
    stamped = (shares[0].counts if len(shares) == 1 else summed(shares, 0)).stamped
    if not stamped.stamped:
        return Held(level, None)
    found = find_coordination(stamped, batch.state.crowd.arrivals_of(channel_key))
    if found is None or not found.suspected:
        return Held(level, None)
    categories = batch.rules.registry.categories
    if level > REVIEW and not any(categories[share.category].floor for share in shares):
        level = min(level, max(policy.established_level(shares, end), REVIEW))
    return Held(level, found.published)


def open_brigade_case(
    batch: ReportBatch, key: EpisodeKey, policy: CompiledPolicy, finding: IntegrityFinding
) -> None:
    """Ask a person, once per episode of a live policy, to look at a suspected brigade.

    It names no reporter.
    """
    state = batch.state
    episode = state.episode(key)
    if not isinstance(episode, Open) or episode.suspected or key.mode != "live":
        return
    at = state.time.now
    episode.suspected = True
    state.put_episode(key, episode, policy.timing, at)
    case = CaseForReview(
        case_id=stable_id("integrity-case", "brigade", episode.escalation_id),
        kind="brigade",
        at=rfc3339(at),
        sentence=finding.sentence,
        examples=(),
        channel_ref=key.channel,
        integrity=finding,
    )
    batch.outputs.append(encode_integrity_case(key.channel.encode(), case, at))
    batch.counters.brigades += 1
