"""How much of what is known of a reporter one reviewer alone decided, and how far it counts.

Beside the sums of outcomes (tally.py) a reporter has sums by the reviewer who alone decided, one for upheld
outcomes and one for the others. They fade and are taken back like those. Trust is read with a limit on each:
one reviewer counts at most for a share of all evidence in either direction, or for one outcome if there is
little else. So a person who errs or is captured moves nobody's trust far, whichever cases they pick, and
however often they decide about the same group in a day.
"""

from typing import Final

from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.deciding.reporters.tally import PERIOD_DAYS, PERIODS, Outcomes, Sums, change, scale_of
from streams.registry.reporter_rules import ReviewerLimits

# Ten bytes each. A reporter with outcomes by forty people in two periods and both directions exceeds it: then
# one more person has a small share anyhow, and is not limited.
MOST_SUMS: Final = 160

# A code has the reviewer's tag, whether upheld, and three bits for the period (tally.py).
_UPHELD: Final = 1 << 3
_TAG_BITS: Final = 4


def code_of_reviewer(reviewer: int, verdict: OutcomeDecision) -> int:
    """Return the first of the codes of the sums of a reviewer, by tag, in the direction of a verdict."""
    return reviewer << _TAG_BITS | (_UPHELD if verdict == "upheld" else 0)


def note_reviewer(
    sums: Sums, period: int, reviewer: int, verdict: OutcomeDecision, day: int, percent: int
) -> None:
    """Add an outcome of `day` that the reviewer alone decided; take it back if `percent` is negative."""
    code = code_of_reviewer(reviewer, verdict)
    if len(sums) >= MOST_SUMS and code | period - day // PERIOD_DAYS not in sums:
        return
    change(sums, period, code, day, percent)


def limited(
    limits: ReviewerLimits, known: Outcomes, everything: Outcomes, sums: Sums, period: int, day: int
) -> Outcomes:
    """Return the outcomes, of one category or of all, with what one reviewer decided limited.

    `everything` are the outcomes of all categories, and `sums` those by reviewer as of `period`, which count
    as on `day`. What is limited over all categories is limited in each of them by the same share.
    """
    if not sums or limits.one_is_enough:
        return known
    by_reviewer: dict[int, int] = {}
    for code, value in sums.items():
        who = code >> 3
        by_reviewer[who] = by_reviewer.get(who, 0) + (value << (PERIODS - (code & 7)))
    scale = scale_of(period, day)
    # Of most reporters nobody decided more than that.
    free = limits.alone * scale
    beyond = [(who, value / scale) for who, value in by_reviewer.items() if value > free]
    if not beyond:
        return known
    right, wrong = everything.upheld, everything.dismissed + everything.manifestly_unfounded
    kept_right, kept_wrong = right, wrong
    alone, beside = limits.alone, limits.share / (1 - limits.share)
    for who, own in beyond:
        if who & 1:
            most = max(alone, (right - own) * beside)
            if own > most:
                kept_right -= own - most
        else:
            most = max(alone, (wrong - own) * beside)
            if own > most:
                kept_wrong -= own - most
    # Rounding may leave a little less than nothing.
    of_right = max(kept_right, 0.0) / right if right else 1.0
    of_wrong = max(kept_wrong, 0.0) / wrong if wrong else 1.0
    return Outcomes(
        known.upheld * of_right, known.dismissed * of_wrong, known.manifestly_unfounded * of_wrong
    )
