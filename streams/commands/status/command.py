"""`tocsin status`: says whether a deployment works now."""

import asyncio

import click
import orjson

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.commands.status.facts import Facts
from streams.commands.status.reading import read_facts
from streams.commands.status.text import as_document, as_text
from streams.commands.status.verdict import findings
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings, load_settings

# Reading takes seconds. A partition that loses its leader meanwhile would be waited for without an end.
_SECONDS = 120.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def status(as_json: bool) -> None:
    """Say whether the deployment works now, and which runbook helps if not.

    The first line is the verdict; what else is wrong follows, the most urgent first, each with the page that
    says what to do. Then come the workers with their version, rules and partitions, the sources with records
    that wait, the first legal deadlines, and the dead letters of the last hour. All of this is read from
    Kafka. If TOCSIN_HTTP_PORT is set, the worker at that port and TOCSIN_HTTP_HOST is asked too: whether it
    is ready, and which partitions it has set aside. Exits with 0 if all is well, with 1 if something is wrong
    or Kafka does not answer.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        facts = asyncio.run(_read(settings))
    found = findings(facts)
    echo(orjson.dumps(as_document(facts, found)).decode() if as_json else as_text(facts, found))
    if found:
        raise SystemExit(1)


async def _read(settings: Settings) -> Facts:
    try:
        async with asyncio.timeout(_SECONDS):
            return await read_facts(settings, clock_ms())
    except TimeoutError as error:
        raise click.ClickException(
            f"Kafka at {settings.kafka_bootstrap} did not answer everything within {_SECONDS:.0f} seconds: a "
            "broker may be stuck, or a partition may have lost its leader. See "
            "docs/runbooks/TocsinDestinationInTrouble.md."
        ) from error
