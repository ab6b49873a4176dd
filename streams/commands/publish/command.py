"""`tocsin publish`: events from a file or standard input to Kafka."""

import asyncio
import time
from collections.abc import Iterator
from typing import BinaryIO

import click
from aiokafka import AIOKafkaProducer

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.progress import Progress
from streams.commands.shared.published_event import PUBLISHED, Event, published_event
from streams.commands.shared.writing import Pace, started_producer
from streams.wire.dead_letter import Rejected
from streams.wire.personal_data import looks_like_email
from streams.wire.topics import MESSAGE_REPORTS
from streams.worker.settings import Settings, load_settings

# Bytes read at once: some 2,000 reports, sent together. Less comes back at once when that is all there is, so that a
# line typed or piped in is sent when it is there.
_READ_BYTES = 1024 * 1024


def _checked_source(_context: click.Context, _parameter: click.Parameter, source: str) -> str:
    if not source or not source.isprintable() or looks_like_email(source):
        raise click.BadParameter(
            "must name a system, not a person, such as /platform/web or https://example.org/web."
        )
    return source


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--to", "topic", type=click.Choice(list(PUBLISHED)), default=MESSAGE_REPORTS, show_default=True,
    metavar="TOPIC", help=f"What the lines are for: {', '.join(PUBLISHED)}.",
)  # fmt: skip
@click.option(
    "--source", default="tocsin-publish", show_default=True, callback=_checked_source,
    help="Who publishes (ce_source). With the id in the payload it tells a repeated event from a new one.",
)  # fmt: skip
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Events a second.  [default: as fast as possible]",
)
@click.option("--dry-run", is_flag=True, help="Check every line and send nothing; needs no Kafka.")
def publish(file: BinaryIO, topic: str, source: str, rate: float | None, dry_run: bool) -> None:
    """Publish reports, requests or outcomes from FILE.

    FILE holds one JSON object a line (docs/events.md says what stands in one); `-`, the default, reads standard input.
    --to says what they are. A line that is none is named on standard error and left out; the others are sent, as CloudEvents in binary mode with
    the right key. A file can be published again after a failure: Tocsin drops what is among the last events it has
    seen (TOCSIN_DUPLICATES_REMEMBERED). On a terminal it shows how far it is.

    To say what became of one clock, `tocsin clock` is easier. Exits with 1 if a line was refused.

    \b
    Examples:
      tocsin publish --dry-run reports.jsonl && tocsin publish reports.jsonl
      tocsin publish --to authority-requests --source /legal/intake requests.jsonl
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    lines = _Lines(topic, source)
    if dry_run:
        ready = sum(len(events) for events in lines.read(file))
        click.echo(f"{ready} ready to publish, {lines.refused} refused")
    else:
        with broker_errors_explained(settings):
            published = _send(settings, topic, lines.read(file), rate)
        click.echo(f"{published} published, {lines.refused} refused")
    if lines.refused:
        raise SystemExit(1)


class _Lines:
    """Lines to events. Refused lines are counted and named on standard error."""

    def __init__(self, topic: str, source: str) -> None:
        self.refused = 0
        self._topic = topic
        self._source = source
        self._number = 0

    def read(self, file: BinaryIO) -> Iterator[list[Event]]:
        """Give the events of the lines that have arrived, until the file ends."""
        rest = b""
        while chunk := _read(file):
            *lines, rest = (rest + chunk).split(b"\n")
            yield self._events(lines)
        yield self._events([rest])

    def _events(self, lines: list[bytes]) -> list[Event]:
        events = []
        for line in lines:
            self._number += 1
            value = line.strip()
            if not value:
                continue
            try:
                now_ms = time.time_ns() // 1_000_000
                events.append(published_event(self._topic, value, self._source, now_ms))
            except Rejected as rejected:
                self.refused += 1
                click.echo(f"line {self._number}: {rejected}", err=True)
        return events


def _read(file: BinaryIO) -> bytes:
    # `read1` returns what is there; click's standard input has it, like every buffered file.
    return file.read1(_READ_BYTES)  # type: ignore[attr-defined, no-any-return]


def _send(settings: Settings, topic: str, batches: Iterator[list[Event]], rate: float | None) -> int:
    # Reading may block for as long as a person types, so it happens outside of the event loop: Ctrl-C then ends it.
    topic = settings.topic_prefix + topic
    with asyncio.Runner() as runner:
        producer = runner.run(started_producer(settings, topic))
        progress, pace = Progress("published"), Pace(rate)
        try:
            for events in batches:
                for start in range(0, len(events), pace.batch):
                    part = events[start : start + pace.batch]
                    runner.run(_send_all(producer, topic, part, pace))
                    progress.add(len(part))
        finally:
            runner.run(producer.stop())
            progress.clear()
    return progress.count


async def _send_all(producer: AIOKafkaProducer, topic: str, events: list[Event], pace: Pace) -> None:
    await pace.turn(len(events))
    deliveries = [
        await producer.send(topic, key=event.key, value=event.value, headers=event.headers)
        for event in events
    ]
    await asyncio.gather(*deliveries)
