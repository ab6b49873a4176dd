"""What the check of the registry found, as a person reads it."""

import textwrap
from collections.abc import Iterator, Sequence

from streams.commands.shared.text_table import text_table
from streams.registry.lint import CHECKED_WITHIN, Finding, Findings
from streams.registry.rules import Rules

_TITLE_WIDTH = 60


def findings_text(found: Findings, rules: Rules) -> str:
    """A table for each kind of finding that there is, and what the registry holds."""
    days = CHECKED_WITHIN.days
    parts = [
        *_table("Not verified; an obligation among them arms no clock", found.unverified),
        *_table(f"Not checked for more than {days} days", found.stale),
        *_table("Checked on a day that has not come yet", found.future),
    ]
    if found.ending_calendars:
        names = ", ".join(found.ending_calendars)
        parts.append(f"Holiday calendars that end within {days} days: {names}")
    counted = (
        (len(rules.jurisdictions), "jurisdictions"),
        (len(rules.authorities), "authorities"),
        (len(rules.obligations), "obligations"),
    )
    holds = ", ".join(f"{number} {what}" for number, what in counted)
    parts.append(
        f"{holds}, version {rules.registry_version}: usable; {len(found.unverified)} rows are not verified, "
        f"{len(found.stale)} not checked for more than {days} days."
    )
    return "\n\n".join(parts)


def _table(title: str, rows: Sequence[Finding]) -> Iterator[str]:
    if not rows:
        return
    cells = [
        (row.subject, row.id, row.jurisdiction, textwrap.fill(row.title, _TITLE_WIDTH), str(row.checked))
        for row in rows
    ]
    yield f"{title}:\n\n{text_table(('row', 'id', 'of', 'title', 'checked'), cells)}"
