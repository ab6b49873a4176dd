"""`tocsin simulate`: publish made-up traffic that resembles a real platform's."""

import asyncio
from collections.abc import Iterator
from typing import BinaryIO

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.moment import MOMENT
from streams.contract.wire.topics import AUTHORITY_REQUESTS, MODERATION_OUTCOMES, REPORT_SOURCES
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings
from tocsin_demo.scenario import (
    MINIMUM_COUNT,
    STORYLINES,
    ScenarioRecord,
    play,
    play_alone,
    play_crowds,
    play_requests,
)
from tocsin_demo.simulate.sending import publish, write_lines

DEFAULT_COUNT = 50_000

# Names on the command line, where a space would need quotes.
_STORYLINE_BY_OPTION = {name.replace(" ", "-"): name for name in STORYLINES}


def _list_storylines(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        for word, name in _STORYLINE_BY_OPTION.items():
            click.echo(f"{word:<17} {STORYLINES[name].description}")
        context.exit()


def _enough(_context: click.Context, _parameter: click.Parameter, count: int | None) -> int | None:
    if count is not None and count < MINIMUM_COUNT:
        raise click.BadParameter(
            f"must be at least {MINIMUM_COUNT:,}: the storylines alone are about half of that, and need "
            "others around them. `--alone --storyline NAME` makes the reports of one storyline."
        )
    return count


@click.command()
@click.option(
    "--storyline",
    "words",
    multiple=True,
    type=click.Choice(list(_STORYLINE_BY_OPTION)),
    metavar="NAME",
    help="Play only this storyline; can be repeated.  [default: all]",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_storylines,
    help="List the storylines and exit.",
)
@click.option(
    "--alone",
    is_flag=True,
    help="Play only storylines, without background reports, duplicates and malformed records.",
)
@click.option(
    "--requests",
    is_flag=True,
    help="Publish the five requests of authorities to authority-requests instead of reports.",
)
@click.option(
    "--crowds",
    is_flag=True,
    help="Publish ten days of brigades, vigilant communities and a genuine wave, with what a desk decided.",
)
@click.option(
    "--only",
    type=click.Choice(["reports", "outcomes"]),
    help="With --crowds: only the reports, or only the outcomes. Needed with --out, because a file is for "
    "one topic.",
)
@click.option(
    "--reports",
    "count",
    type=int,
    callback=_enough,
    help=f"Number of records, filled up with background reports.  [default: {DEFAULT_COUNT}]",
)
@click.option(
    "--seed",
    default=7,
    show_default=True,
    help="Seed of the random numbers; another seed gives other people and channels.",
)
@click.option(
    "--end",
    type=MOMENT,
    help="End of the six hours or ten days, such as 2026-03-01T12:00:00Z, or PT24H for a day ago.  [default: "
    "now]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Records per second.  [default: as fast as possible]",
)
@click.option(
    "--out", type=click.File("wb"),
    help="Write JSON lines to this file (- is standard output); needs no Kafka.",
)  # fmt: skip
def simulate(
    words: tuple[str, ...],
    alone: bool,
    requests: bool,
    crowds: bool,
    only: str | None,
    count: int | None,
    seed: int,
    end: int | None,
    rate: float | None,
    out: BinaryIO | None,
) -> None:
    """Publish six made-up hours of a messaging platform.

    Publishes reports to message-reports and verified-reports: storylines (a wave of forged intimate images,
    victims whose requests start legal clocks, a fraud ring, a fast and a slow brigade and others) in a
    background of unrelated reports. One report in 200 is sent twice, and a few records are malformed, one for
    each reason of a dead letter. The same seed, number of records, storylines and end produce the same bytes.

    With --requests, publishes requests of authorities instead, among them a complete order, an incomplete one
    and one that is always refused.

    With --crowds, publishes ten days instead, all of fraud: a brigade of old accounts that reports five
    messages, one of new accounts, members who report what is wrong in their channels, and a genuine wave,
    among other reports; and to moderation-outcomes what a desk decided about each message. With a --rate
    of some hundreds, outcomes are applied before the reports that follow them.

    With --out, writes payloads that `tocsin publish` accepts (for requests: with --to authority-requests; for
    outcomes: with --to moderation-outcomes), without the malformed records, which cannot be written as lines.

    \b
    Examples:
      tocsin simulate --reports 20000
      tocsin simulate --storyline brigade --storyline slow-brigade --rate 50
      tocsin simulate --alone --storyline spam-flood --end 2026-03-01T12:00:00Z --out spam.jsonl
      tocsin simulate --requests
      tocsin simulate --crowds --rate 300
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    _require_one_kind(words, alone=alone, requests=requests, crowds=crowds, count=count)
    if only is not None and not crowds:
        raise click.UsageError("--only needs --crowds.")
    if crowds and out is not None and only is None:
        raise click.UsageError("--crowds with --out needs --only, because a file is for one topic.")
    chosen = [_STORYLINE_BY_OPTION[word] for word in dict.fromkeys(words)] or list(STORYLINES)
    end_ms = clock_ms() if end is None else end
    topics: tuple[str, ...] = REPORT_SOURCES
    if requests:
        records, topics = play_requests(seed, end_ms), (AUTHORITY_REQUESTS,)
    elif crowds:
        records, topics = _crowds(seed, end_ms, only), (*REPORT_SOURCES, MODERATION_OUTCOMES)
    elif alone:
        records = play_alone(seed, end_ms, chosen)
    else:
        records = play(seed, count or DEFAULT_COUNT, end_ms, chosen)
    if out is not None:
        progress = asyncio.run(write_lines(out, records, rate))
        click.echo(progress.summary(), err=True)
        return
    settings = load_settings()
    with broker_errors_explained(settings):
        progress = asyncio.run(publish(settings, topics, records, rate))
    click.echo(progress.summary())


def _require_one_kind(
    words: tuple[str, ...], *, alone: bool, requests: bool, crowds: bool, count: int | None
) -> None:
    """Raise UsageError if options of different kinds of traffic are combined."""
    if alone and count is not None:
        raise click.UsageError(
            "--alone cannot be combined with --reports, which sets the size of the background that --alone "
            "omits."
        )
    of_six_hours = alone or bool(words) or count is not None
    if requests and of_six_hours:
        raise click.UsageError(
            "--requests cannot be combined with --reports, --storyline or --alone, which select reports."
        )
    if crowds and (requests or of_six_hours):
        raise click.UsageError(
            "--crowds cannot be combined with --requests, --reports, --storyline or --alone: it is other "
            "traffic."
        )


def _crowds(seed: int, end_ms: int, only: str | None) -> Iterator[ScenarioRecord]:
    for record in play_crowds(seed, end_ms):
        if only is None or (record.fate == "outcome") == (only == "outcomes"):
            yield record
