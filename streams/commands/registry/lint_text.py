"""Renders what `tocsin registry check` found as text."""

import textwrap
from collections.abc import Iterator, Sequence

from streams.desk.text.text_table import text_table
from streams.registry.agenda import AHEAD, REVIEW_AFTER
from streams.registry.lint import Finding, LintReport
from streams.registry.rules import Rules

_TITLE_WIDTH = 60


def lint_text(found: LintReport, rules: Rules, *, strict: bool = False) -> str:
    """A table for each kind of finding, and how many rows the registry has.

    `strict` lists what is unsigned, and rows without a status, an owner or a review day.
    """
    parts = [
        *_table(
            "A part is unverified (a clock depends on the marks of time and dates only)", found.unverified
        ),
        *_table("Overdue for review", found.overdue),
        *_table("Checked on a date in the future", found.future),
    ]
    if found.advisory:
        parts.append(
            "Advisory: time or dates are secondary, so no clock runs unless platform.yaml says "
            f"`secondary_rows_arm: true`: {', '.join(found.advisory)}"
        )
    if found.lapsed:
        parts.append(f"Signed, but changed since, so unsigned again: {', '.join(found.lapsed)}")
    if strict:
        parts += _table("Unsigned: nobody signed these rows for the platform", found.unsigned)
        if found.unquoted:
            parts.append(f"Time marked verified, without a quote that was read: {', '.join(found.unquoted)}")
        if found.lacking:
            lacks = [(id_, ", ".join(names)) for id_, names in found.lacking.items()]
            parts.append(f"Rows that lack a field:\n\n{text_table(('row', 'lacks'), lacks)}")
    if found.changes:
        cells = [(str(change.day), change.obligation, change.change) for change in found.changes]
        parts.append(
            f"Duties that begin or end within {AHEAD.days} days:\n"
            "\n"
            f"{text_table(('on', 'obligation', 'change'), cells)}"
        )
    if found.ending_calendars:
        names = ", ".join(found.ending_calendars)
        parts.append(f"Holiday calendars that end within {REVIEW_AFTER.days} days: {names}")
    parts.append(_tiers(found, rules))
    parts += [
        f"Who may publish reports of users to {topic} may also claim there: {', '.join(claims)}"
        for topic, claims in found.open_claims.items()
    ]
    counted = (
        (len(rules.jurisdictions), "jurisdictions"),
        (len(rules.authorities), "authorities"),
        (len(rules.obligations), "obligations"),
    )
    contents = ", ".join(f"{number} {kind}" for number, kind in counted)
    parts.append(
        f"{contents}, version {rules.registry_version}: valid; {len(found.unverified)} rows have an "
        f"unverified part, {len(found.overdue)} are overdue for review, {len(found.unsigned)} duties are "
        "unsigned."
    )
    return "\n\n".join(parts)


def _tiers(found: LintReport, rules: Rules) -> str:
    """Where tiers differ from the index; a reader must also see that none differs, or none was compared."""
    if found.tiers is None or rules.index is None:
        return "Rule of law: the folder has no rule_of_law.yaml, so no tier was compared with an index."
    index = rules.index
    years = sorted({index.rule_of_law_year, index.voice_year})
    source = f"{index.title}, {' and '.join(map(str, years))}"
    if not found.tiers:
        return f"Rule of law: every tier is that of the index ({source})."
    cells = [(each.code, each.tier, each.by_index, each.why) for each in found.tiers]
    return (
        f"TIERS THAT ARE NOT THE INDEX'S ({source}):\n"
        "\n"
        f"{text_table(('state', 'tier', 'by the index', 'why'), cells)}"
    )


def _table(title: str, rows: Sequence[Finding]) -> Iterator[str]:
    if not rows:
        return
    cells = [
        (
            row.subject,
            row.id,
            row.jurisdiction,
            textwrap.fill(row.title, _TITLE_WIDTH),
            str(row.checked),
            str(row.review_by),
        )
        for row in rows
    ]
    yield f"{title}:\n\n{text_table(('row', 'id', 'jurisdiction', 'title', 'checked', 'review by'), cells)}"
