"""`tocsin registry history`: the command."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import orjson

from streams.commands.registry.diff_document import diff_document
from streams.commands.registry.options import BUILT_IN, DAY, FOLDER, day_or_today, law_in, named_row
from streams.commands.shared.terminal import echo
from streams.desk.text.differences.law_diff import OBLIGATION, Law, compare, replaced_row
from streams.desk.text.differences.law_items import Key
from streams.desk.text.differences.law_text import diff_text
from streams.desk.text.text_table import text_table
from streams.registry.agenda import review_day
from streams.registry.loader import SHIPPED_LAW
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import WatchedRow
from streams.running.worker.settings import load_settings


class Moment(NamedTuple):
    """A day in the life of a row, and what happened or is to happen on it."""

    day: date
    what: str


@click.command()
@click.argument("row_id", metavar="ROW")
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=FOLDER)
@click.option("--today", type=DAY, metavar="DATE", help="Compare as of this day (UTC).  [default: today]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def history(
    row_id: str, folders: tuple[tuple[str, Path], ...], today: datetime | None, as_json: bool
) -> None:
    """Show the life of ROW, and what each version of the law has changed in it.

    FOLDERS are the folders of law that workers have used, the oldest first; `built-in` is the one that Tocsin
    ships. The registry itself keeps no earlier versions: keep the folder of each one that workers have used,
    or check it out of the repository in which you keep your law. Without FOLDERS the life of the row in the
    workers' law is shown alone: from when until when, which row was before and which comes after, who read
    and signed it, and what is next.

    \b
    Examples:
      tocsin registry history GB.osa.s10-3A
      tocsin registry history GB.osa.s10-3A law-2026-06 law-2026-11 built-in
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    own = load_settings().law_folder or SHIPPED_LAW
    named = folders or ((BUILT_IN if own == SHIPPED_LAW else str(own), own),)
    laws = [law_in(name, folder) for name, folder in named]
    last = laws[-1]
    day = day_or_today(today)
    steps = [
        (old, new, [each for each in compare(old, new, day) if row_id in (each.id, each.replaces)])
        for old, new in pairwise(laws)
    ]
    removed = any(change.change == "removed" for *_, changes in steps for change in changes)
    row = None if removed and not _is_in(row_id, last) else named_row(last.rules, row_id)
    if as_json:
        document = {
            "row": row_id,
            "law": last.name,
            "registry_version": last.rules.registry_version,
            "before": _before(row_id, last),
            "after": _after(row_id, last),
            "life": [moment._asdict() for moment in _life(row)],
            "versions": [diff_document(old, new, changes, day) for old, new, changes in steps],
        }
        echo(orjson.dumps(document).decode())
    else:
        echo("\n\n".join(_text(row_id, row, last, [diff_text(*step) for step in steps])))


def _text(row_id: str, row: Obligation | WatchedRow | None, law: Law, steps: Sequence[str]) -> Iterator[str]:
    where = f"{law.name} (version {law.rules.registry_version})"
    if row is None:
        yield f"{row_id} is not in {where} any more."
    else:
        moments = [(str(moment.day), moment.what) for moment in _life(row)]
        yield f"{row_id}: {row.title}\nin {where}\n\n{text_table(('day', 'what'), moments)}"
        before, after = _before(row_id, law), _after(row_id, law)
        if before or after:
            yield "\n".join(
                [*([f"before: {before}"] if before else []), *(f"after: {each}" for each in after)]
            )
    yield from steps


def _is_in(row_id: str, law: Law) -> bool:
    return any(key.kind == OBLIGATION and key.id == row_id for key in law.items)


def _before(row_id: str, law: Law) -> str | None:
    """The row that this one follows in the same law, by its days."""
    key = next((key for key in law.items if key.kind == OBLIGATION and key.id == row_id), None)
    found = None if key is None else replaced_row(key, law.items)
    return None if found is None else found.id


def _after(row_id: str, law: Law) -> list[str]:
    """The rows that follow this one."""
    followed: list[tuple[Key, Key | None]] = [
        (key, replaced_row(key, law.items)) for key in law.items if key.kind == OBLIGATION
    ]
    return [key.id for key, before in followed if before is not None and before.id == row_id]


def _life(row: Obligation | WatchedRow | None) -> list[Moment]:
    if row is None:
        return []
    found = []
    if row.in_force_from is not None:
        found.append(
            Moment(row.in_force_from, "in force" if isinstance(row, Obligation) else "would be in force")
        )
    if isinstance(row, Obligation) and row.in_force_until is not None:
        found.append(Moment(row.in_force_until, "last day"))
    reader = f" by {row.read_by}" if row.read_by else ""
    found += [Moment(source.read_on, f"read{reader}: {source.title or source.url}") for source in row.sources]
    if isinstance(row, Obligation) and row.signed is not None:
        found.append(Moment(row.signed.on, f"signed by {row.signed.by}"))
    if row.next is not None:
        found.append(Moment(row.next.day, f"next: {row.next.what}"))
    owner = f" by {row.owner}" if row.owner else ""
    found.append(Moment(review_day(row), f"to be reviewed{owner}"))
    return sorted(found)
