"""`tocsin simulate`: made-up traffic that behaves like the real one."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.progress import Progress
from streams.commands.shared.scenario import (
    MINIMUM_COUNT,
    STORYLINES,
    ScenarioRecord,
    play,
    play_alone,
    play_requests,
)
from streams.commands.shared.writing import Pace, producer_for
from streams.wire.topics import AUTHORITY_REQUESTS, MESSAGE_REPORTS
from streams.worker.settings import Settings, load_settings

DEFAULT_COUNT = 50_000

# On a command line a name is one word.
_NAMES = {name.replace(" ", "-"): name for name in STORYLINES}


def _list_storylines(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        for word, name in _NAMES.items():
            click.echo(f"{word:<16} {STORYLINES[name].description}")
        context.exit()


@click.command()
@click.option(
    "--storyline",
    "words",
    multiple=True,
    type=click.Choice(list(_NAMES)),
    metavar="NAME",
    help="Play only this one; can be repeated. Without it, all of them.",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_storylines,
    help="List the storylines and end.",
)
@click.option("--alone", is_flag=True, help="Only the storylines: no background, no duplicates, no garbage.")
@click.option(
    "--requests",
    is_flag=True,
    help="Instead of reports, the few requests that authorities make in these hours, to authority-requests.",
)
@click.option(
    "--reports",
    "count",
    type=click.IntRange(min=MINIMUM_COUNT),
    help=f"Records in all; background fills up what the storylines leave.  [default: {DEFAULT_COUNT}]",
)
@click.option("--seed", default=7, show_default=True, help="Another seed, other people and channels.")
@click.option(
    "--end",
    type=MOMENT,
    help="When the six hours end, such as 2026-03-01T12:00:00Z, or PT24H for a day ago.  [default: now]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Records a second.  [default: as fast as possible]",
)
@click.option(
    "--out", type=click.File("wb"), help="Write JSON lines to this file, or - for standard output; needs no Kafka."
)  # fmt: skip
def simulate(
    words: tuple[str, ...],
    alone: bool,
    requests: bool,
    count: int | None,
    seed: int,
    end: int | None,
    rate: float | None,
    out: BinaryIO | None,
) -> None:
    """Publish six made-up hours of a messaging platform.

    Reports go to message-reports. Storylines (a wave of forged intimate images, victims who start legal clocks, a fraud ring, a fast and a slow
    brigade ...) stand in a background of unrelated reports; one report in 200 is sent twice, and a few records are
    broken in every way there is. The same seed, size, storylines and end give the same bytes.

    With --requests it is what authorities ask of the platform instead: an order that is complete, one that is not, one
    that is never followed.

    With --out, lines are payloads that `tocsin publish` takes (requests with --to authority-requests); broken records
    cannot be lines and are left out.

    \b
    Examples:
      tocsin simulate --reports 20000
      tocsin simulate --storyline brigade --storyline slow-brigade --rate 50
      tocsin simulate --alone --storyline spam-flood --end 2026-03-01T12:00:00Z --out spam.jsonl
      tocsin simulate --requests
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    if alone and count is not None:
        raise click.UsageError("--alone leaves out the background that --reports counts: give one of them.")
    if requests and (alone or words or count is not None):
        raise click.UsageError(
            "--requests are no reports: give it without --reports, --storyline and --alone."
        )
    chosen = [_NAMES[word] for word in dict.fromkeys(words)] or list(STORYLINES)
    end_ms = time.time_ns() // 1_000_000 if end is None else end
    if requests:
        records = play_requests(seed, end_ms)
    elif alone:
        records = play_alone(seed, end_ms, chosen)
    else:
        records = play(seed, count or DEFAULT_COUNT, end_ms, chosen)
    if out is not None:
        progress = asyncio.run(_write(out, records, rate))
        click.echo(progress.summary(), err=True)
        return
    settings = load_settings()
    with broker_errors_explained(settings):
        topic = AUTHORITY_REQUESTS if requests else MESSAGE_REPORTS
        progress = asyncio.run(_publish(settings, topic, records, rate))
    click.echo(progress.summary())


async def _write(out: BinaryIO, records: Iterator[ScenarioRecord], rate: float | None) -> Progress:
    progress, pace = Progress("written"), Pace(rate)
    for record in records:
        if record.fate != "garbage":
            await pace.turn(1)
            out.write(record.value + b"\n")
            if rate is not None:
                # At a rate somebody is reading along.
                out.flush()
            progress.add(1)
    progress.clear()
    return progress


async def _publish(
    settings: Settings, topic: str, records: Iterator[ScenarioRecord], rate: float | None
) -> Progress:
    progress, pace = Progress("published"), Pace(rate)
    topic = settings.topic_prefix + topic
    async with producer_for(settings, topic) as producer:
        while batch := list(islice(records, pace.batch)):
            await pace.turn(len(batch))
            written = [
                await producer.send(topic, record.value, record.key, headers=record.headers)
                for record in batch
            ]
            await asyncio.gather(*written)
            progress.add(len(batch))
    progress.clear()
    return progress
