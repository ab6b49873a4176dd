"""Compares an exported part 4 with the oracle."""

import csv
import io

from tests.unit.statutory_oracle import Oracle

FIGURES = {
    "Number of notices received ": "notices, all",
    "Number of notices received from Trusted flaggers": "notices, trusted",
    "Number of specific items of information included in the total number of notices": "items, all",
    "Number of specific items of information included in the total number of notices by Trusted Flaggers "
    "(Trusted Flagger notices)": "items, trusted",
    "Number of actions taken on the basis of the law": "law, all",
    "Number of actions taken on the basis of the law (Trusted Flagger notices)": "law, trusted",
    "Number of actions taken on the basis of the terms and conditions of the service": "terms, all",
    "Number of actions taken on the basis of the terms and conditions of the service (Trusted Flagger "
    "notices)": ("terms, trusted"),
}


def read_table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def near(text: str, expected: float | None) -> bool:
    """A median in hours: within 1 %, and the hundredth of an hour to which it is written."""
    if expected is None:
        return text == ""
    return text != "" and abs(float(text) - expected) <= 0.01 * expected + 0.006


def check_notices(content: bytes, oracle: Oracle) -> None:
    """Every figure of every row; no row of the oracle may be missing."""
    high, found = "", set()
    for line in read_table(content):
        label = line["Category of illegal content"]
        high = high if label.startswith("KEYWORD_") else label
        row = (high, label, line['Description of the sub-category "Other"'])
        found.add(row)
        for column, figure in FIGURES.items():
            assert line[column] == str(oracle.rows[row][figure]), (row, column)
        assert near(line["Median time to take action"], oracle.median(row, "all")), row
        trusted = line["Median time to take action (Trusted Flagger notices)"]
        assert near(trusted, oracle.median(row, "trusted")), row
    assert {row for row, figures in oracle.rows.items() if figures.total()} <= found
