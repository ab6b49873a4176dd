"""`tocsin intake send`: send a file of one's own reports to an intake."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from streams.commands.intake.parts import Part, parts
from streams.commands.intake.sending import NotTaken, Sender, connected
from streams.commands.shared.old_reports import OldReports
from streams.commands.shared.progress import Progress
from streams.commands.shared.reach import configured_reach
from streams.commands.shared.refused_lines import RefusedLines
from streams.commands.shared.report_rows import ReportRow, Unusable, mapping_option, report_rows
from streams.commands.shared.terminal import echo
from streams.contract.events.report import Category
from streams.contract.wire.times import epoch_ms
from streams.intake.settings import IntakeSettings
from streams.running.clients.https.addresses import check_server
from streams.running.operations.http_address import http_address
from streams.running.wall_clock import clock_ms
from streams.running.worker.environment import load_prefixed
from streams.running.worker.settings import load_settings

# A token is shorter than a header of HTTP may be. What is larger may have no end.
_MOST_OF_TOKEN_FILE: Final = 16 * 1024

_VALID_FILE: Final = "it must have the token of a source in a line of ASCII text, such as forum.secret"


def _address(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str:
    if given is None:
        own = load_prefixed(IntakeSettings, os.environ)
        given = http_address(own.host, own.port)
    try:
        return check_server(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _token(_context: click.Context, _parameter: click.Parameter, file: Path) -> str:
    """The first line of a file: while a source changes over it has two, and both are valid."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_OF_TOKEN_FILE + 1)
        lines = [line.strip() for line in text.decode("ascii").splitlines()]
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read ({error.strerror}): {_VALID_FILE}") from error
    except UnicodeDecodeError:
        lines = []
    token = next(filter(None, lines), "")
    if not token or not token.isprintable() or len(text) > _MOST_OF_TOKEN_FILE:
        raise click.BadParameter(f"{file} has no token: {_VALID_FILE}")
    return token


class _Dated(msgspec.Struct):
    """What says whether a policy can judge a report."""

    category: Category
    occurred_at: datetime


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--token-file", "token", required=True, metavar="FILE", type=click.Path(path_type=Path), callback=_token,
    help="File with the token of a source of the intake that has `scheme: bearer`.",
)  # fmt: skip
@click.option(
    "--to", "address", metavar="URL", callback=_address,
    help="Where the intake is; http only on this machine.  [default: that of TOCSIN_INTAKE_HOST and "
    "TOCSIN_INTAKE_PORT]",
)  # fmt: skip
@mapping_option
def send(file: BinaryIO, token: str, address: str, mapping: str | None) -> None:
    """Send a FILE of your own reports to an intake.

    FILE is what `tocsin try` reads: CSV with a header (its name ends with .csv), or a JSON object per line.
    Ids become pseudonyms at the intake. Standard error has the lines that were refused, and says once per
    category that a report is too old for every policy (TOCSIN_POLICIES_FILE); the report is sent all the
    same. A terminal shows the progress.

    Waits while the intake takes no more, as its quota for the source says (`reports_per_minute`), and repeats
    what has broken off for ten minutes. After a failure, send the file again within a day: a report with the
    same report_id counts once (TOCSIN_DUPLICATES_HOURS). Exits with 1 if a line was refused or the file has
    no report, with 2, before anything is sent, for a header or an encoding that cannot be used.

    \b
    Examples:
      tocsin intake send reports.csv --token-file forum.secret
      tocsin intake send export.jsonl --mapping mapping.yaml --token-file forum.secret \\
          --to https://tocsin.example.org
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    result = _Result(OldReports(configured_reach(load_settings())))
    try:
        asyncio.run(_send(report_rows(file, mapping), address, token, result))
    except NotTaken as error:
        result.end()
        before = f". Before that, {result.text()}: send the file again, each report counts once"
        raise click.ClickException(f"{error}{before if result.sent else ''}") from error
    result.end()
    if not result.sent and not result.refused.number:
        raise click.ClickException(f"no report in {file.name}")
    echo(result.text())
    if result.refused.number:
        raise SystemExit(1)


class _Result:
    """What became of the lines, said on standard error as far as a person must know it at once."""

    def __init__(self, old: OldReports) -> None:
        self.refused = RefusedLines()
        self._progress = Progress("sent")
        self._old = old

    @property
    def sent(self) -> int:
        """How many reports the intake has taken."""
        return self._progress.count

    def add(self, part: Part, refusals: list[str | None]) -> None:
        """Note what the intake has answered."""
        now_ms = clock_ms()
        for row, why in zip(part.rows, refusals, strict=True):
            if why is not None:
                self.refuse(row.line, why)
                continue
            with suppress(msgspec.ValidationError):
                dated = msgspec.convert(row.report, _Dated)
                self._old.note(row.line, dated.category, epoch_ms(dated.occurred_at), now_ms)
        self._progress.add(refusals.count(None))

    def refuse(self, line: int, why: str) -> None:
        """Note a line of which there is no report."""
        self._progress.clear()
        self.refused.add(line, why)

    def say(self, text: str) -> None:
        """Say why nothing goes on."""
        self._progress.clear()
        echo(text, err=True)

    def end(self) -> None:
        """Say what is left to say of single lines."""
        self._progress.clear()
        self.refused.end()

    def text(self) -> str:
        """The counts."""
        return f"{self.sent:,} sent, {self.refused.number:,} refused{self._old.ending()}"


async def _send(rows: Iterable[ReportRow | Unusable], address: str, token: str, result: _Result) -> None:
    async with connected(address) as client:
        sender = Sender(client, address, token, result.say)
        was_asked = False
        for part in parts(rows):
            if isinstance(part, Unusable):
                result.refuse(part.line, part.why)
                continue
            if was_asked and not result.sent:
                raise NotTaken(
                    "the intake refused each report of the first request, so no more were sent: the lines "
                    "above say why"
                )
            result.add(part, await sender.send(part))
            was_asked = True
