"""`tocsin explain`: tells from its events why an escalation was opened and what happened to it."""

import asyncio

import click
import msgspec
from aiokafka import ConsumerRecord

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.contract.events.escalation import Escalation
from streams.contract.wire.topics import ESCALATIONS, ESCALATIONS_SHADOW
from streams.desk.text.record_text import as_json, decode_escalation
from streams.desk.text.story import story
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings, load_settings

TOPICS = (ESCALATIONS, ESCALATIONS_SHADOW)


@click.command()
@click.argument("escalation_id")
@click.option(
    "--json", "json_lines", is_flag=True, help="Print the events unchanged, one JSON object per line."
)
def explain(escalation_id: str, json_lines: bool) -> None:
    """Explain an escalation, event by event.

    It shows which values crossed which thresholds, when, and under which versions of policies and law; how
    many voices the reporters count as, signs of coordinated reporting in words, and what the priority is made
    of. ESCALATION_ID is the `escalation_id` of the events in escalations or escalations-shadow.

    For a legal clock it shows the duty and its source, why the clock was armed, when it started, when it is
    due, and what became of it. For any other escalation it shows why the clock of each duty does not run, and
    the platform's internal target.

    Everything shown was recorded when it happened: later changes of policies or law have no effect on it.
    Exits with 1 if there is no such escalation.

    \b
    Examples:
      tocsin tail escalations --from-beginning --json | jq -r .value.escalation_id | head -1
      tocsin explain 3f0c81c2-5a0e-5c43-9d5e-0f3d2f1f6d55
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(_find(settings, escalation_id))
    if not found:
        raise click.ClickException(
            f"no event of escalation {escalation_id} is in {' or '.join(TOPICS)}. Events are kept for a "
            "year; `tocsin tail escalations --from-beginning --json` shows the ids."
        )
    # After a reset of the state, workers write the same events again. Show each once.
    by_sequence = {escalation.sequence: (escalation, record) for escalation, record in reversed(found)}
    events = [by_sequence[sequence] for sequence in sorted(by_sequence)]
    if json_lines:
        echo("\n".join(as_json(record) for _, record in events))
    else:
        echo(story([escalation for escalation, _ in events]))


async def _find(settings: Settings, escalation_id: str) -> list[tuple[Escalation, ConsumerRecord]]:
    found = []
    wanted = escalation_id.encode()
    for topic in TOPICS:
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Searching the bytes is cheaper than decoding every record.
            if wanted in (record.value or b""):
                try:
                    escalation = decode_escalation(record)
                except msgspec.DecodeError:
                    continue
                if escalation.escalation_id == escalation_id:
                    found.append((escalation, record))
    return found
