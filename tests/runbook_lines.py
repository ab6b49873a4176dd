"""The command lines of the runbooks, as they are written there, for the drills and tests that run them.

Text in capitals is a placeholder, which whoever runs the line fills in.
"""

import re
import shlex

from tests.contract.test_alerts import RUNBOOKS

_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b")


def mitigation(alert: str, beginning: str) -> str:
    """The one command line of the alert's 'Mitigation' that begins with these words; of several that do, the
    one that is nothing but these words.
    """
    return _line(alert, "Mitigation", beginning)


def diagnosis(alert: str, beginning: str) -> str:
    """Likewise of its 'Diagnosis'."""
    return _line(alert, "Diagnosis", beginning)


def lines(alert: str, section: str = "") -> list[str]:
    """All command lines of a runbook, or of one of its sections."""
    page = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    text = re.split(r"^## ", page.partition(f"\n## {section}\n")[2], flags=re.M)[0] if section else page
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def filled(line: str, **values: object) -> str:
    """The line with its placeholders filled in."""
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[0], found[0])), line)


def arguments(line: str, **values: object) -> list[str]:
    """What follows `tocsin` in a filled line of one command."""
    program, *words = shlex.split(filled(line, **values))
    assert program == "tocsin", line
    return words


def _line(alert: str, section: str, beginning: str) -> str:
    every = lines(alert, section)
    found = [line for line in every if line.startswith(beginning)]
    if len(found) > 1 and beginning in found:
        found = [beginning]
    assert len(found) == 1, f"{alert}.md has {len(found)} commands that begin with {beginning!r}: {every}"
    return found[0]
