"""`tocsin tail`: look at what comes out."""

import asyncio
from typing import get_args

import click
import msgspec

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.reading import committed_reader
from streams.commands.shared.record_text import READABLE, as_json
from streams.commands.tail.record_filter import FILTERS, RecordFilter
from streams.events.authority_routing import Decision, RoutingType
from streams.events.escalation import EscalationType
from streams.events.report import CATEGORIES
from streams.wire.records import SourceRecord
from streams.worker.settings import Settings, load_settings


@click.command()
@click.argument("topic", type=click.Choice(list(READABLE)), metavar="TOPIC")
@click.option("--from-beginning", is_flag=True, help="Start with the oldest record instead of the next one.")
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line: key, headers, value.")
@click.option("--max", "most", type=click.IntRange(min=1), help="End after so many records were printed.")
@click.option("--channel", help="Only records of the channel with this ref.")
@click.option(
    "--category", type=click.Choice(CATEGORIES), metavar="NAME", help="Only records that concern it."
)
@click.option("--country", help="Only records that concern this country, or come from its authorities.")
@click.option("--policy", help="Only escalations of the policy with this id; legal-clock: only legal clocks.")
@click.option("--request", help="Only what became of the authority's request with this id.")
@click.option(
    "--decision",
    type=click.Choice(get_args(Decision)),
    metavar="NAME",
    help="Only requests of authorities that were judged so: routed, incomplete, refused.",
)
@click.option(
    "--type",
    "type_",
    type=click.Choice([*get_args(EscalationType), *get_args(RoutingType)]),
    metavar="NAME",
    help="Only such events: opened, updated, resolved of escalations; routed, clock_updated, clock_closed of requests.",
)
def tail(
    topic: str,
    from_beginning: bool,
    json_lines: bool,
    most: int | None,
    channel: str | None,
    category: str | None,
    country: str | None,
    policy: str | None,
    request: str | None,
    decision: str | None,
    type_: str | None,
) -> None:
    """Print the records of TOPIC as they come, until Ctrl-C.

    \b
    What comes out:
      escalations, escalations-shadow, enriched-reports, authority-routing,
      transparency-counters, dead-letters
    What others put in:
      authority-requests, clock-outcomes

    An aborted transaction is never shown, exactly as for any read_committed subscriber. A filter that means nothing for
    a topic is refused. `tocsin dead-letters list` has filters for dead letters.

    \b
    Examples:
      tocsin tail escalations
      tocsin tail escalations --from-beginning --policy fraud --type opened
      tocsin tail escalations --policy legal-clock --country GB
      tocsin tail authority-routing --decision refused
      tocsin tail dead-letters --from-beginning --json | jq '.headers["tocsin-reason"]'
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    given = {
        "channel": channel, "category": category, "country": country, "policy": policy,
        "request": request, "decision": decision, "type": type_,
    }  # fmt: skip
    wanted = RecordFilter({name: value for name, value in given.items() if value is not None})
    for name in wanted.values:
        if name not in FILTERS[topic]:
            raise click.UsageError(f"--{name} means nothing for {topic}: its records have none.")
    settings = load_settings()
    try:
        with broker_errors_explained(settings):
            asyncio.run(_print_records(settings, topic, from_beginning, json_lines, most, wanted))
    except KeyboardInterrupt:
        # The usual way to end it.
        return


async def _print_records(
    settings: Settings,
    topic: str,
    from_beginning: bool,
    json_lines: bool,
    most: int | None,
    wanted: RecordFilter,
) -> None:
    name = settings.topic_prefix + topic
    printed = 0
    async with committed_reader(settings.connection(), [name], from_beginning=from_beginning) as consumer:
        async for record in consumer:
            if not wanted.holds(topic, record):
                continue
            click.echo(_text(topic, record, json_lines))
            printed += 1
            if printed == most:
                return


def _text(topic: str, record: SourceRecord, json_lines: bool) -> str:
    if json_lines:
        return as_json(record)
    try:
        return READABLE[topic](record)
    except msgspec.DecodeError as error:
        raise click.ClickException(
            f"{record.topic} partition {record.partition} offset {record.offset} is not a record of this version "
            f"({error}): look at it with --json."
        ) from error
