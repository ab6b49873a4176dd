"""`tocsin outcome import`: says what was decided about many subjects."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from typing import BinaryIO, Final

import click
import msgspec

from streams.commands.outcome.outcome_file import read_lines
from streams.commands.outcome.payload import NOT_WRITTEN, PublishedOutcome, outcome_event
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.refused_lines import RefusedLines
from streams.commands.shared.terminal import echo
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.topics import MODERATION_OUTCOMES
from streams.registry.categories import load_categories
from streams.running.clients.kafka_writing import send_events
from streams.running.worker.settings import load_settings

# All outcomes are checked before one is written, so all are in memory, in some ten times the bytes of the
# file. It has room for 50,000 outcomes, more than a desk decides in months.
MOST_BYTES: Final = 16 * 1024 * 1024


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--yes", is_flag=True, help="Write the outcomes; without it, nothing is written.")
def import_file(file: BinaryIO, yes: bool) -> None:
    """Say what was decided about many subjects, from a table or JSON lines.

    FILE is a CSV table whose first line names the columns, or has one JSON object per line, as in
    docs/decisions.md, and at most 16 MiB; `-` reads standard input. Without --yes the command only checks and
    counts. If a line is refused, nothing is written, and the exit code is 1; the first hundred are shown.
    Importing a file again has no effect.

    \b
    Examples:
      tocsin outcome import decided.csv
      tocsin outcome import decided.csv --yes
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise click.ClickException(
            f"the file is larger than {MOST_BYTES // 1024**2} MiB: split it, and import the parts one by one."
        )
    found, refused, repeated = _checked(
        content, time.time_ns() // 1_000_000, load_categories(settings.categories_file)
    )
    decisions = Counter(each.outcome.decision for each in found)
    by_decision = ", ".join(f"{number:,} {decision}" for decision, number in sorted(decisions.items()))
    noun = "outcome" if len(found) == 1 else "outcomes"
    echo(
        f"{len(found):,} {noun}{': ' if by_decision else ''}{by_decision}; {repeated:,} repeated, "
        f"{refused:,} refused"
    )
    if refused:
        echo("nothing was written: correct the refused lines first", err=True)
        raise SystemExit(1)
    if not yes:
        echo(NOT_WRITTEN)
        return
    if found:
        with broker_errors_explained(settings):
            asyncio.run(send_events(settings, MODERATION_OUTCOMES, [each.event for each in found]))
    echo(f"{len(found):,} written")


def _checked(
    content: bytes, now_ms: int, categories: Collection[Category]
) -> tuple[list[PublishedOutcome], int, int]:
    """The outcomes in a file, each id once; how many lines were refused, and how many repeat one."""
    found: dict[str, PublishedOutcome] = {}
    refused = RefusedLines()
    repeated = 0
    for number, payload in read_lines(content):
        try:
            if isinstance(payload, Rejected):
                raise payload
            said = outcome_event(payload, now_ms, categories)
        except Rejected as rejected:
            refused.add(number, rejected)
            continue
        earlier = found.setdefault(said.outcome.outcome_id, said)
        if earlier is said:
            continue
        if _same(earlier.outcome, said.outcome):
            repeated += 1
        else:
            refused.add(number, "an earlier line says something else with the same outcome_id")
    refused.end()
    return list(found.values()), refused.number, repeated


def _same(one: ModerationOutcome, other: ModerationOutcome) -> bool:
    """Whether two outcomes say the same, at whatever time."""
    return msgspec.structs.replace(one, decided_at=other.decided_at) == other
