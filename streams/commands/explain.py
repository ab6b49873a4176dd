"""`tocsin explain`: why an escalation is one, from its events alone."""

import asyncio
from collections.abc import Iterator, Sequence

import click
import msgspec
from aiokafka import ConsumerRecord

from streams.commands.broker_errors import broker_errors_explained
from streams.commands.reading import committed_records
from streams.commands.record_text import as_json, decode_escalation
from streams.commands.text_table import text_table
from streams.events.escalation import Escalation
from streams.events.obligation import EscalatedObligation
from streams.settings import Settings, load_settings

TOPICS = ("escalations", "escalations-shadow")


@click.command()
@click.argument("escalation_id")
@click.option("--json", "json_lines", is_flag=True, help="Its events as they are, one JSON object a line.")
def explain(escalation_id: str, json_lines: bool) -> None:
    """Tell the story of an escalation: what crossed which threshold, when, and by the rules of which version.

    ESCALATION_ID is the `escalation_id` of its events, in escalations or escalations-shadow. Everything shown was
    written when it happened: later changes of policies or law do not show. Exits with 1 if there is no such escalation.

    \b
    Example:
      tocsin tail escalations --from-beginning --json | jq -r .value.escalation_id | head -1
      tocsin explain 3f0c81c2-5a0e-5c43-9d5e-0f3d2f1f6d55
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(_find(settings, escalation_id))
    if not found:
        raise click.ClickException(
            f"no event of escalation {escalation_id} is in {' or '.join(TOPICS)}: events are kept for a year; "
            "`tocsin tail escalations --from-beginning --json` shows the ids."
        )
    # After a reset of the state the same events are written again: one of each is enough.
    by_sequence = {escalation.sequence: (escalation, record) for escalation, record in reversed(found)}
    events = [by_sequence[sequence] for sequence in sorted(by_sequence)]
    if json_lines:
        click.echo("\n".join(as_json(record) for _, record in events))
    else:
        click.echo(story([escalation for escalation, _ in events]))


async def _find(settings: Settings, escalation_id: str) -> list[tuple[Escalation, ConsumerRecord]]:
    found = []
    wanted = escalation_id.encode()
    for topic in TOPICS:
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Decoding costs more than looking for the bytes.
            if wanted in (record.value or b""):
                try:
                    escalation = decode_escalation(record)
                except msgspec.DecodeError:
                    continue
                if escalation.escalation_id == escalation_id:
                    found.append((escalation, record))
    return found


def story(events: Sequence[Escalation]) -> str:
    """The events of one escalation in the order of their sequence, as text."""
    newest = events[-1]
    lines = [
        f"escalation {newest.escalation_id}: {newest.status}",
        *_block(
            [
                ("policy", f"{newest.policy} ({newest.mode}), counting {', '.join(newest.categories)}"),
                ("because", newest.policy_reason),
                ("channel", newest.channel_ref),
                ("began with", f"report {newest.trace.first_report_id}"),
            ]
        ),
    ]
    if events[0].sequence != 1:
        lines.append(f"  (what happened before event {events[0].sequence} is no longer in the log)")
    before: Escalation | None = None
    for event in events:
        lines += ["", *_event(event, before)]
        before = event
    return "\n".join(lines)


def _event(event: Escalation, before: Escalation | None) -> Iterator[str]:
    yield f"{event.sequence}. {event.at}  {event.type}, level {event.level} {event.level_name}: {event.reason}"
    if event.conditions:
        table = text_table(
            ("condition", "was", "", "threshold"),
            [
                (
                    row.measure,
                    _number(row.value),
                    ">=" if row.value >= row.threshold else "<",
                    _number(row.threshold),
                )
                for row in event.conditions
            ],
        )
        yield from (f"     {line}" for line in table.splitlines())
    counts, score = event.counts, event.score
    counted = (
        f"{counts.reports} reports by {counts.distinct_reporters} distinct reporters (n_eff {counts.n_eff:g}), "
        f"trusted flaggers {counts.trusted_flaggers}, detectors {counts.automated}, "
        f"state actors {counts.state_actors}"
    )
    parts = " + ".join(f"{name} {_number(part)}" for name, part in score.components.items())
    rows = [
        ("window", f"{event.window.start} to {event.window.end}"),
        ("counted", counted),
        ("risk", f"{_number(score.value)}{f' = {parts}' if parts else ''}"),
        ("integrity", _integrity(event)),
        ("caused by", _cause(event)),
    ]
    if event.message_refs:
        rows.append(("messages", ", ".join(event.message_refs)))
    # What stayed as it was need not be read again.
    if before is None or event.jurisdictions != before.jurisdictions:
        places = ", ".join(f"{row.code} {row.confidence:g} ({row.basis})" for row in event.jurisdictions)
        rows.append(("where", places or "unknown"))
    if before is None or event.obligations != before.obligations:
        rows += [("duty", _duty(row)) for row in event.obligations]
    if before is None or event.rule_of_law != before.rule_of_law:
        law = event.rule_of_law
        rows.append(("rule of law", f"{law.tier}, {law.decision}: {' '.join(law.reasons)}"))
    if before is None or event.routing != before.routing:
        rows += [("goes to", f"{row.recipient}, gate {row.gate}: {row.reason}") for row in event.routing]
    versions = (event.policy_version, event.registry_version)
    if before is None or versions != (before.policy_version, before.registry_version):
        rows.append(("versions", f"policy {versions[0]}, registry {versions[1]}"))
    yield from _block(rows, indent="     ")


def _block(rows: Sequence[tuple[str, str]], indent: str = "  ") -> list[str]:
    return [f"{indent}{name:<11} {text}" for name, text in rows]


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _integrity(event: Escalation) -> str:
    signs = ", ".join(f"{name} {_number(value)}" for name, value in event.integrity.signals.items())
    suspected = "brigade suspected" if event.integrity.brigade_suspected else "no brigade suspected"
    return f"{suspected}, score {_number(event.integrity.score)}{f' ({signs})' if signs else ''}"


def _cause(event: Escalation) -> str:
    places = ", ".join(f"{place}/{offset}" for place, offset in event.trace.partition_offsets.items())
    passing = "time passing after " if event.type == "resolved" else ""
    return f"{passing}report {event.trace.last_report_id}{f' at {places}' if places else ''}"


def _duty(obligation: EscalatedObligation) -> str:
    clock = f"clock {obligation.clock_status}" + (f", due {obligation.due_at}" if obligation.due_at else "")
    known = [obligation.trigger, obligation.standard, obligation.authority, clock, obligation.source_url]
    return f"{obligation.id}: {', '.join(part for part in known if part)}"
