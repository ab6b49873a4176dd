"""Every check of a transparency report: how grave a failure is, and what the instructions say.

`Findings` collects what fails.
"""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import msgspec

from streams.statutory.template import Part

Severity = Literal["error", "warning"]

# Room for two of the longest headers; a cell of the file may be as long as its author likes.
_LONGEST_MESSAGE = 500
# Failures of one file that are told apart. Further ones of a check are counted together: a file in which each
# line fails in its own way would otherwise give as many findings as it has cells.
_MOST_FINDINGS = 1_000


class Check(msgspec.Struct, frozen=True):
    """What a check stands for.

    `error`: the report contradicts the templates or itself. `warning`: it is probably a mistake, or readers
    by machine may stumble over it. `source` is a place in Implementing Regulation (EU) 2024/2835.
    """

    severity: Severity
    source: str
    rule: str


_error, _warning = partial(Check, "error"), partial(Check, "warning")

_FORMAT = "Annex II, part I, 4"
_CATEGORIES = "Annex II, part I, 7"
_STRUCTURE = "Annex II, part I, 1"
_ROWS = "Annex I"
_PERIOD = "Article 2; Annex II, part I, 2 and 3"
_NOTICES = "Annex II, part II, 1.3"
_OWN = "Annex II, part II, 1.4"
_COMPLAINTS = "Annex II, part II, 1.5"
_AUTOMATED = "Annex II, part II, 1.6"
_ORDERS = "Annex II, part II, 1.2"
_STATES = "Annex II, part II, 1.2.1, F"
_IDENTITY = "Annex II, part II, 1.1"

_WHOLE_REPORT = (
    "A report lacks nothing: templates or parts left out make it incomplete, unless a reason is given."
)
_CSV = "Reports are published as CSV by RFC 4180, in UTF-8."
_TEMPLATE = "Rows and columns are those of the template, with its texts."
_BLANK = "Blank says that something could not have happened on this service; 0 says that it did not happen."
_WHOLE_NUMBERS = "What is counted is given as whole numbers."
_SHARES = "Percentages are given as numbers between 0 and 1: 37 % is 0.37."
_IN_HOURS = "Median times are given in hours."
_OTHER_ROWS = (
    "Figures of KEYWORD_OTHER need a description of what they contain, and no two descriptions are the same."
)
_ADD_UP = "The sub-categories of a category add up to it, and nothing is counted twice."
_PUBLISHED = "A report is published within two months of the end of its period."
_CODES = "Member States have Eurostat's codes in capital letters, languages theirs in small letters."

CHECKS: dict[str, Check] = {
    # Files
    "part-missing": _error(_STRUCTURE, _WHOLE_REPORT),
    "part-twice": _error(_STRUCTURE, "Each part is one file."),
    "part-unfilled": _error(_STRUCTURE, _WHOLE_REPORT),
    "file-name": _warning(_ROWS, "Files are named like the sheets of the template."),
    "file-unknown": _warning(_STRUCTURE, "Other documents may be added to a report, but are not part of it."),
    "not-csv": _error(_FORMAT, _CSV),
    # Encoding and CSV
    "not-utf8": _error(_FORMAT, _CSV),
    "byte-order-mark": _warning(
        _FORMAT, "The Commission's files have none, and it becomes part of the first header."
    ),
    "delimiter": _error(_FORMAT, _CSV),
    "quoting": _error(_FORMAT, _CSV),
    "line-end": _error(_FORMAT, _CSV),
    "cell-count": _error(_FORMAT, "Every line has as many cells as the header."),
    "blank-line": _warning(_FORMAT, "A blank line is a record with one empty cell."),
    # Columns
    "header": _error(_ROWS, _TEMPLATE),
    "header-spacing": _warning(_ROWS, "Readers by machine compare headers exactly, blanks included."),
    "column-missing": _error(_ROWS, _TEMPLATE),
    "column-extra": _error(_STRUCTURE, "Further figures go to an additional document."),
    "column-order": _error(_ROWS, "The order of the columns is fixed: the instructions name them by letter."),
    # Rows
    "row-missing": _error(_ROWS, _TEMPLATE),
    "row-unknown": _error(
        _CATEGORIES, "Categories are those of the list; own sub-categories are rows of KEYWORD_OTHER."
    ),
    "row-twice": _error(_ROWS, "Only KEYWORD_OTHER, and accuracy per system, may have several rows."),
    "row-order": _warning(_ROWS, "Another order is not forbidden, but readers by machine may rely on it."),
    "wrong-category": _error(
        _CATEGORIES, "A sub-category belongs to the category above it; KEYWORD_OTHER has no other mark of it."
    ),
    "fixed-text": _warning(_ROWS, _TEMPLATE),
    "member-state": _error(_STATES, _CODES),
    "state-without-orders": _warning(_STATES, "Part 3 has rows for the Member States that issued an order."),
    "language": _error("Annex II, part II, 1.6 and 1.7", _CODES),
    "placeholder": _error(_ROWS, "What the template writes as an example is replaced."),
    # Identification and period
    "service": _error("Annex II, part II, 1.1, B", "One report per service; every row names it."),
    "date": _error(_IDENTITY, "Dates are written YYYY-MM-DD."),
    "identification": _error(_IDENTITY, "Part 1 names provider, publication and period."),
    "period": _error(
        "Annex II, part II, 1.2.1, C", "The period is written YYYY-MM-DD/YYYY-MM-DD, and is that of part 1."
    ),
    "period-length": _error(
        _PERIOD,
        "From 2026 on, a report covers a calendar year, and one of a very large platform or search engine "
        "half a year.",
    ),
    "published-late": _error(_PERIOD, _PUBLISHED),
    "published-early": _error(
        _PERIOD, "A report is published after its period, and after the report before it."
    ),
    # Figures
    "blank": _warning(_STRUCTURE, _BLANK),
    "not-applicable": _warning(_STRUCTURE, "Rows that do not apply to the provider stay blank."),
    "count": _error(_FORMAT, _WHOLE_NUMBERS),
    "suppressed": _error(_FORMAT, "The templates know no suppression of small numbers."),
    "share": _error(_FORMAT, _SHARES),
    "hours": _error(_FORMAT, _IN_HOURS),
    "hours-unit": _warning(_FORMAT, _IN_HOURS),
    "full-time": _error("Annex II, part II, 1.7", "Moderators are counted in full-time equivalents."),
    "cell-spacing": _warning(_FORMAT, "Blanks belong to a cell (RFC 4180, section 2.4)."),
    "text-length": _error("Annex II, part II, 2, E", "Texts have at most 5000 characters."),
    # KEYWORD_OTHER
    "other-undescribed": _error(_CATEGORIES, _OTHER_ROWS),
    "other-twice": _error(_CATEGORIES, _OTHER_ROWS),
    "other-catch-all": _warning(
        _CATEGORIES, "KEYWORD_OTHER is not for everything else: each row has a subject."
    ),
    "description-misplaced": _warning(_CATEGORIES, "Only KEYWORD_OTHER has a description."),
    # Sums
    "sub-categories": _error(_CATEGORIES, _ADD_UP),
    "total": _error(_CATEGORIES, "TOTAL is the sum of all categories."),
    "states-total": _error(_ORDERS, "TOTAL is the sum of all Member States."),
    "trusted-flaggers": _error(_NOTICES, "Notices of trusted flaggers are among all notices."),
    "items": _warning(_NOTICES, "Every notice and order names at least one specific item."),
    "items-many": _warning(_NOTICES, "Items are exact electronic locations that notices or orders name."),
    "actions": _warning(_NOTICES, "Actions are taken after a notice, on what it names."),
    "median-without-cases": _warning(_FORMAT, "There is no median of nothing."),
    "median-missing": _warning(_FORMAT, "The median of the cases that were counted is missing."),
    "automated-above-all": _error(_OWN, "Measures after automated detection are among all measures."),
    "restrictions": _warning(
        _OWN, "Every measure restricts something, so it is in at least one of these columns."
    ),
    "complaints": _warning(_COMPLAINTS, "Decisions are about complaints; those of one kind are among all."),
    "automated-means": _warning(_AUTOMATED, "Parts 4, 5, 6 and 8 count the same notices and measures."),
    "accuracy-context": _warning(
        _AUTOMATED,
        "Contextual information says more about each indicator of accuracy, and why it was chosen.",
    ),
}


class Finding(msgspec.Struct, frozen=True):
    """One failure of a check.

    `line` counts from 1 and is where the record begins in the file; None for the file as a whole. `more` is
    the number of further lines with the same failure. `column` is the letter of a column with its header;
    empty for the line as a whole. `rule` is what the instructions say, in our words, and `source` is where.
    """

    severity: Severity
    check: str
    file: str
    line: int | None
    more: int
    column: str
    message: str
    rule: str
    source: str


class Findings:
    """Collects the findings about one file, which is `part` if it is one."""

    def __init__(self, file: str, part: Part | None = None) -> None:
        self._file = file
        self._part = part
        # The first line of each failure and the number of further ones, by check, column and message.
        self._lines: dict[tuple[str, str, str], tuple[int | None, int]] = {}

    def add(self, check: str, message: str, line: int | None = None, column: int | None = None) -> None:
        """Add a failure of `check`, a key of CHECKS; `column` is one of the part, from 0."""
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        where = "" if column is None or self._part is None else column_name(self._part, column)
        failure = check, where, message
        if failure not in self._lines and len(self._lines) >= _MOST_FINDINGS:
            failure = check, "", "fails in more ways than are shown; correct the others first"
        first, more = self._lines.get(failure, (line, -1))
        self._lines[failure] = first, more + 1

    def __iter__(self) -> Iterator[Finding]:
        """Give what was found, by line."""
        for (check, where, message), found in sorted(self._lines.items(), key=lambda each: each[1][0] or 0):
            first, more = found
            what = CHECKS[check]
            yield Finding(
                what.severity, check, self._file, first, more, where, message, what.rule, what.source
            )


def column_name(part: Part, column: int) -> str:
    """Give the letter and the header of a column, as spreadsheets show them."""
    letter = chr(ord("A") + column) if column < 26 else "A" + chr(ord("A") + column - 26)
    return f"{letter} ({part.columns[column].strip()})"
