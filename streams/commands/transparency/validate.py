"""`tocsin transparency validate`: check a transparency report against the official templates."""

from pathlib import Path

import click
import msgspec
import orjson

from streams.commands.shared.terminal import echo
from streams.statutory.provider import PROVIDER_ROLES, ProviderRole
from streams.statutory.validation.checks import Finding
from streams.statutory.validation.validate import validate as validate_files

# Other files, such as a summary for readers, may lie beside the parts of a report.
_TABLES = frozenset({".csv", ".tsv", ".ods", ".xls", ".xlsx"})

# The largest part of the templates has some hundred rows, and a report one file for each part. A cell takes
# some twenty times its bytes while it is checked.
_MOST_BYTES = 8 * 1024 * 1024


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--role", type=click.Choice(PROVIDER_ROLES), default="platform", show_default=True,
    help="What the service is: it decides which parts and rows are due.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding.")
def validate(folder: Path, role: ProviderRole, as_json: bool) -> None:
    """Check the CSV files in DIR against the templates for DSA transparency reports.

    DIR holds the parts of one report, of any provider, as Implementing Regulation (EU) 2024/2835 prescribes
    them: 1_report_identification.csv to 11_qualitative.csv. Needs no Kafka, and sends nothing.

    An error contradicts the templates or the report itself. A warning is probably a mistake. Each finding
    names the file, line and column, what the instructions say and where.

    The exit code is 0 if there are no errors, 1 if there are, 2 if nothing could be checked, as if a file has
    more than 8 MiB.
    """
    files = {
        path.name: _content(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() in _TABLES
    }
    if not files:
        raise click.UsageError(f"{folder} has no CSV files.")
    findings = validate_files(files, role)
    for finding in findings:
        echo(orjson.dumps(msgspec.to_builtins(finding)).decode() if as_json else _text(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    if not as_json:
        echo(f"{len(files)} files: {errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise SystemExit(1)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise click.UsageError(
            f"{path} has more than {_MOST_BYTES // 1024**2} MiB, so it is no part of a report. Nothing was "
            "checked."
        )
    return content


def _text(finding: Finding) -> str:
    place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    column = f"{finding.column} " if finding.column else ""
    more = f" (and in {finding.more} further lines)" if finding.more else ""
    return (
        f"{place}: {finding.severity}: {column}{finding.message}{more}\n"
        f"    {finding.rule} [{finding.source}; {finding.check}]"
    )
