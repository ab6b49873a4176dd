"""`tocsin intake`: takes reports by HTTP, or asks for them."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import orjson

from streams.commands.intake.ref import ref
from streams.commands.intake.send import send
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.extra_packages import extra_packages
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.intake.settings import IntakeSettings
from streams.registry.categories import load_categories
from streams.running.operations.logs import configure_logs
from streams.running.wall_clock import clock_ms
from streams.running.worker.environment import load_prefixed, needed
from streams.running.worker.settings import Settings, load_settings

if TYPE_CHECKING:
    from streams.intake.sources import IntakeSource

# What a line of `check` shows of a value.
_SHOWN = 40


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.pass_context
def intake(context: click.Context) -> None:
    """Take reports by HTTP, from systems that write no Kafka.

    Runs until Ctrl-C or SIGTERM. TOCSIN_INTAKE_SOURCES_FILE lists who may send what, and how it is signed;
    ids become pseudonyms under TOCSIN_INTAKE_PSEUDONYM_KEY before anything is written. docs/intake.md shows
    how to connect a service.

    \b
    Examples:
      TOCSIN_INTAKE_SOURCES_FILE=intake.yaml TOCSIN_INTAKE_PSEUDONYM_KEY_FILE=key tocsin intake
      tocsin intake poll
      tocsin intake check mapping.yaml sample.json
      tocsin intake send reports.csv --token-file forum.secret
      tocsin intake ref channel "room 7"
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    if context.invoked_subcommand is not None:
        return
    settings, own, sources = _started()
    sending = {name: source for name, source in sources.items() if source.scheme is not None}
    if not sending:
        raise click.ClickException(
            f"{own.sources_file} has no source with authentication: `tocsin intake poll` asks the others"
        )
    from streams.intake.run import run_intake  # noqa: PLC0415 - as `_started`

    with broker_errors_explained(settings):
        asyncio.run(run_intake(settings, own, sending, lambda address: echo(f"taking reports at {address}")))


@intake.command()
def poll() -> None:
    """Ask the systems for reports that do not send them: the sources with `poll`.

    Runs until Ctrl-C or SIGTERM, beside `tocsin intake` or without it. How far each system was read is kept
    in the topic intake-positions.
    """
    settings, own, sources = _started()
    if not any(source.polls for source in sources.values()):
        raise click.ClickException(f"{own.sources_file} has no source with poll")
    from streams.intake.run import run_polls  # noqa: PLC0415 - as `_started`

    with broker_errors_explained(settings):
        asyncio.run(run_polls(settings, own, sources, lambda: echo("asking for reports")))


def _started() -> tuple[Settings, IntakeSettings, Mapping[str, "IntakeSource"]]:
    """The settings and the sources, with logs set up."""
    with extra_packages("the intake", "intake"):
        import streams.intake.run  # noqa: F401, PLC0415
        from streams.intake.sources import load_intake_sources  # noqa: PLC0415
    settings, own = load_settings(), load_prefixed(IntakeSettings, os.environ)
    configure_logs(settings.log_level, settings.log_format)
    return settings, own, load_intake_sources(Path(needed(own, "sources_file")))


intake.add_command(send)
intake.add_command(ref)


@intake.command()
@click.argument("mapping")
@click.argument("sample", type=click.File("rb"))
def check(mapping: str, sample: BinaryIO) -> None:
    """Show what a mapping file makes of a sample, field by field; needs no Kafka.

    MAPPING is the YAML file of a source, or the name of one that comes with Tocsin, such as mastodon; SAMPLE
    is what the service sends (JSON). Exits with 1 if a report of the sample would be refused.
    """
    with extra_packages("the intake", "intake"):
        from streams.intake.mapping import Unmappable, load_mapping  # noqa: PLC0415
        from streams.intake.refs import with_pseudonyms  # noqa: PLC0415
        from streams.intake.sources import mapping_path  # noqa: PLC0415
    loaded = load_mapping(mapping_path(Path(), mapping))
    try:
        documents = loaded.documents(orjson.loads(sample.read()))
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{sample.name} is not JSON: {error}") from error
    except ValueError as error:
        raise click.ClickException(f"{sample.name}: {error}") from error
    read = event_reader(FORM, load_categories(load_settings().categories_file))
    refused = 0
    for number, document in enumerate(documents, start=1):
        echo(f"report {number}:")
        try:
            report = loaded.report(document)
            for name, source in loaded.fields.items():
                echo(f"  {name:22} {_shown(report, name):{_SHOWN}} from {source.path}")
            read(orjson.dumps(with_pseudonyms(report, b"", "")), (), clock_ms())
            echo("  ready to publish")
        except Unmappable as error:
            refused += 1
            echo(f"  refused: {error.field}: the document {error.why} ({error.path})")
        except Rejected as rejected:
            refused += 1
            echo(
                f"  refused: {rejected.field}: {rejected.detail} "
                f"({loaded.path_of(rejected.field) or 'the mapping has no such field'})"
            )
    if not documents:
        echo("no report: only_if is not true of the sample, or its list is empty")
    if refused:
        raise SystemExit(1)


def _shown(report: dict[str, Any], name: str) -> str:
    above, _, own = name.rpartition(".")
    value = (report.get(above, {}) if above else report).get(own)
    if value is None:
        return "nothing"
    if own in ("ref", "message_ref", "message_version") or isinstance(value, list):
        return "a pseudonym"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
