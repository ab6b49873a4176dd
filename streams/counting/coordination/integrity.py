"""Signs that few reporters sent many of a channel's reports. They are hints and change no level."""

from streams.contract.events.escalation import Integrity

# At this score fewer than three in ten reports count as independent. A brigade usually scores higher (40
# reports by one reporter and 3 by others: .97), a busy channel lower (each reporter reporting twice: .5).
SUSPICIOUS_SCORE = 0.7
# Below ten reports two friends and one anonymous tip look the same as a brigade.
SUSPICIOUS_REPORTS = 10


def effective_reporters(reports: int, distinct: int, without_ref: int) -> float:
    """Return the number of equally active independent reporters that would show the same concentration.

    This is the Hill number of order 2 (the inverse of Simpson's index), 1 / sum of p^2 over reporters, which
    for group sizes n is R^2 / sum of n^2. `without_ref` of the `reports` have no reporter's pseudonym; they
    form one cluster, because nothing tells them apart. The others are assumed to be spread evenly over the
    `distinct` reporters, because only their number is kept. So the result is an upper bound. 0 without
    reports.
    """
    if reports <= 0:
        return 0.0
    with_ref = reports - without_ref
    # The number of distinct reporters may be an estimate: there is at least one and at most one per report.
    reporters = min(max(distinct, 1), with_ref)
    squares = float(without_ref * without_ref)
    if reporters:
        squares += with_ref * with_ref / reporters
    return reports * reports / squares


def integrity(reports: int, distinct: int, without_ref: int, anonymous: int) -> Integrity:
    """Return the signs in a window's counts. `anonymous` counts reports by anonymous reporters, ref or not.

    A brigade is suspected if few reporters sent most of the reports: all that is known without the stage of
    reporters. Shares and scores are rounded to six digits. `reports_per_reporter` covers only reports with a
    pseudonym; it is 0 without any.
    """
    if reports <= 0:
        return Integrity(score=0.0, brigade_suspected=False, signals=_signals(0.0, 0.0, 0.0))
    score = round(1 - effective_reporters(reports, distinct, without_ref) / reports, 6)
    with_ref = reports - without_ref
    return Integrity(
        score=score,
        brigade_suspected=score >= SUSPICIOUS_SCORE and reports >= SUSPICIOUS_REPORTS,
        signals=_signals(
            without_ref / reports,
            anonymous / reports,
            with_ref / min(max(distinct, 1), with_ref) if with_ref else 0.0,
        ),
    )


def _signals(without_ref: float, anonymous: float, per_reporter: float) -> dict[str, float]:
    return {
        "without_ref_share": round(without_ref, 6),
        "anonymous_share": round(anonymous, 6),
        "reports_per_reporter": round(per_reporter, 6),
    }
