"""Voices, trust, coordination, questions and priority of an escalation in words."""

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict

from streams.contract.events.escalation import Counts, Digest, Integrity, Priority, QuestionState
from streams.contract.events.integrity import IntegritySignal

_Rows = list[tuple[str, str]]

SIGNALS: dict[IntegritySignal, str] = {
    "linked_reporters": "some reported the same messages before",
    "burst": "far more reports than usual",
    "first_time_reporters": "most have no earlier outcome",
    "young_accounts": "most accounts are under a week old",
    "non_members": "most are not members",
    "category_disagreement": "they name different harms",
    "same_hour_raid": "most reported many messages within an hour",
}
"""Signs of coordination in words."""


def voices_rows(counts: Counts) -> _Rows:
    """As how many voices the reporters count, and their trust; nothing if no report came with a stamp."""
    if counts.voices is msgspec.UNSET:
        return []
    trusted = counts.trusted_voices or 0
    return [
        (
            "voices",
            (
                f"{counts.voices:.1f} of {counts.distinct_reporters} reporters; {counts.linked or 0} of them "
                "report together"
            ),
        ),
        ("trust", f"{trusted} with medium or high trust, from outcomes of earlier reports"),
        *_proven_row(counts),
    ]


def _proven_row(counts: Counts) -> _Rows:
    if counts.proven_voices is msgspec.UNSET:
        return []
    text = "proven right in other channels, each in at least two that prove none of the others"
    return [("proven", f"{counts.proven_voices} {text}")]


def integrity_text(integrity: Integrity) -> str:
    """The verdict about the reporters, as in `brigade suspected, 16 reporters look coordinated`; or empty."""
    verdicts = ["brigade suspected"] if integrity.brigade_suspected else []
    if integrity.finding is not msgspec.UNSET:
        verdicts.append(f"{integrity.finding.members} reporters look coordinated")
    return ", ".join(verdicts)


def integrity_rows(integrity: Integrity) -> _Rows:
    """The verdict about the reporters, and the signs on which it rests: the finding's if there is one."""
    verdict = integrity_text(integrity)
    if not integrity.brigade_suspected:
        verdict = f"no brigade suspected, {verdict}" if verdict else "no brigade suspected"
    finding = integrity.finding
    if finding is msgspec.UNSET:
        signs = ", ".join(f"{name} {value:.3g}" for name, value in integrity.signals.items())
        return [("integrity", f"{verdict}, score {integrity.score:.2f}{f' ({signs})' if signs else ''}")]
    words = "; ".join(SIGNALS[signal] for signal in finding.signals)
    return [("integrity", f"{verdict}, score {finding.score:.2f}: {words}"), ("", finding.sentence)]


def question_text(question: QuestionState) -> str:
    """What a desk was asked before the level, as in `asked whether reports are right, before level 2`."""
    level = f"level {question.level}"
    return {
        "asked": f"a desk was asked whether reports are right; {level} waits for the answer",
        "held": f"a desk was asked, and no report that was drawn is upheld: {level} is held back",
        "stands": f"a desk was asked before {level}, and upheld a report that was drawn: the count stands",
        "would_be_asked": f"in live mode a desk would have been asked before {level}",
    }[question.state]


def digest_text(digest: Digest) -> str:
    """How many other cases wait for the policy's budget, until when, and in which channels."""
    named = ", ".join(each.channel_ref for each in digest.escalations)
    more = digest.waiting - len(digest.escalations)
    others = f" and {more:,} more" if more else ""
    return f"{digest.waiting:,} more cases wait for the budget, until {digest.open_by}: {named}{others}"


def priority_text(priority: Priority) -> str:
    """The priority as in `57 of 100: clock 24, level 17, risk 9, voices 7, age 0`."""
    parts = ", ".join(
        f"{name} {points}" for name, points in asdict(priority.components).items() if points is not UNSET
    )
    return f"{priority.value} of 100: {parts}"
