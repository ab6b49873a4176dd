"""`tocsin tail`: look at what comes out."""

import asyncio

import click
import msgspec

from streams.commands.broker_errors import broker_errors_explained
from streams.commands.reading import committed_reader
from streams.commands.record_text import READABLE, as_json
from streams.events.record import SourceRecord
from streams.settings import Settings, load_settings


@click.command()
@click.argument("topic", type=click.Choice(list(READABLE)))
@click.option("--from-beginning", is_flag=True, help="Start with the oldest record instead of the next one.")
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line: key, headers, value.")
@click.option("--max", "most", type=click.IntRange(min=1), help="End after so many records.")
def tail(topic: str, from_beginning: bool, json_lines: bool, most: int | None) -> None:
    """Print records of TOPIC as they are committed, until Ctrl-C.

    An aborted transaction is never shown, exactly as for any read_committed subscriber.

    \b
    Examples:
      tocsin tail escalations
      tocsin tail dead-letters --from-beginning --json | jq '.headers["tocsin-reason"]'
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    try:
        with broker_errors_explained(settings):
            asyncio.run(_print_records(settings, topic, from_beginning, json_lines, most))
    except KeyboardInterrupt:
        # The usual way to end it.
        return


async def _print_records(
    settings: Settings, topic: str, from_beginning: bool, json_lines: bool, most: int | None
) -> None:
    name = settings.topic_prefix + topic
    printed = 0
    async with committed_reader(settings.connection(), [name], from_beginning=from_beginning) as consumer:
        async for record in consumer:
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
