"""Whether a decision about a source makes sense, and how it gets into force exactly once."""

from typing import Any

import click

from streams.commands.shared.kafka_group import workers_in_group
from streams.commands.source.sources import Source
from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.deciding.partition.admission.source_controls import SourceControls, control_record
from streams.running.clients.kafka_writing import producer_for
from streams.running.identity import consumer_group
from streams.running.log.claims import StatePartition
from streams.running.partitions.stage import RunnableStage
from streams.running.takeover.takeover import exclusive_writer
from streams.running.worker.settings import Settings


def require_sense(source: Source, decision: SourceDecision) -> None:
    """Raise ClickException if the decision would change nothing, or cannot be meant."""
    where = f"{source.topic} partition {source.partition}"
    if decision.action == "pause" and source.control.paused:
        raise click.ClickException(f"{where} is paused already. Nothing was written.")
    if decision.action == "resume" and not source.control.paused:
        raise click.ClickException(f"{where} is not paused. Nothing was written.")
    if decision.action != "skip":
        return
    until = decision.until or 0
    if until <= max(source.next, source.control.skip_below):
        done = f"is skipped up to {source.control.skip_below}" if source.control.skip_below else "is applied"
        raise click.ClickException(
            f"{where}: everything below offset {max(source.next, source.control.skip_below)} {done} already, "
            f"so there is nothing to skip below {until}. Nothing was written."
        )
    if until > source.end:
        raise click.ClickException(
            f"{where} ends at offset {source.end}: skipping to {until} would pass over records that are not "
            "published yet. Nothing was written."
        )


def effect(source: Source, decision: SourceDecision) -> str:
    """What the decision leads to, as a sentence for the operator."""
    where = f"{source.topic} partition {source.partition}"
    waiting = source.end - source.next
    if decision.action == "pause":
        return f"{where}: pauses at offset {source.next}; up to {waiting:,} records wait in the log"
    if decision.action == "resume":
        return f"{where}: resumes at offset {source.next}; up to {waiting:,} records wait in the log"
    passed = (decision.until or 0) - source.next
    return (
        f"{where}: passes over offsets {source.next} to {(decision.until or 0) - 1}, up to {passed:,} of "
        f"{waiting:,} waiting records; each becomes a dead letter with the reason `skipped`, unread"
    )


async def write_decision(
    settings: Settings, stage: RunnableStage[Any, Any], source: Source, decision: SourceDecision
) -> str:
    """Put the decision into force; returns how, for the operator.

    While workers run, it goes to the internal topic, and the owner of the partition applies it in the order
    of that log. Without workers it goes into the state, so that it is in force before the next worker reads
    the first record: a record that stops every worker can be skipped in no other way. The command claims the
    partition like a worker, so that no other worker changes the state meanwhile.
    """
    prefix, connection = settings.topic_prefix, settings.connection()
    if await workers_in_group(connection, consumer_group(prefix)):
        topic = prefix + stage.sources.internal
        value, headers = encode_source_decision(decision)
        async with producer_for(settings, topic) as producer:
            await producer.send_and_wait(topic, value, partition=source.partition, headers=list(headers))
        return (
            "written to the log; the partition's worker applies it within a second, or within five minutes "
            "if the partition is set aside"
        )
    controls = SourceControls()
    controls.restore(*_record(source))
    controls.decide(decision)
    ((key, changed),) = controls.drain_changes()
    async with exclusive_writer(connection, prefix, [StatePartition(stage.name, source.partition)]) as writer:
        state = (prefix + stage.state_topic, source.partition)
        await writer.write({state: [(key, changed, [])]})
    return "no worker runs: written to the state, in force when the next worker starts"


def _record(source: Source) -> tuple[bytes, bytes]:
    key, value = control_record(source.topic, source.control)
    assert value is not None
    return key, value
