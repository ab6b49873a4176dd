"""`tocsin transparency statements`: draft statements of reasons, and check them."""

from datetime import datetime
from typing import Any, BinaryIO

import click
import msgspec
import orjson

from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.transparency.topic_records import read_escalations, read_outcomes
from streams.registry.loader import load_rules
from streams.running.worker.settings import load_settings
from streams.statutory.statements.draft import HowLearned, drafts
from streams.statutory.statements.rules import check_statement

_DAY = click.DateTime(formats=["%Y-%m-%d"])

_STATEMENT = msgspec.json.Decoder(dict[str, Any])


@click.group(cls=SuggestingGroup)
def statements() -> None:
    """Draft statements of reasons for the DSA Transparency Database, and check them.

    The database has its schema since 2025-07-01. Tocsin sends nothing to it.
    """


@statements.command()
@click.option("--from", "first", type=_DAY, metavar="DATE", help="Only decisions from this day on.")
@click.option("--to", "last", type=_DAY, metavar="DATE", help="Only decisions until this day, inclusive.")
@click.option(
    "--outcomes", type=click.File("rb"), metavar="FILE",
    help="Read moderation-outcomes from a file of `tocsin tail --json`, not from Kafka.",
)  # fmt: skip
@click.option(
    "--escalations", type=click.File("rb"), metavar="FILE", help="Read escalations from such a file too."
)
def draft(
    first: datetime | None, last: datetime | None, outcomes: BinaryIO | None, escalations: BinaryIO | None
) -> None:
    """Print a draft for every upheld outcome that still holds, one JSON object per line.

    A draft has the fields of the database as far as Tocsin knows them, the refs by which the platform finds
    the content, what is missing and why, and what to look at. Its puid is the same whenever it is drafted
    again. Outcomes come from moderation-outcomes; how the platform learned of the content comes from
    escalations.

    \b
    Examples:
      tocsin transparency statements draft --from 2026-11-25 --to 2026-11-25
      tocsin transparency statements draft --outcomes outcomes.jsonl --escalations escalations.jsonl
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    if outcomes is None and escalations is not None:
        raise click.UsageError("--escalations needs --outcomes.")
    rules = load_rules(**load_settings().registry_files())
    decided = read_outcomes(outcomes, rules.categories)
    events = [] if outcomes is not None and escalations is None else read_escalations(escalations)
    made = drafts(
        decided,
        HowLearned(events),
        {duty.id: duty for duty in rules.obligations},
        rules.categories,
    )
    number = 0
    for each in made:
        day = each.decided_at[:10]
        if (first is None or str(first.date()) <= day) and (last is None or day <= str(last.date())):
            number += 1
            echo(orjson.dumps(msgspec.to_builtins(each)).decode())
    echo(f"drafts: {number}", err=True)


@statements.command()
@click.argument("file", type=click.File("rb"), default="-")
def check(file: BinaryIO) -> None:
    """Check statements against the database's rules before you send them.

    FILE has one JSON object per line: a statement, or a draft with a statement in it; `-` reads standard
    input. Exits with 1 if the database would refuse one.
    """
    refused = number = 0
    seen: dict[object, int] = {}
    for line_number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        number += 1
        try:
            found = _STATEMENT.decode(line)
        except msgspec.DecodeError as error:
            raise click.ClickException(f"line {line_number} is no JSON object: {error}") from error
        statement = found.get("statement", found)
        if statement is None:
            # A draft that only says which statement no longer holds.
            continue
        if not isinstance(statement, dict):
            raise click.ClickException(f"line {line_number}: statement is no JSON object")
        problems = check_statement(statement)
        puid = statement.get("puid")
        if puid is not None and puid in seen:
            echo(f"line {line_number}: error: puid is that of line {seen[puid]} too")
        repeated = puid is not None and seen.setdefault(puid, line_number) != line_number
        for problem in problems:
            severity = "warning" if problem.kind == "ignored" else "error"
            echo(f"line {line_number}: {severity}: {problem.field} {problem.message}")
        refused += repeated or any(problem.kind != "ignored" for problem in problems)
    echo(f"statements: {number}; the database would refuse: {refused}", err=True)
    if refused:
        raise SystemExit(1)
