"""`tocsin tail`: the command."""

import asyncio
from typing import get_args

import click
import msgspec

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.category import CATEGORY
from streams.commands.shared.country import COUNTRY
from streams.commands.shared.late_reports import LateReports, out_of_reach
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.reach import Reach, configured_reach
from streams.commands.shared.terminal import echo
from streams.commands.tail.record_filter import FILTERS, RecordFilter
from streams.contract.events.authority_routing import RoutingDecision, RoutingType
from streams.contract.events.case_activity import ActivityKind
from streams.contract.events.escalation import EscalationType
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.desk.text.record_text import READABLE, as_json
from streams.running.clients.kafka_reading import committed_reader
from streams.running.worker.settings import Settings, load_settings


@click.command()
@click.argument("topic", type=click.Choice(list(READABLE)), metavar="TOPIC")
@click.option(
    "--from-beginning", is_flag=True, help="Start with the oldest record instead of the next new one."
)
@click.option(
    "--since",
    type=MOMENT,
    help="Start with the records written since then. TIME is a time with a zone or a duration before now.",
)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line: key, headers, value.")
@click.option("--max", "most", type=click.IntRange(min=1), help="Stop after printing this many records.")
@click.option("--channel", help="Only records about the channel with this ref.")
@click.option(
    "--category",
    type=CATEGORY,
    metavar="NAME",
    help="Only records about this category of reports, such as fraud.",
)
@click.option(
    "--country",
    type=COUNTRY,
    metavar="CODE",
    help="Only records that concern this country, or requests from its authorities.",
)
@click.option(
    "--policy", help="Only escalations of the policy with this id, or legal-clock for legal clocks only."
)
@click.option("--request", help="Only records about the authority's request with this id.")
@click.option(
    "--decision",
    type=click.Choice([*get_args(RoutingDecision), *get_args(OutcomeDecision)]),
    metavar="NAME",
    help="Only records with this decision. Authorities' requests: routed, incomplete, refused. "
    "Outcomes of desks: upheld, dismissed, manifestly_unfounded.",
)
@click.option(
    "--type",
    "type_",
    type=click.Choice([*get_args(EscalationType), *get_args(RoutingType), *get_args(ActivityKind)]),
    metavar="NAME",
    help="Only events of this type. Escalations: opened, updated, resolved. "
    "Requests: routed, clock_updated, clock_closed. Acts on cases: claimed, released and so on.",
)
def tail(
    topic: str,
    from_beginning: bool,
    since: int | None,
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
    """Print the records of TOPIC as they arrive, until Ctrl-C.

    \b
    Topics that Tocsin writes:
      escalations, escalations-shadow, enriched-reports, authority-routing,
      transparency-counters, reporter-notices, review-questions, detector-feedback, dead-letters,
      refusals
    Topics that others write:
      authority-requests, clock-outcomes, moderation-outcomes, case-activity

    Only committed records are shown, as to any read_committed subscriber. A filter that does not apply to the
    topic is an error. For dead letters, `tocsin dead-letters list` has filters. With enriched-reports, a
    report that came too late for policies (TOCSIN_POLICIES_FILE) has a line that names them, as far as the
    reports before it were read: with --from-beginning, all.

    \b
    Examples:
      tocsin tail escalations
      tocsin tail escalations --from-beginning --policy fraud --type opened
      tocsin tail escalations --since PT8H --category ncii_deepfake
      tocsin tail escalations --policy legal-clock --country GB
      tocsin tail authority-routing --decision refused
      tocsin tail dead-letters --from-beginning --json | jq '.headers["tocsin-reason"]'
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    given = {
        "channel": channel, "category": category, "country": country, "policy": policy,
        "request": request, "decision": decision, "type": type_,
    }  # fmt: skip
    record_filter = RecordFilter({name: value for name, value in given.items() if value is not None})
    for name in record_filter.values:
        if name not in FILTERS[topic]:
            raise click.UsageError(f"--{name} does not apply to {topic}{_applicable(topic)}.")
    if from_beginning and since is not None:
        raise click.UsageError("--from-beginning and --since exclude each other.")
    settings = load_settings()
    try:
        with broker_errors_explained(settings):
            asyncio.run(
                _print_records(settings, topic, from_beginning, since, json_lines, most, record_filter)
            )
    except KeyboardInterrupt:
        # Ctrl-C is the normal way to stop.
        return


def _applicable(topic: str) -> str:
    """The rest of an error message: the filters that a topic has."""
    names = ", ".join(f"--{name}" for name in FILTERS[topic])
    return f"; its filters are {names}" if names else ", which has no filters"


async def _print_records(
    settings: Settings,
    topic: str,
    from_beginning: bool,
    since_ms: int | None,
    json_lines: bool,
    most: int | None,
    record_filter: RecordFilter,
) -> None:
    name = settings.topic_prefix + topic
    printed = 0
    late_reports = LateReports()
    reach = configured_reach(settings) if topic == ENRICHED_REPORTS else Reach(())
    async with committed_reader(
        settings.connection(), [name], from_beginning=from_beginning, since_ms=since_ms
    ) as consumer:
        async for record in consumer:
            # Also what is not shown moves time on.
            applied = late_reports.note(record) if topic == ENRICHED_REPORTS else None
            if not record_filter.matches(topic, record):
                continue
            echo(_text(topic, record, json_lines))
            if not json_lines and (late := out_of_reach(reach, applied)):
                echo(f"         {late}")
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
            f"{record.topic} partition {record.partition} offset {record.offset} cannot be read by this "
            f"version ({error}): use --json to see the record."
        ) from error
