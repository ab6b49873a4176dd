"""`tocsin registry`: the group, `show`, `check` and `diff`. Each of the others is in a module of its name."""

from datetime import datetime
from pathlib import Path

import click
import orjson

from streams.commands.registry.affected import affected
from streams.commands.registry.answer_text import answer_text
from streams.commands.registry.diff_document import diff_document
from streams.commands.registry.due import due
from streams.commands.registry.export import export
from streams.commands.registry.history import history
from streams.commands.registry.lint_text import lint_text
from streams.commands.registry.options import (
    DAY,
    FOLDER,
    day_or_today,
    law_in,
    law_option,
    rules_with,
    valid_code,
)
from streams.commands.registry.sign import sign
from streams.commands.registry.sources import sources
from streams.commands.registry.why import why
from streams.commands.shared.category import CATEGORY
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.events.report import Category
from streams.deciding.law.answer import TRIGGERS, Question, answer, as_document
from streams.desk.text.differences.law_diff import compare
from streams.desk.text.differences.law_text import diff_text
from streams.registry.lint import lint
from streams.registry.obligation import Trigger


@click.group(cls=SuggestingGroup)
def registry() -> None:
    """Check the law in the registry; show what applies where.

    The registry is not legal advice: a person decides. docs/law-changes.md says how to change it.
    """


for _command in (affected, due, export, history, sign, sources, why):
    registry.add_command(_command)


@registry.command()
@click.argument("code", metavar="COUNTRY")
@click.option("--category", type=CATEGORY, metavar="NAME", help="Only duties for this category.")
@click.option(
    "--trigger", type=click.Choice(TRIGGERS), metavar="NAME",
    help="Only duties with this trigger, and with those that such a report meets or may lead to.",
)  # fmt: skip
@click.option("--at", type=DAY, metavar="DATE", help="Day of receipt (UTC).  [default: today]")
@law_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(
    code: str,
    category: Category | None,
    trigger: Trigger | None,
    at: datetime | None,
    law: Path | None,
    as_json: bool,
) -> None:
    """Show which duties apply in COUNTRY, and why.

    Shows for each duty whether its legal clock runs, its authority and the source. COUNTRY is an
    ISO 3166-1 code, XX for unknown, or a region (EU, EEA, GLOBAL). Without --category and --trigger, lists
    every duty in force there as if its trigger were met, and the authorities. Clocks are shown as if the
    report or request contained every element that the law requires.

    \b
    docs/events.md lists the categories. The triggers are:
      authority_order, regulator_notice, data_order, statutory_victim_request,
      trusted_flagger_notice, user_report, actual_knowledge, awareness_threat

    \b
    Examples:
      tocsin registry show KR
      tocsin registry show KR --category ncii_deepfake --trigger statutory_victim_request --at 2026-11-24
      tocsin registry show GB --category ncii_deepfake --at 2026-06-28 --json
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    rules = rules_with(law)
    question = Question(valid_code(code, rules), category, trigger, day_or_today(at))
    found = answer(rules, question)
    echo(orjson.dumps(as_document(found, rules)).decode() if as_json else answer_text(found, rules))


@registry.command()
@law_option
@click.option("--today", type=DAY, metavar="DATE", help="Check as of this day (UTC).  [default: today]")
@click.option("--strict", is_flag=True, help="List unsigned rows, and exit with 1 if there are any.")
def check(law: Path | None, today: datetime | None, strict: bool) -> None:
    """Check the law for errors, and list rows that need a review.

    Unknown codes, rows without a source, impossible dates and rows that overlap in time are errors: the
    command names the file, line and field, and exits with 2. Otherwise it lists the rows with an
    unverified part, the duties that are advisory (time or dates secondary), rows overdue for review (by their
    review_by, or 180 days after they were checked), duties that begin or end within 30 days, holiday
    calendars that end within 180 days, the states whose rule-of-law tier is not that of the index, what
    publishers of users' reports may claim besides, and rows that changed since they were signed; it then
    exits with 0.

    With --strict it also lists the duties that nobody signed for the platform (`tocsin registry sign`) and
    rows without a status, an owner or a review day, and exits with 1 if there are any.

    \b
    Examples:
      tocsin registry check
      tocsin registry check --law ./law --today 2027-06-01
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    rules = rules_with(law)
    found = lint(rules, day_or_today(today))
    echo(lint_text(found, rules, strict=strict))
    if strict and (found.unsigned or found.lacking):
        raise SystemExit(1)


@registry.command()
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@click.option("--today", type=DAY, metavar="DATE", help="Compare as of this day (UTC).  [default: today]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def diff(old: tuple[str, Path], new: tuple[str, Path], today: datetime | None, as_json: bool) -> None:
    """Show what changes for whom, and from when, if the law in NEW replaces that in OLD.

    OLD and NEW are folders of law, or `built-in` for the one that Tocsin ships. The changes are grouped by
    jurisdiction. For an obligation they say from which day of receipt they matter, whether that is in the
    past, and how its legal clock changes; a row that begins on the day after a similar one ends is compared
    with that one. Rows without days hold as soon as workers use the new folder. Exits with 0 whether or not
    the law differs, and with 2 if a file is invalid.

    \b
    Examples:
      tocsin registry diff built-in ./law-next
      tocsin registry diff ./law ./law-next --json | jq '.changes[] | select(.retroactive)'
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    laws = law_in(*old), law_in(*new)
    day = day_or_today(today)
    changes = compare(*laws, day)
    echo(orjson.dumps(diff_document(*laws, changes, day)).decode() if as_json else diff_text(*laws, changes))
