"""A sheet for counsel: the rows of one jurisdiction and what was read for each, as a page and as a table."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.deciding.law.arming import why_not_armed
from streams.desk.text.law_words import TRIGGER_WORDS, clock_in_words, time_in_words, watched_in_words
from streams.desk.text.spreadsheet_csv import spreadsheet_csv
from streams.registry.agenda import review_day, rows_of_law
from streams.registry.lawbook import GLOBAL
from streams.registry.obligation import Obligation
from streams.registry.obligations import ORDER_TRIGGERS
from streams.registry.row_of_law import LawSource, Part, Signature, Verification, WatchedRow
from streams.registry.rules import Rules

_PARTS: Final[tuple[Part, ...]] = get_args(Part)

# What counsel fills in.
_EMPTY: Final = ("right, wrong or unsure", "remarks", "name and date")

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class SheetRow(NamedTuple):
    """A row in words. `facts` are by label, the same labels in every row; empty if the row does not say.

    `marks` are by part; None for a part that the row does not have. `signed`: who signed it; None if nobody
    did. A row that is no duty (`watched`) cannot be signed.
    """

    id: str
    title: str
    status: str
    time: str
    facts: Mapping[str, str]
    marks: Mapping[Part, Verification | None]
    sources: tuple[LawSource, ...]
    signed: Signature | None
    watched: bool

    @property
    def signature(self) -> str:
        """Whether somebody signed it, in words."""
        if self.signed is None:
            return "no duty" if self.watched else "not signed"
        return f"signed by {self.signed.by} on {self.signed.on}"


class Sheet(NamedTuple):
    """The rows of one jurisdiction. `layers` are other jurisdictions whose law holds there too."""

    code: str
    name: str
    day: date
    registry_version: str
    layers: tuple[str, ...]
    rows: tuple[SheetRow, ...]

    @property
    def signed(self) -> int:
        """The number of duties that a person has signed."""
        return sum(row.signed is not None for row in self.rows)

    @property
    def duties(self) -> int:
        """The number of duties."""
        return sum(not row.watched for row in self.rows)


def sheet(rules: Rules, code: str, day: date) -> Sheet:
    """The sheet of a jurisdiction, as of `day`: its own rows in the order of its file, watched ones last."""
    place = rules.jurisdictions[code]
    layers = (*place.regions, *([place.part_of] if place.part_of else []))
    return Sheet(
        code,
        place.name,
        day,
        rules.registry_version,
        tuple(f"{rules.jurisdictions[each].name} ({each})" for each in layers if each != GLOBAL),
        (
            *(_duty(row, rules) for row in rules.obligations if row.jurisdiction == code),
            *(_watched(row) for row in rules.watched if row.jurisdiction == code),
        ),
    )


def codes_with_rows(rules: Rules) -> tuple[str, ...]:
    """The jurisdictions that have rows of their own, in the order of the registry."""
    having = {row.jurisdiction for row in rows_of_law(rules)}
    return tuple(code for code in rules.jurisdictions if code in having)


def sheet_html(found: Sheet) -> str:
    """The sheet as a page without scripts, which can be read aloud and printed."""
    return _TEMPLATES.get_template("sheet.html").render(sheet=found)


def sheet_csv(found: Sheet) -> str:
    """The sheet as CSV for spreadsheets, a line for each row; the last columns are empty, for counsel."""
    labels = found.rows[0].facts if found.rows else {}
    marks = [f"mark of {part}" for part in _PARTS]
    header = ("row", "duty", "status", *labels, *marks, "sources", "signature", *_EMPTY)
    rows = (
        [
            row.id,
            row.title,
            row.status,
            *row.facts.values(),
            *(row.marks[part] or "" for part in _PARTS),
            "\n".join(map(_source_in_words, row.sources)),
            row.signature,
            *("" for _ in _EMPTY),
        ]
        for row in found.rows
    )
    return spreadsheet_csv(header, rows)


def _duty(row: Obligation, rules: Rules) -> SheetRow:
    every = len(row.categories) == len(rules.categories)
    not_armed = why_not_armed(
        row,
        (row.trigger,),
        row.required_elements,
        rules.calendars,
        keeps=row.trigger in ORDER_TRIGGERS,
    )
    reach = [row.applies_to, *(["public content only"] if row.public_only else [])]
    reach += [f"not {' or '.join(row.exempt_sizes)} enterprises"] if row.exempt_sizes else []
    reach += [f"not in {', '.join(row.except_in)}"] if row.except_in else []
    authority = None if row.authority is None else rules.authorities[row.authority].name
    until = f" until {row.in_force_until}" if row.in_force_until else ""
    return SheetRow(
        row.id,
        row.title,
        "in force",
        time_in_words(row),
        {
            "provision": f"{row.instrument}, {row.article}",
            "what must be done": _words(row.action),
            "starts with": TRIGGER_WORDS[row.trigger],
            "under": ", ".join(row.legal_bases),
            "of requests that demand": ", ".join(map(_words, row.demands)),
            "time limit": time_in_words(row),
            "clock": clock_in_words(row, not_armed, rules),
            "binds": "; ".join(reach),
            "categories": "all" if every else ", ".join(row.categories),
            "required elements": ", ".join(map(_words, row.required_elements)),
            "lawyer asks": ", ".join(map(_words, row.questions)),
            "gate": "" if row.gate is None else _words(row.gate),
            "authority": authority or "",
            "in force": f"from {row.in_force_from}{until}",
            **_life(row),
        },
        {part: getattr(row.marks, part) for part in _PARTS},
        row.sources,
        row.signed,
        watched=False,
    )


def _watched(row: WatchedRow) -> SheetRow:
    begins = "day not known" if row.in_force_from is None else f"from {row.in_force_from}"
    facts = dict.fromkeys(_LABELS, "") | {
        "provision": f"{row.instrument}, {row.article}",
        "clock": f"none, because {watched_in_words(row)}",
        "in force": begins,
        **_life(row),
    }
    return SheetRow(
        row.id,
        row.title,
        _words(row.status),
        "",
        facts,
        {part: getattr(row.marks, part) for part in _PARTS},
        row.sources,
        None,
        watched=True,
    )


# Those of `_duty`; a watched row may lack all of them.
_LABELS: Final = (
    "provision",
    "what must be done",
    "starts with",
    "under",
    "of requests that demand",
    "time limit",
    "clock",
    "binds",
    "categories",
    "required elements",
    "lawyer asks",
    "gate",
    "authority",
    "in force",
)


def _life(row: Obligation | WatchedRow) -> Mapping[str, str]:
    """What both kinds of row say about penalties and who keeps them right."""
    return {
        "penalties": "\n".join(
            f"{each.amount}; liable: {each.liable}{f' ({each.article})' if each.article else ''}"
            for each in row.penalties
        ),
        "next day": "" if row.next is None else f"{row.next.day}: {row.next.what}",
        "kept right by": row.owner or "",
        "read by": row.read_by or "",
        "review by": str(review_day(row)),
    }


def _source_in_words(source: LawSource) -> str:
    parts = [source.title, source.article, f"read {source.read_on}"]
    if source.quote:
        parts.append(f"“{source.quote}”")
    if source.translation:
        parts.append(f"in English: “{source.translation}”")
    parts += [source.url, f"sha256 {source.sha256}" if source.sha256 else None]
    return "; ".join(part for part in parts if part)


def _words(term: str) -> str:
    return term.replace("_", " ")
