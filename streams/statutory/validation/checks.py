"""Every check of a transparency report: how grave a failure is, what the instructions say, and where they say it."""

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]


class Check(msgspec.Struct, frozen=True):
    """What a check stands for.

    `error`: the report contradicts the templates or itself. `warning`: it is probably a mistake, or readers by machine
    may stumble over it. `source` is a place in Implementing Regulation (EU) 2024/2835.
    """

    severity: Severity
    source: str
    rule: str


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
    "part-missing": Check("error", _STRUCTURE, _WHOLE_REPORT),
    "part-twice": Check("error", _STRUCTURE, "Each part is one file."),
    "part-unfilled": Check("error", _STRUCTURE, _WHOLE_REPORT),
    "file-name": Check("warning", _ROWS, "Files are named like the sheets of the template."),
    "file-unknown": Check(
        "warning", _STRUCTURE, "Other documents may be added to a report, but are not part of it."
    ),
    "not-csv": Check("error", _FORMAT, _CSV),
    # Encoding and CSV
    "not-utf8": Check("error", _FORMAT, _CSV),
    "byte-order-mark": Check(
        "warning", _FORMAT, "The Commission's files have none, and it becomes part of the first header."
    ),
    "delimiter": Check("error", _FORMAT, _CSV),
    "quoting": Check("error", _FORMAT, _CSV),
    "line-end": Check("error", _FORMAT, _CSV),
    "cell-count": Check("error", _FORMAT, "Every line has as many cells as the header."),
    "blank-line": Check("warning", _FORMAT, "A blank line is a record with one empty cell."),
    # Columns
    "header": Check("error", _ROWS, _TEMPLATE),
    "header-spacing": Check("warning", _ROWS, "Readers by machine compare headers exactly, blanks included."),
    "column-missing": Check("error", _ROWS, _TEMPLATE),
    "column-extra": Check("error", _STRUCTURE, "Further figures go to an additional document."),
    "column-order": Check(
        "error", _ROWS, "The order of the columns is fixed: the instructions name them by letter."
    ),
    # Rows
    "row-missing": Check("error", _ROWS, _TEMPLATE),
    "row-unknown": Check(
        "error",
        _CATEGORIES,
        "Categories are those of the list; own sub-categories are rows of KEYWORD_OTHER.",
    ),
    "row-twice": Check("error", _ROWS, "Only KEYWORD_OTHER, and accuracy per system, may have several rows."),
    "row-order": Check(
        "warning", _ROWS, "Another order is not forbidden, but readers by machine may rely on it."
    ),
    "wrong-category": Check(
        "error",
        _CATEGORIES,
        "A sub-category belongs to the category above it; KEYWORD_OTHER has no other mark of it.",
    ),
    "fixed-text": Check("warning", _ROWS, _TEMPLATE),
    "member-state": Check("error", "Annex II, part II, 1.2.1, F", _CODES),
    "state-without-orders": Check(
        "warning",
        "Annex II, part II, 1.2.1, F",
        "Part 3 has rows for the Member States that issued an order.",
    ),
    "language": Check("error", "Annex II, part II, 1.6 and 1.7", _CODES),
    "placeholder": Check("error", _ROWS, "What the template writes as an example is replaced."),
    # Identification and period
    "service": Check("error", "Annex II, part II, 1.1, B", "One report per service; every row names it."),
    "date": Check("error", "Annex II, part II, 1.1", "Dates are written YYYY-MM-DD."),
    "identification": Check(
        "error", "Annex II, part II, 1.1", "Part 1 names provider, publication and period."
    ),
    "period": Check(
        "error",
        "Annex II, part II, 1.2.1, C",
        "The period is written YYYY-MM-DD/YYYY-MM-DD, and is that of part 1.",
    ),
    "period-length": Check(
        "error",
        _PERIOD,
        "From 2026 on, a report covers a calendar year, and one of a very large platform or search engine half a year.",
    ),
    "published-late": Check("error", _PERIOD, _PUBLISHED),
    "published-early": Check(
        "error", _PERIOD, "A report is published after its period, and after the report before it."
    ),
    # Figures
    "blank": Check("warning", _STRUCTURE, _BLANK),
    "not-applicable": Check("warning", _STRUCTURE, "Rows that do not apply to the provider stay blank."),
    "count": Check("error", _FORMAT, _WHOLE_NUMBERS),
    "suppressed": Check("error", _FORMAT, "The templates know no suppression of small numbers."),
    "share": Check("error", _FORMAT, _SHARES),
    "hours": Check("error", _FORMAT, _IN_HOURS),
    "hours-unit": Check("warning", _FORMAT, _IN_HOURS),
    "full-time": Check("error", "Annex II, part II, 1.7", "Moderators are counted in full-time equivalents."),
    "cell-spacing": Check("warning", _FORMAT, "Blanks belong to a cell (RFC 4180, section 2.4)."),
    "text-length": Check("error", "Annex II, part II, 2, E", "Texts have at most 5000 characters."),
    # KEYWORD_OTHER
    "other-undescribed": Check("error", _CATEGORIES, _OTHER_ROWS),
    "other-twice": Check("error", _CATEGORIES, _OTHER_ROWS),
    "other-catch-all": Check(
        "warning", _CATEGORIES, "KEYWORD_OTHER is not for everything else: each row has a subject."
    ),
    "description-misplaced": Check("warning", _CATEGORIES, "Only KEYWORD_OTHER has a description."),
    # Sums
    "sub-categories": Check("error", _CATEGORIES, _ADD_UP),
    "total": Check("error", _CATEGORIES, "TOTAL is the sum of all categories."),
    "states-total": Check("error", _ORDERS, "TOTAL is the sum of all Member States."),
    "trusted-flaggers": Check("error", _NOTICES, "Notices of trusted flaggers are among all notices."),
    "items": Check("warning", _NOTICES, "Every notice and order names at least one specific item."),
    "items-many": Check(
        "warning", _NOTICES, "Items are exact electronic locations that notices or orders name."
    ),
    "actions": Check("warning", _NOTICES, "Actions are taken after a notice, on what it names."),
    "median-without-cases": Check("warning", _FORMAT, "There is no median of nothing."),
    "median-missing": Check("warning", _FORMAT, "The median of the cases that were counted is missing."),
    "automated-above-all": Check("error", _OWN, "Measures after automated detection are among all measures."),
    "restrictions": Check(
        "warning", _OWN, "Every measure restricts something, so it is in at least one of these columns."
    ),
    "complaints": Check(
        "warning", _COMPLAINTS, "Decisions are about complaints; those of one kind are among all."
    ),
    "automated-means": Check(
        "warning", _AUTOMATED, "Parts 4, 5, 6 and 8 count the same notices and measures."
    ),
    "accuracy-context": Check(
        "warning",
        _AUTOMATED,
        "Contextual information says more about each indicator of accuracy, and why it was chosen.",
    ),
}
