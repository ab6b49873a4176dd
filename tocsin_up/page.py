"""What the health page of one machine shows: to people as a page, to programs as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from tocsin_up.keeping import Kept
from tocsin_up.machine import LEAST_FREE_BYTES, Disk, shown_bytes
from tocsin_up.saves import Saves
from tocsin_up.settings import MachineSettings

# The page asks for itself again this often.
_REFRESH_SECONDS = 5

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}"
)


def why_not_ready(kept: Sequence[Kept], disk: Disk) -> str | None:
    """Why not all of it works; None if it does."""
    for each in kept:
        if each.why_not_ready is not None:
            return f"{each.process.name}: {each.why_not_ready}"
    if disk.free < LEAST_FREE_BYTES:
        return f"only {shown_bytes(disk.free)} are free on the disk of the folder"
    return None


def status(kept: Sequence[Kept], saves: Saves, memory: int, disk: Disk) -> Mapping[str, Any]:
    """The document at /status."""
    newest = saves.kept()
    return {
        "ready": why_not_ready(kept, disk) is None,
        "processes": {
            each.process.name: {
                "pid": each.process.pid,
                "running_since": _time(each.running_since),
                "not_ready": each.why_not_ready,
                "restarts": each.restarts,
                "last_end": each.last_end,
                "starts_again": _time(each.starts_again),
                "log": str(each.process.log),
            }
            for each in kept
        },
        "memory_bytes": memory,
        "disk_bytes": disk.taken,
        "disk_free_bytes": disk.free,
        "newest_save": str(newest[-1]) if newest else None,
        "last_save_failed": saves.last_failure,
    }


def as_html(settings: MachineSettings, kept: Sequence[Kept], saves: Saves, memory: int, disk: Disk) -> str:
    """The page at /."""
    reason = why_not_ready(kept, disk)
    newest = saves.kept()
    processes = [
        (
            each.process.name,
            "works" if each.why_not_ready is None else each.why_not_ready,
            _time(each.running_since) or "",
            f"{each.restarts}" + (f", last {each.last_end}" if each.last_end else ""),
            str(each.process.log),
        )
        for each in kept
    ]
    facts = [
        *((each.what.capitalize(), each.address) for each in settings.for_people[:2]),
        ("Memory of all processes", shown_bytes(memory)),
        ("Disk", f"{shown_bytes(disk.taken)} taken, {shown_bytes(disk.free)} free"),
        ("Newest save of the state", newest[-1].name if newest else "none yet"),
    ]
    if saves.last_failure:
        facts.append(("Last save failed", saves.last_failure))
    head = "Everything works." if reason is None else f"Not everything works: {reason}."
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        f"<title>Tocsin: {'works' if reason is None else 'does not work'}</title><style>{_STYLE}</style>"
        f"<h1>Tocsin on this machine</h1><p><strong>{escape(head)}</strong></p>"
        + _table(("process", "now", "runs since (UTC)", "restarts", "log"), processes)
        + "<h2>Machine</h2>"
        + _table(("", ""), facts)
        + "</html>\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escape(each)}</th>" for each in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
