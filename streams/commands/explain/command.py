"""`tocsin explain`: the command, and the events of an escalation."""

import asyncio

import click
import msgspec
from aiokafka import ConsumerRecord

from streams.commands.explain.report import FoundReport, find_reports, report_text
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.reach import configured_reach
from streams.commands.shared.terminal import echo
from streams.contract.events.escalation import Escalation
from streams.contract.wire.topics import ENRICHED_REPORTS, ESCALATIONS, ESCALATIONS_SHADOW
from streams.desk.text.record_text import as_json, caused_by_answer, decode_escalation
from streams.desk.text.story import story
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings, load_settings

TOPICS = (ESCALATIONS, ESCALATIONS_SHADOW)


@click.command()
@click.argument("subject", metavar="ID")
@click.option(
    "--json", "json_lines", is_flag=True, help="Print the events unchanged, one JSON object per line."
)
def explain(subject: str, json_lines: bool) -> None:
    """Explain an escalation, event by event, or what became of a report.

    ID is the `escalation_id` of the events in escalations or escalations-shadow, or the `report_id` of a
    report. Of an escalation it shows which values crossed which thresholds, when, and under which versions of
    policies and law; how many voices the reporters count as, signs of coordinated reporting in words, and
    what the priority is made of.

    For a legal clock it shows the duty and its source, why the clock was armed, when it started, when it is
    due, and what became of it. For any other escalation it shows why the clock of each duty does not run, and
    the platform's internal target.

    All of it was recorded when it happened: later changes of policies or law have no effect on it. Of a
    report it shows whether it was counted, which escalations it led to, and which policies
    (TOCSIN_POLICIES_FILE) could judge it: one that came too late is out of reach of some. Exits with 1 if
    there is neither.

    \b
    Examples:
      tocsin tail escalations --from-beginning --json | jq -r .value.escalation_id | head -1
      tocsin explain 3f0c81c2-5a0e-5c43-9d5e-0f3d2f1f6d55
      tocsin explain r-7f3a91
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(_find(settings, subject))
        events = [each for each in found if each[0].escalation_id == subject]
        reports = [] if events else asyncio.run(find_reports(settings, subject))
    if not events and not reports:
        raise click.ClickException(
            f"no event of escalation {subject} is in {' or '.join(TOPICS)}, and no report of this id in "
            f"{ENRICHED_REPORTS}. Events are kept for a year; `tocsin tail escalations --from-beginning "
            "--json` shows the ids."
        )
    if reports:
        _show_reports(settings, reports, [escalation for escalation, _ in found], json_lines)
        return
    # After a reset of the state, workers write the same events again. Show each once.
    by_sequence = {escalation.sequence: (escalation, record) for escalation, record in reversed(events)}
    in_order = [by_sequence[sequence] for sequence in sorted(by_sequence)]
    if json_lines:
        echo("\n".join(as_json(record) for _, record in in_order))
    else:
        echo(story([escalation for escalation, _ in in_order]))


def _show_reports(
    settings: Settings, reports: list[FoundReport], named_by: list[Escalation], json_lines: bool
) -> None:
    if json_lines:
        echo("\n".join(as_json(found.record) for found in reports))
        return
    reach = configured_reach(settings)
    for found in reports:
        # Another publisher may have a report of the same id.
        channel = found.enriched.report.channel.ref
        echo(report_text(found, reach, [event for event in named_by if event.channel_ref == channel]))


async def _find(settings: Settings, subject: str) -> list[tuple[Escalation, ConsumerRecord]]:
    """The events of an escalation, or those that a report caused."""
    found = []
    wanted = subject.encode()
    for topic in TOPICS:
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Searching the bytes is cheaper than decoding every record.
            if wanted in (record.value or b""):
                try:
                    escalation = decode_escalation(record)
                except msgspec.DecodeError:
                    continue
                if escalation.escalation_id == subject or _caused(escalation, subject):
                    found.append((escalation, record))
    return found


def _caused(event: Escalation, report_id: str) -> bool:
    """Whether a report opened or raised an escalation with this event. Later steps name it too."""
    if event.clock is not None:
        return event.type == "opened" and event.trace.first_report_id == report_id
    by_report = event.type != "resolved" and not caused_by_answer(event)
    return by_report and event.trace.last_report_id == report_id
