"""`tocsin registry sources`: the command."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import click
import orjson

from streams.commands.registry.options import law_option, rules_with
from streams.commands.shared.terminal import echo
from streams.desk.text.text_table import text_table
from streams.registry.agenda import rows_of_law
from streams.registry.row_of_law import LawSource
from streams.registry.rules import Rules

# `/en`, `/fr-be` and `/index.html` lead to a front page as well.
_NO_PAGE: Final = re.compile(
    r"[a-z]{2}(?:[-_][A-Za-z]{2})?|(?:index|default|home)(?:\.[a-z]+)?", re.IGNORECASE
)


class UsedSource(NamedTuple):
    """A source and the rows that name it.

    `place` is its address, or its title if it has none. `first_read` and `last_read` are the days on which
    somebody read it for one of the rows. `quoted` and `hashed` count the rows that quote it, and that keep
    the hash of the passage that was read.
    """

    place: str
    title: str | None
    front_page: bool
    first_read: date
    last_read: date
    quoted: int
    hashed: int
    rows: tuple[str, ...]


@click.command()
@law_option
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line instead of text.")
def sources(law: Path | None, json_lines: bool) -> None:
    """List the sources of the rows of law: front pages, those that rows share, and when each was read.

    A front page says where a law is published and not what was read: a row that names nothing else is listed
    first. If a source that several rows share moves or was read wrongly, all of them are concerned. The
    oldest readings come first. Nothing is fetched.

    \b
    Examples:
      tocsin registry sources
      tocsin registry sources --json | jq -r 'select(.quoted == 0) | .rows[]' | sort -u
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    rules = rules_with(law)
    used = used_sources(rules)
    if json_lines:
        for source in used:
            echo(orjson.dumps(source._asdict()).decode())
    else:
        echo("\n\n".join(_text(used, on_front_pages(rules))))


def used_sources(rules: Rules) -> list[UsedSource]:
    """The sources of all rows, in force or watched, the ones read longest ago first."""
    named: dict[str, list[tuple[str, LawSource]]] = {}
    for row in rows_of_law(rules):
        for source in row.sources:
            named.setdefault(source.url or source.title or "", []).append((row.id, source))
    return sorted(
        (_used(place, uses) for place, uses in named.items()), key=lambda used: (used.last_read, used)
    )


def on_front_pages(rules: Rules) -> tuple[str, ...]:
    """The rows whose sources are all front pages."""
    return tuple(
        row.id
        for row in rows_of_law(rules)
        if all(source.url is not None and is_front_page(source.url) for source in row.sources)
    )


def is_front_page(url: str) -> bool:
    """Whether an address leads to the front page of a site, in whatever language."""
    parts = urlsplit(url)
    names = [name for name in parts.path.split("/") if name and not _NO_PAGE.fullmatch(name)]
    return not (names or parts.query or parts.fragment)


def _used(place: str, uses: Sequence[tuple[str, LawSource]]) -> UsedSource:
    read = [source.read_on for _, source in uses]
    return UsedSource(
        place=place,
        title=next((source.title for _, source in uses if source.title), None),
        front_page=any(source.url is not None and is_front_page(source.url) for _, source in uses),
        first_read=min(read),
        last_read=max(read),
        quoted=len({row for row, source in uses if source.quote}),
        hashed=len({row for row, source in uses if source.sha256}),
        rows=tuple(dict.fromkeys(row for row, _ in uses)),
    )


def _text(used: Sequence[UsedSource], bare: Sequence[str]) -> Iterator[str]:
    if bare:
        yield f"Rows that name nothing but a front page ({len(bare)}):\n\n  " + "\n  ".join(bare)
    shared = [source for source in used if len(source.rows) > 1]
    if shared:
        yield "Shared by several rows:\n\n" + _table(sorted(shared, key=lambda each: -len(each.rows)))
    yield "All sources, the ones read longest ago first:\n\n" + _table(used)
    front = sum(source.front_page for source in used)
    quoted = sum(bool(source.quoted) for source in used)
    yield f"{len(used)} sources: {front} front pages, {len(shared)} shared, {quoted} quoted in a row."


def _table(used: Iterable[UsedSource]) -> str:
    cells: list[tuple[Any, ...]] = [
        (
            str(source.last_read),
            str(len(source.rows)),
            str(source.quoted),
            str(source.hashed),
            "front page" if source.front_page else "",
            "\n".join([source.place, *(f"  {row}" for row in source.rows)]),
        )
        for source in used
    ]
    return text_table(("read", "rows", "quoted", "hashed", "", "source"), cells)
