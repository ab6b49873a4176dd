"""Is this a crowd or a brigade? The score, and a sentence that says what was seen."""

from typing import Final, NamedTuple

from streams.counting.coordination.arrivals import SPAN_HOURS, Arrivals, Signs
from streams.counting.coordination.clusters import (
    MILLION,
    ClusterSums,
    linked_of,
    linked_share,
    voices_millionths,
)

# Below ten reports two friends and one anonymous tip look the same as a brigade (as in
# integrity.py).
FEWEST_REPORTS: Final = 10
# Half of the reports: from there on the outcome would be another one without them.
SUSPICIOUS_LINKED: Final = 0.5
# A burst is eight times the channel's own rate. A post that goes around brings some five times as many
# readers, and so reports; a call for reports brings a hundred times as many.
BURST: Final = 8.0
# Each of the signs also occurs in honest crowds: newcomers report, and outsiders report what was forwarded to
# them. So none of them suffices, and each must hold for more than half of the reports.
MOST: Final = 0.5
SIGNS_NEEDED: Final = 2


class IntegrityCase(NamedTuple):
    """`score` is 0 to 1; `suspected`: levels above review need a person. `members` is how many, never who."""

    score: float
    suspected: bool
    members: int
    sentence: str


def assess(sums: ClusterSums, signs: Signs) -> IntegrityCase:
    """Assess the reports of a window, and the signs of the last hours.

    The score is the larger of the share of reports that are not voices of their own, and of the mean of those
    signs of a fresh brigade that hold for most reports of a burst. It is rounded to six digits.
    """
    voices = voices_millionths(sums) / MILLION
    share = linked_share(sums)
    by_links = sums.reports >= FEWEST_REPORTS and share >= SUSPICIOUS_LINKED
    fresh = [value for value in _fresh_signs(signs) if value > MOST]
    by_signs = is_burst(signs.reporters, signs.usual) and len(fresh) >= SIGNS_NEEDED
    concentration = 1 - voices / sums.reports if sums.reports else 0.0
    score = max(concentration, sum(fresh) / len(fresh) if by_signs else 0.0)
    return IntegrityCase(
        score=round(min(max(score, 0.0), 1.0), 6),
        suspected=by_links or by_signs,
        members=linked_of(sums) if by_links else signs.reporters if by_signs else 0,
        sentence=_sentence(sums, signs, voices, by_signs=by_signs),
    )


def is_burst(reporters: int, usual: float) -> bool:
    """Tell whether the last hours had many reporters, for this channel."""
    return reporters >= FEWEST_REPORTS and reporters >= BURST * usual


def may_be_fresh(arrivals: Arrivals) -> bool:
    """Tell whether `assess` may find signs of a fresh brigade. It does not for nearly all reports."""
    reporters, young, outsiders = arrivals.totals()
    # Two of three signs are needed, so one of these two is.
    return (young > MOST * reporters or outsiders > MOST * reporters) and is_burst(reporters, arrivals.usual)


def _fresh_signs(signs: Signs) -> tuple[float, ...]:
    """Return the shares that are high in a brigade of fresh accounts.

    Two are shown all the same. `first_time`: in a young installation every reporter is new. `disagreement`: a
    channel may do several kinds of harm, which honest reporters name differently, and no evaluation says yet
    how often.
    """
    return signs.young, signs.outsiders, signs.repeating


def _sentence(sums: ClusterSums, signs: Signs, voices: float, *, by_signs: bool) -> str:
    said = []
    if linked := linked_of(sums):
        said.append(
            f"{linked} of {sums.reports} reporters had before reported the same messages as another of them, "
            f"messages that were not upheld; all {sums.reports} count as {voices:.1f} voices."
        )
    if by_signs:
        said.append(
            f"{signs.reporters} reporters came within {SPAN_HOURS} hours, where this channel usually has "
            f"{signs.usual:.1f}: {signs.young:.0%} with accounts under a week old, {signs.outsiders:.0%} who "
            f"are not members, {signs.first_time:.0%} without any earlier outcome."
        )
        if signs.repeating > MOST:
            said.append(
                f"{signs.repeating:.0%} of them reported three or more of its messages within an hour."
            )
        if signs.disagreement > MOST:
            said.append(
                f"They do not agree what is wrong: {signs.disagreement:.0%} name another category than the "
                "most frequent one."
            )
    return " ".join(said) or "No sign of coordinated reporting."
