"""`tocsin publish`: send events from a file or standard input to Kafka."""

import asyncio
from collections.abc import Collection, Iterator
from typing import BinaryIO

import click
from aiokafka import AIOKafkaProducer

from streams.commands.publish.further_problems import further_problems
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.old_reports import OldReports
from streams.commands.shared.progress import Progress
from streams.commands.shared.reach import configured_reach
from streams.commands.shared.refused_lines import RefusedLines
from streams.commands.shared.terminal import echo
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.personal_data import looks_like_email
from streams.contract.wire.reading import MAX_EVENT_BYTES, event_reader
from streams.contract.wire.topics import REPORT_SOURCES, ReportSource
from streams.deciding.reports.claims import Sources
from streams.registry.categories import load_categories
from streams.registry.sources import load_sources
from streams.running.clients.kafka_writing import Pace, started_producer
from streams.running.clients.published_event import PUBLISHED, Event, published_event, published_report
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings, load_settings

# At most this many bytes are read at once: some 2,000 reports, sent together. A read returns early with what
# is available, so a line that is typed or piped in is sent without delay.
_READ_BYTES = 1024 * 1024

# One byte more than an event may have.
_MOST_LINE_BYTES = MAX_EVENT_BYTES + 1

_TOPICS = (*REPORT_SOURCES, *PUBLISHED)


def _checked_source(_context: click.Context, _parameter: click.Parameter, source: str) -> str:
    if not source or not source.isprintable() or looks_like_email(source):
        raise click.BadParameter(
            "must be a printable name of a system, such as /platform/web or https://example.org/web, "
            "and not an e-mail address."
        )
    return source


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--to", "topic", type=click.Choice(_TOPICS), metavar="TOPIC",
    help=f"The topic to publish to: {', '.join(_TOPICS)}.  [default: of reports, the topic that takes each]",
)  # fmt: skip
@click.option(
    "--source", default="tocsin-publish", show_default=True, callback=_checked_source,
    help="The publishing system (ce_source). Two events with the same source and id are duplicates.",
)  # fmt: skip
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Events per second.  [default: as fast as possible]",
)
@click.option("--dry-run", is_flag=True, help="Check every line without sending anything; needs no Kafka.")
def publish(file: BinaryIO, topic: str | None, source: str, rate: float | None, dry_run: bool) -> None:
    """Publish reports, requests or outcomes from FILE.

    FILE has one JSON object per line, as described in docs/events.md; `-`, the default, reads standard input.
    Without --to the lines are reports, and each goes to the topic that takes it: those of users to
    message-reports, what the platform vouches for to verified-reports. Each valid line is sent as a
    CloudEvent in binary mode, with the right key. An invalid line is skipped; standard error has the first
    hundred with number and all that is wrong, and how many more there were. It also says once per category
    that a report is too old for every policy (TOCSIN_POLICIES_FILE); the report is sent all the same. A
    terminal shows the progress.

    After a failure, publish the file again within a day: Tocsin drops an event that it has seen in that time
    (TOCSIN_DUPLICATES_HOURS). To mark one clock as fulfilled or paused, use `tocsin clock`. Exits with 1
    if a line was refused.

    \b
    Examples:
      tocsin publish --dry-run reports.jsonl && tocsin publish reports.jsonl
      tocsin publish --to authority-requests --source /legal/intake requests.jsonl
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    settings = load_settings()
    categories = load_categories(settings.categories_file)
    sources = load_sources(settings.sources_file)
    lines = _Lines(topic, source, sources, categories, OldReports(configured_reach(settings)))
    if dry_run:
        ready = sum(len(events) for events in lines.read(file))
        lines.refused.end()
        echo(f"{ready} ready to publish, {lines.result}")
    else:
        with broker_errors_explained(settings):
            published = _send(settings, topic, lines.read(file), rate)
        lines.refused.end()
        echo(f"{published} published, {lines.result}")
    if lines.refused.number:
        raise SystemExit(1)


class _Lines:
    """Turns lines into events; counts refused and old ones and reports them on standard error."""

    def __init__(
        self,
        topic: str | None,
        source: str,
        sources: Sources,
        categories: Collection[Category],
        old: OldReports,
    ) -> None:
        self.refused = RefusedLines()
        self._old = old
        self._topic = topic
        self._source = source
        self._sources = sources
        self._categories = categories
        self._read_report = event_reader(FORM, categories)
        self._number = 0

    @property
    def result(self) -> str:
        """What became of the lines that are not simply sent."""
        return f"{self.refused.number} refused{self._old.ending()}"

    def read(self, file: BinaryIO) -> Iterator[list[Event]]:
        """Yield the events of the lines available so far, until the end of the file."""
        rest = b""
        while chunk := _read(file):
            *lines, rest = (rest + chunk).split(b"\n")
            # A longer one is refused whatever follows, so no line can fill the memory.
            rest = rest[:_MOST_LINE_BYTES]
            yield self._events(lines)
        yield self._events([rest])

    def _events(self, lines: list[bytes]) -> list[Event]:
        events = []
        for line in lines:
            self._number += 1
            value = line.strip()
            if not value:
                continue
            if value in (b"{", b"["):
                raise click.ClickException(
                    f"line {self._number} begins an object that goes on over several lines, and one line "
                    "has to be one object. `jq -c . FILE` (or `jq -c '.[]' FILE` for a list) writes them so."
                )
            try:
                events.append(self._event(value))
            except Rejected as rejected:
                self._refuse(value, rejected)
        return events

    def _refuse(self, value: bytes, rejected: Rejected) -> None:
        if self._topic in PUBLISHED:
            self.refused.add(self._number, rejected)
            return
        problems = further_problems(value, rejected, lambda report: self._read_report(report, (), clock_ms()))
        texts = [
            f"{problem} ({misspelt} is no field: a misspelling?)" if misspelt else str(problem)
            for problem, misspelt in problems
        ]
        self.refused.add(self._number, rejected, texts)

    def _event(self, value: bytes) -> Event:
        now_ms = clock_ms()
        if self._topic is None:
            return self._report(None, value, now_ms)
        for topic in REPORT_SOURCES:
            if self._topic == topic:
                return self._report(topic, value, now_ms)
        return published_event(self._topic, value, self._source, now_ms, self._categories)

    def _report(self, topic: ReportSource | None, value: bytes, now_ms: int) -> Event:
        decoded = self._read_report(value, (), now_ms)
        event = published_report(self._sources, topic, value, self._source, decoded)
        self._old.note(self._number, decoded.event.category, decoded.time_ms, now_ms)
        return event


def _read(file: BinaryIO) -> bytes:
    # Unlike `read`, `read1` does not wait for more; every buffered binary file has it, click's standard input
    # too.
    return file.read1(_READ_BYTES)  # type: ignore[attr-defined, no-any-return]


def _send(settings: Settings, topic: str | None, batches: Iterator[list[Event]], rate: float | None) -> int:
    # Reading blocks while a person types, so it happens outside the event loop, where Ctrl-C can interrupt
    # it.
    prefix = settings.topic_prefix
    with asyncio.Runner() as runner:
        topics = REPORT_SOURCES if topic is None else (topic,)
        producer = runner.run(started_producer(settings, *(prefix + each for each in topics)))
        progress, pace = Progress("published"), Pace(rate)
        try:
            for events in batches:
                for start in range(0, len(events), pace.batch):
                    part = events[start : start + pace.batch]
                    runner.run(_send_all(producer, prefix, part, pace))
                    progress.add(len(part))
        finally:
            runner.run(producer.stop())
            progress.clear()
    return progress.count


async def _send_all(producer: AIOKafkaProducer, prefix: str, events: list[Event], pace: Pace) -> None:
    await pace.turn(len(events))
    deliveries = [
        await producer.send(prefix + event.topic, key=event.key, value=event.value, headers=event.headers)
        for event in events
    ]
    await asyncio.gather(*deliveries)
