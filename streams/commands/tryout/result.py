"""What a trial of somebody's own reports says, as text."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from streams.commands.backtest.findings import OpenedEpisode
from streams.commands.backtest.trial import Trial
from streams.commands.tryout.rows import OwnReports
from streams.contract.wire.envelope import rfc3339
from streams.desk.text.case_sentence import counted
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table

COLUMNS: Final = ("opened", "policy", "level", "channel", "why")

# As many as fit on some screens; the page of --html has all.
_SHOWN = 30


def summary(trial: Trial, reports: OwnReports) -> str:
    """How many reports of which time there were, and what became of the other rows."""
    assert trial.findings.first is not None
    assert trial.findings.last is not None
    duplicates = trial.findings.counters.duplicates
    are = "a repeat" if duplicates == 1 else "repeats"
    repeats = f" ({duplicates:,} of them {are})" if duplicates else ""
    unusable = f"; {counted(len(reports.unusable), 'row')} could not be used" if reports.unusable else ""
    return (
        f"{counted(len(reports.rows), 'report')}{repeats} in {counted(len(reports.ids), 'channel')}, from "
        f"{minute(rfc3339(trial.findings.first))} to {minute(rfc3339(trial.findings.last))}{unusable}."
    )


def opened(trial: Trial) -> list[OpenedEpisode]:
    """The episodes of live policies in the order in which they opened."""
    live = {policy.id for policy in trial.rules.policies if policy.mode == "live"}
    return sorted(
        (episode for episode in trial.findings.episodes.values() if episode.policy in live),
        key=lambda episode: (episode.opened_at, episode.policy),
    )


def verdict(trial: Trial) -> str:
    """How many cases would have opened, and how many a day."""
    found, days = opened(trial), max(trial.findings.days, 1.0)
    if not found:
        return "No case would have opened."
    return f"{counted(len(found), 'case')} would have opened, {len(found) / days:.1f} a day."


def silent(trial: Trial, reports: OwnReports) -> Iterator[str]:
    """Why no case would have opened, as far as the modes of policies say it, a sentence each."""
    # Beside cases that opened, those of a policy on trial would only confuse.
    found = () if opened(trial) else trial.findings.episodes.values()
    shadow = Counter(each.policy for each in found if each.mode == "shadow")
    for policy, number in sorted(shadow.items()):
        cases = counted(number, "case")
        yield f"Policy {policy} is in shadow mode: {cases} of it would have opened, and reached no desk."
    live = (policy for policy in trial.rules.policies if policy.mode == "live")
    judged = {category for policy in live for category in policy.categories}
    for category in sorted(reports.categories - judged):
        yield f"No live policy judges reports of {category}."


def cells(episode: OpenedEpisode, reports: OwnReports) -> tuple[str, ...]:
    """What a table says of an episode, under COLUMNS; the channel by the id that the file has for it."""
    return (
        minute(episode.opened_at),
        episode.policy,
        str(episode.level),
        reports.ids.get(episode.channel, episode.channel),
        episode.grounds,
    )


def result_text(trial: Trial, reports: OwnReports) -> str:
    """The verdict, what was read, and the cases with when and why."""
    found = opened(trial)
    parts = [verdict(trial), summary(trial, reports), *silent(trial, reports)]
    if found:
        parts.append(text_table(COLUMNS, [cells(episode, reports) for episode in found[:_SHOWN]]))
        if len(found) > _SHOWN:
            parts.append(f"{len(found) - _SHOWN:,} more are on the page of --html.")
    return "\n\n".join(parts)
