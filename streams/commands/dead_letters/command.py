"""`tocsin dead-letters list|show|redrive`."""

import asyncio
from collections import Counter

import click

from streams.commands.dead_letters import redrive as driving
from streams.commands.dead_letters.letter import Letter, letter_of
from streams.commands.dead_letters.selection import TOPIC, Selection, letters, selecting
from streams.commands.dead_letters.text import as_json, in_full, in_one_line
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.reading import committed_records, partition_count
from streams.worker.settings import Settings, load_settings

_PLACE = r"PARTITION/OFFSET"


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show and send again what could not be read.

    Dead letters are records of message-reports, authority-requests and clock-outcomes that Tocsin refused. Each has a reason from a closed list; `tocsin dead-letters show` says what it means and what to do about it.
    """


@dead_letters.command("list")
@selecting
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line instead of text.")
def list_letters(
    reasons: tuple[str, ...], topic: str | None, partition: int | None, since: int | None, json_lines: bool
) -> None:
    """List dead letters, one a line, and count them by reason.

    A line gives place, time, reason, field, attempt, where the original stood, and its size.

    \b
    Examples:
      tocsin dead-letters list --since PT1H
      tocsin dead-letters list --reason unknown_category --json
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    with broker_errors_explained(settings):
        counted = asyncio.run(_list(settings, Selection(reasons, topic, partition, since), json_lines))
    if not json_lines:
        of_each = ", ".join(f"{number} {reason}" for reason, number in counted.most_common())
        noun = "dead letter" if counted.total() == 1 else "dead letters"
        click.echo(f"{counted.total()} {noun}{': ' if of_each else ''}{of_each}")


async def _list(settings: Settings, selection: Selection, json_lines: bool) -> Counter[str]:
    counted: Counter[str] = Counter()
    async for letter in letters(settings, selection.since):
        if selection.holds(letter, settings.topic_prefix):
            counted[letter.reason] += 1
            click.echo(as_json(letter) if json_lines else in_one_line(letter))
    return counted


@dead_letters.command()
@click.argument("place", metavar=_PLACE)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object instead of text.")
def show(place: str, json_lines: bool) -> None:
    """Show one dead letter: what is wrong, and what to do.

    It shows the original too. The place is what `tocsin dead-letters list` gives first, such as 0/17. The original was never checked and may
    hold anything. Exits with 1 if there is no such letter.
    """
    partition, offset = _parsed(place)
    settings = load_settings()
    with broker_errors_explained(settings):
        letter = asyncio.run(_find(settings, partition, offset))
    if letter is None:
        raise click.ClickException(
            f"there is no dead letter at {place}: it may have been deleted (dead letters are kept for 7 days); "
            "`tocsin dead-letters list` shows those that are there."
        )
    click.echo(as_json(letter) if json_lines else in_full(letter))


def _parsed(place: str) -> tuple[int, int]:
    partition, _, offset = place.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise click.BadParameter(
            f"{place!r} is no place: give partition and offset, such as 0/17.", param_hint=_PLACE
        )
    return int(partition), int(offset)


async def _find(settings: Settings, partition: int, offset: int) -> Letter | None:
    topic = settings.topic_prefix + TOPIC
    if partition >= await partition_count(settings.connection(), topic):
        return None
    async for record in committed_records(settings.connection(), topic, partition=partition):
        if record.offset >= offset:
            return letter_of(record) if record.offset == offset else None
    return None


@dead_letters.command()
@selecting
@click.option("--dry-run", is_flag=True, help="Say what would be sent and send nothing.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many a second.")
@click.option(
    "--max-attempts", type=click.IntRange(min=1), default=3, show_default=True,
    help="Leave alone what was refused so often.",
)  # fmt: skip
def redrive(
    reasons: tuple[str, ...],
    topic: str | None,
    partition: int | None,
    since: int | None,
    dry_run: bool,
    rate: float | None,
    max_attempts: int,
) -> None:
    """Send dead letters to the topics they came from again.

    With their own bytes, key and headers. For when what was wrong is mended on this side: a newer version, a category that was added, a time that has come.
    What is refused again becomes a dead letter again and counts its attempts; see --max-attempts.

    It can be repeated, also after it was interrupted: a report that was accepted counts once, because Tocsin knows it
    by ce_source and report_id among the last it has applied (TOCSIN_DUPLICATES_REMEMBERED per partition). Later than
    that, use --since. Of the letters of one and the same record only the newest is sent, once.

    Redacted letters (pii_detected, bad_batch, or too large to keep) cannot be sent: their publisher must.

    \b
    Examples:
      tocsin dead-letters redrive --reason unsupported_version --dry-run
      tocsin dead-letters redrive --reason future_timestamp --since PT6H --rate 100
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    selection = Selection(reasons, topic, partition, since)
    with broker_errors_explained(settings):
        plan = asyncio.run(driving.plan(settings, selection, max_attempts))
        _say_what_stays(plan, max_attempts)
        if dry_run:
            click.echo(f"{len(plan.chosen)} would be sent")
            return
        progress = driving.Progress()
        try:
            asyncio.run(driving.redrive(settings, since, plan.chosen, rate, progress))
        finally:
            click.echo(f"{progress.sent} of {len(plan.chosen)} sent")
    if progress.too_large:
        raise click.ClickException(
            f"{len(progress.too_large)} are larger uncompressed than their topic takes and stay where they are: "
            + ", ".join(progress.too_large)
        )


def _say_what_stays(plan: driving.Plan, max_attempts: int) -> None:
    for number, why in (
        (plan.redacted, "redacted: their bytes were not kept, so only their publisher can send them again"),
        (plan.worn_out, f"refused {max_attempts} times or more: mend the cause, then raise --max-attempts"),
        (plan.repeated, "older letters or copies of a record that has a newer one"),
    ):
        if number:
            click.echo(f"{number} left out, {why}")
