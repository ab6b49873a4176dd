"""`tocsin dead-letters list`, `show` and `redrive`: the commands."""

import asyncio
from collections import Counter

import click

from streams.commands.dead_letters import redrive as redriving
from streams.commands.dead_letters.letter import Letter, letter_of
from streams.commands.dead_letters.selection import TOPIC, Selection, letters, selecting
from streams.commands.dead_letters.text import as_json, in_full, in_one_line
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.wire.topics import REPORT_SOURCES
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.worker.settings import Settings, load_settings

_PLACE = r"PARTITION/OFFSET"


@click.group("dead-letters", cls=SuggestingGroup)
def dead_letters() -> None:
    """List, show and redrive dead letters.

    Dead letters are records of message-reports, verified-reports, authority-requests, clock-outcomes,
    moderation-outcomes and reporter-standing that Tocsin refused.
    Each has a reason from a fixed list; `tocsin dead-letters show` explains it and says what to do.
    """


@dead_letters.command("list")
@selecting
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line instead of text.")
def list_letters(selection: Selection, json_lines: bool) -> None:
    """List dead letters, one per line, and count them by reason.

    Each line shows the letter's place, time, reason, field and attempt number, then the original's place,
    size, publisher (ce_source) and id, `?` if these were not given or not kept.

    \b
    Examples:
      tocsin dead-letters list --since PT1H
      tocsin dead-letters list --reason unknown_category --json
      tocsin dead-letters list --source /platform/web --id r-4711
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    with broker_errors_explained(settings):
        counted = asyncio.run(_list(settings, selection, json_lines))
    if not json_lines:
        by_reason = ", ".join(f"{number} {reason}" for reason, number in counted.most_common())
        noun = "dead letter" if counted.total() == 1 else "dead letters"
        echo(f"{counted.total()} {noun}{': ' if by_reason else ''}{by_reason}")


async def _list(settings: Settings, selection: Selection, json_lines: bool) -> Counter[str]:
    counted: Counter[str] = Counter()
    async for letter in letters(settings, selection.since):
        if selection.holds(letter, settings.topic_prefix):
            counted[letter.reason] += 1
            echo(as_json(letter) if json_lines else in_one_line(letter))
    return counted


@dead_letters.command()
@click.argument("place", metavar=_PLACE)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object instead of text.")
def show(place: str, json_lines: bool) -> None:
    """Show one dead letter: what is wrong and what to do.

    It shows the original record too, which was never checked and may hold anything. PARTITION/OFFSET is the
    first column of `tocsin dead-letters list`, such as 0/17. Exits with 1 if there is no such letter.
    """
    partition, offset = _parsed(place)
    settings = load_settings()
    with broker_errors_explained(settings):
        letter = asyncio.run(_find(settings, partition, offset))
    if letter is None:
        raise click.ClickException(
            f"there is no dead letter at {place}. It may have been deleted: dead letters are kept for 7 "
            "days. `tocsin dead-letters list` lists those that are there."
        )
    echo(as_json(letter) if json_lines else in_full(letter))


def _parsed(place: str) -> tuple[int, int]:
    partition, _, offset = place.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise click.BadParameter(
            f"{place!r} is not a place: give partition and offset, such as 0/17.", param_hint=_PLACE
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
@click.option("--dry-run", is_flag=True, help="Count what would be sent, and send nothing.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Letters per second at most.  [default: as fast as possible]",
)
@click.option(
    "--max-attempts", type=click.IntRange(min=1), default=3, show_default=True,
    help="Skip records that were refused this many times or more.",
)  # fmt: skip
@click.option(
    "--to", type=click.Choice(REPORT_SOURCES), metavar="TOPIC",
    help=f"Send reports to this topic instead: {' or '.join(REPORT_SOURCES)}.",
)  # fmt: skip
def redrive(
    selection: Selection,
    dry_run: bool,
    rate: float | None,
    max_attempts: int,
    to: str | None,
) -> None:
    """Send dead letters back to the topics they came from.

    Use it once the cause is fixed on Tocsin's side: a newer version reads the record, a category was added,
    or a time in the future has passed. The original bytes, key and headers are sent. A record that is refused
    again becomes a new dead letter with the next attempt number; see --max-attempts.

    The command is safe to repeat, also after an interruption. A report that was accepted counts once, because
    a worker recognises its ce_source and report_id among those of the last day (TOCSIN_DUPLICATES_HOURS). One
    that occurred before that is published, but not counted. For a run long after an earlier one, use --since.
    If a record has several dead letters, only the newest is sent, once.

    --to is for reports that their publisher sent to the wrong topic (not_allowed_here). With --to
    verified-reports you vouch for them, so select only those of publishers that you know.

    Attempts are counted by the letters in the topic, so a publisher cannot make a record look worn out.
    Redacted letters (possible personal data, oversized or bad_batch) cannot be sent. Only their publisher can
    publish the records again.

    \b
    Examples:
      tocsin dead-letters redrive --reason unsupported_version --dry-run
      tocsin dead-letters redrive --reason future_timestamp --since PT6H --rate 100
      tocsin dead-letters redrive --reason not_allowed_here --since PT1H --to verified-reports
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    with broker_errors_explained(settings):
        plan = asyncio.run(redriving.plan(settings, selection, max_attempts))
        _report_skipped(plan, max_attempts)
        if dry_run:
            echo(f"{len(plan.chosen)} would be sent")
            return
        progress = redriving.RedriveProgress()
        try:
            asyncio.run(redriving.redrive(settings, selection.since, plan.chosen, to, rate, progress))
        finally:
            echo(f"{progress.sent} of {len(plan.chosen)} sent")
    if progress.too_large:
        raise click.ClickException(
            f"{len(progress.too_large)} were not sent: uncompressed they are larger than their topic allows: "
            + ", ".join(progress.too_large)
        )


def _report_skipped(plan: redriving.Plan, max_attempts: int) -> None:
    for number, why in (
        (
            plan.redacted,
            "redacted: their bytes were not kept, so only their publisher can publish them again",
        ),
        (plan.worn_out, f"refused {max_attempts} times or more: fix the cause, then raise --max-attempts"),
        (plan.repeated, "older letters or copies: a newer letter of the same record exists"),
    ):
        if number:
            echo(f"{number} skipped, {why}")
