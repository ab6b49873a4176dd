"""Options of `list` and `redrive` that select dead letters."""

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import click

from streams.commands.dead_letters.letter import Letter, letter_of
from streams.commands.shared.moment import MOMENT
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.wire.topics import DEAD_LETTERS
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings

TOPIC = DEAD_LETTERS


class Selection(NamedTuple):
    """What to select. None, or an empty `reasons`, selects everything.

    `topic`, `partition`, `source` (the publisher's ce_source) and `event_id` are the original's. `since`, in
    ms since the epoch, is when the letter was written.
    """

    reasons: tuple[str, ...] = ()
    topic: str | None = None
    partition: int | None = None
    since: int | None = None
    source: str | None = None
    event_id: str | None = None

    def holds(self, letter: Letter, prefix: str) -> bool:
        """Whether a letter is selected. `prefix` is the deployment's topic prefix."""
        return (
            (self.since is None or letter.appended_at >= self.since)
            and (not self.reasons or letter.reason in self.reasons)
            and (self.topic is None or letter.source_topic in (self.topic, prefix + self.topic))
            and (self.partition is None or letter.source_partition == self.partition)
            and (self.source is None or letter.event[0] == self.source)
            and (self.event_id is None or letter.event[1] == self.event_id)
        )


_OPTIONS = (
    click.option(
        "--reason", "reasons", multiple=True, type=click.Choice(DEAD_LETTER_REASONS), metavar="NAME",
        help="Only records refused for this reason; can be given several times.",
    ),
    click.option("--topic", help="Only records from this topic, with or without the prefix."),
    click.option(
        "--partition", type=click.IntRange(min=0),
        help="Only records from this partition of their topic.",
    ),
    click.option(
        "--since", type=MOMENT,
        help="Only records refused since this time, such as 2026-03-01T12:00:00Z, or PT2H for two hours ago.",
    ),
    click.option("--source", help="Only records of this publisher: its ce_source, such as /platform/web."),
    click.option("--id", "event_id", help="Only records with this id (ce_id), such as that of a report."),
)  # fmt: skip


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which receives them as a Selection, `selection`."""

    @functools.wraps(command)
    def with_selection(**given: Any) -> Any:
        selection = Selection(**{name: given.pop(name) for name in Selection._fields})
        return command(selection=selection, **given)

    decorated: Callable[..., Any] = with_selection
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


async def letters(settings: Settings, since: int | None) -> AsyncIterator[Letter]:
    """The dead letters that exist now, or those written since `since` (ms since the epoch)."""
    topic = settings.topic_prefix + TOPIC
    async for record in committed_records(settings.connection(), topic, since_ms=since):
        yield letter_of(record)
