"""Every number of time in the registry stands beside its article and a quote that holds the same number.

A number without such a quote is at most `secondary`: docs/law.md.
"""

import re
from pathlib import Path
from typing import Any

import pytest

import streams.registry
from tests.yaml_files import load_yaml

LAW = Path(streams.registry.__file__).parent / "law"
WORDS = {
    1: "one|an|a", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine",
    10: "ten", 12: "twelve", 14: "fourteen", 15: "fifteen", 20: "twenty", 21: "twenty-one", 24: "twenty-four", 30: "thirty",
    36: "thirty-six", 48: "forty-eight", 60: "sixty", 72: "seventy-two", 90: "ninety",
    180: "one hundred (?:and )?eighty",
}  # fmt: skip
UNITS = {"H": "hour", "D": "day", "M": "month", "Y": "year"}
# How else a law may say the same time.
SAME = {"PT24H": ("P1D",), "PT48H": ("P2D",), "P1Y": ("P12M",), "P7D": ("PT168H",)}


def rows() -> dict[str, dict[str, Any]]:
    """The rows with a number of time, by id."""
    found = {}
    for path in sorted(LAW.glob("*.yaml")):
        for row in load_yaml(path.read_text("utf-8")).get("obligations") or ():
            if "duration" in row:
                found[row["id"]] = row
    return found


def says(text: str, duration: str) -> bool:
    """Whether a text has the number and unit of an ISO 8601 duration of one unit, in digits or in words."""
    for each in (duration, *SAME.get(duration, ())):
        matched = re.fullmatch(r"PT?(\d+)([HDMY])", each)
        assert matched, f"not one number and unit: {each}"
        number, unit = int(matched[1]), UNITS[matched[2]]
        spelled = "|".join(filter(None, (str(number), WORDS.get(number)))).replace("-", "[- ]")
        # Such as `24 (twenty-four) hours` and `5 calendar days`.
        if re.search(rf"(?<![\w-])(?:{spelled})\b(?:\s*\([^)]*\))?[\s-]+(?:\w+\s+)?{unit}", text, re.I):
            return True
    return False


def quotes(row: dict[str, Any]) -> dict[str, str | None]:
    """The article of each quote of a row, by the quote in English (translated from another language)."""
    return {
        source["quote"] if source["language"].startswith("en") else source["translation"]: source.get(
            "article"
        )
        for source in row.get("sources", ())
        if "quote" in source
    }


def mark_of_time(row: dict[str, Any]) -> str:
    marks = row["marks"]
    return marks if isinstance(marks, str) else marks.get("time", marks.get("all"))


@pytest.mark.parametrize("row", [pytest.param(row, id=row_id) for row_id, row in rows().items()])
def test_a_number_is_verified_only_beside_a_quote_that_holds_it(row: dict[str, Any]) -> None:
    if mark_of_time(row) == "verified":
        found = quotes(row)
        assert any(article and says(text, row["duration"]) for text, article in found.items()), found


@pytest.mark.parametrize(
    ("text", "duration", "found"),
    [
        ("within one hour of receipt of the removal order", "PT1H", True),
        ("within twenty-four (24) hours", "PT24H", True),
        ("at the latest within 10 days following receipt", "P10D", True),
        ("for six months from the removal", "P6M", True),
        ("within a day", "PT24H", True),
        ("within twenty four hours", "PT24H", True),
        ("at the latest within 5 (five) calendar days", "P5D", True),
        ("within 36 hours", "PT24H", False),
        ("within twenty-four hours", "PT4H", False),
        ("124 hours", "PT24H", False),
        ("without undue delay", "PT24H", False),
    ],
)
def test_a_number_is_found_in_digits_and_in_words(text: str, duration: str, found: bool) -> None:
    assert says(text, duration) is found
