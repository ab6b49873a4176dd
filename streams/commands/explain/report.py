"""What became of a report, from its enriched report and the escalations that name it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from streams.commands.shared.late_reports import Applied, LateReports, out_of_reach
from streams.commands.shared.reach import Reach, age
from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.escalation import Escalation
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings

_WHERE: Final = {
    "now": "judged in its window of now",
    "then": "judged in the windows of its own time",
    "out": "out of reach, the report came too late",
}
_ENRICHED = msgspec.json.Decoder(EnrichedReport)


class FoundReport(NamedTuple):
    """A report, and when it was applied; `record` is the one that has it."""

    enriched: EnrichedReport
    applied: Applied
    record: ConsumerRecord


async def find_reports(settings: Settings, report_id: str) -> list[FoundReport]:
    """The reports with this id; more than one if several publishers use it."""
    found, late_reports = [], LateReports()
    wanted = report_id.encode()
    topic = settings.topic_prefix + ENRICHED_REPORTS
    async for record in committed_records(settings.connection(), topic):
        applied = late_reports.note(record)
        if applied is not None and wanted in (record.value or b""):
            try:
                enriched = _ENRICHED.decode(record.value or b"")
            except msgspec.DecodeError:
                continue
            if enriched.report.report_id == report_id:
                found.append(FoundReport(enriched, applied, record))
    return found


def report_text(found: FoundReport, reach: Reach, led_to: Sequence[Escalation]) -> str:
    """A report in words; `led_to` are the events of escalations that it caused."""
    enriched, applied, _ = found
    report = enriched.report
    late = applied.now - applied.occurred
    when = f"occurred at {rfc3339(applied.occurred)}"
    if late:
        when += f", {age(late)} before the newest report that its partition had applied"
    rows = [("when", when), ("counted", _counted(enriched))]
    rows += [
        ("policy", f"{each.policy} ({each.window}): {_WHERE[each.where]}")
        for each in reach.judged(report.category, applied.occurred, applied.now)
    ]
    if out := out_of_reach(reach, applied):
        rows.append(("late", out))
    rows += [
        ("led to", f"{event.type} {event.policy} level {event.level}: tocsin explain {event.escalation_id}")
        for event in led_to
    ] or [("led to", "no escalation")]
    head = f"report {report.report_id}: {report.category} in channel {report.channel.ref}"
    return "\n".join([head, *(f"  {name:<11} {text}" for name, text in rows)])


def _counted(enriched: EnrichedReport) -> str:
    if enriched.without_weight:
        return f"without weight: {enriched.without_weight}"
    counted = "yes" if enriched.counted else f"no: {enriched.not_counted_reason}"
    return f"{counted}, may be a repeat" if enriched.possible_repeat else counted
