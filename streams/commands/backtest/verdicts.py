"""What desks had decided about the cases of a back-test, and how sure the share is that they had upheld."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from streams.commands.backtest.findings import OpenedEpisode
from streams.contract.events.moderation_outcome import ModerationOutcome, OutcomeSubject
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.origin import origin_of
from streams.contract.wire.reading import ReadEvent
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import moment_ms
from streams.deciding.reports.outcomes import SAYS_NOTHING
from streams.registry.policy import Policy

Decided = Literal["upheld", "dismissed", "undecided"]

# The two-sided quantile of the normal distribution for 95 %.
_Z: Final = 1.959963984540054


class Verdict(NamedTuple):
    """A desk's decision about a channel, or a message or report in it; whether it was upheld."""

    channel: str
    subject: OutcomeSubject
    category: Category
    decided_ms: int
    upheld: bool
    outcome_id: str
    supersedes: str | None


def verdict_in(record: SourceRecord, read: ReadEvent[ModerationOutcome]) -> Verdict | None:
    """Return the verdict in a record of `moderation-outcomes`, also one that was re-keyed.

    None if it cannot be read, says nothing of whether reports were right, or is of a case with a known
    answer.
    """
    try:
        decoded = read(record.value, record.headers, origin_of(record).timestamp)
    except Rejected:
        return None
    outcome = decoded.event
    if outcome.known_answer is not None or outcome.reason in SAYS_NOTHING:
        return None
    channel = outcome.subject.channel_ref
    return Verdict(
        channel,
        outcome.subject,
        outcome.category,
        decoded.time_ms,
        outcome.decision == "upheld",
        outcome.outcome_id,
        outcome.supersedes,
    )


def decided(episode: OpenedEpisode, policy: Policy, verdicts: Sequence[Verdict]) -> Decided:
    """Return what desks had decided about what an episode is about.

    Verdicts count that are of its channel and of a category of its policy, and were given after its window
    began. Of several about one subject the last one holds, and none that another one supersedes. One that
    was upheld is enough.
    """
    superseded = {verdict.supersedes for verdict in verdicts}
    begin = moment_ms(episode.opened_at) - policy.window_ms
    last: dict[OutcomeSubject, Verdict] = {}
    for verdict in sorted(verdicts, key=lambda each: (each.decided_ms, each.upheld)):
        counts = verdict.decided_ms >= begin and verdict.category in policy.categories
        if counts and verdict.outcome_id not in superseded:
            last[verdict.subject] = verdict
    if not last:
        return "undecided"
    return "upheld" if any(verdict.upheld for verdict in last.values()) else "dismissed"


class Share(NamedTuple):
    """How many cases desks had upheld or dismissed, and how many they had not decided about."""

    upheld: int
    dismissed: int
    undecided: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share of upheld cases among decided ones lies, at 95 %; None if none is decided.

        The score interval of Edwin B. Wilson, "Probable inference, the law of succession, and statistical
        inference", Journal of the American Statistical Association 22 (1927), 209-212. It assumes that what
        desks had looked at is a sample of all, which cases that no policy had opened are not.
        """
        number = self.upheld + self.dismissed
        if not number:
            return None
        share, weight = self.upheld / number, _Z * _Z / number
        middle = share + weight / 2
        half = _Z * math.sqrt(share * (1 - share) / number + weight / (4 * number))
        # What rounding leaves at the ends must not say that one case more or less is certain.
        low = 0.0 if self.upheld == 0 else (middle - half) / (1 + weight)
        high = 1.0 if self.dismissed == 0 else (middle + half) / (1 + weight)
        return low, high


def shares_of(
    episodes: Iterable[OpenedEpisode],
    policies: Mapping[str, Policy],
    verdicts: Mapping[str, Sequence[Verdict]],
) -> Mapping[str, Share]:
    """Return by policy what desks had decided about episodes."""
    counts = Counter(
        (each.policy, decided(each, policies[each.policy], verdicts.get(each.channel, ())))
        for each in episodes
    )
    return {
        policy: Share(*(counts[policy, each] for each in ("upheld", "dismissed", "undecided")))
        for policy in sorted({policy for policy, _ in counts})
    }
