"""Two rows of law that apply to the same case on the same day are refused."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.registry.reading.document import Document
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.overlaps import refuse_overlaps
from streams.registry.shapes.obligation import ObligationRow
from tests.unit.registry_files import edit, refused

DOCUMENT = Document(Path("KR.yaml"), None, {(): 1})


def row(
    number: int, since: date, until: date | None, categories: list[str], beside: list[int]
) -> ObligationRow:
    return ObligationRow.model_validate(
        {
            "id": f"KR.{number}",
            "instrument": "An Act",
            "article": str(number),
            "title": str(number),
            "categories": categories or "all",
            "trigger": "actual_knowledge",
            "action": "remove",
            "applies_to": "somebody",
            "in_force_from": since,
            "in_force_until": until,
            "beside": [f"KR.{other}" for other in beside],
            "source": {"url": "https://example.org/", "checked": since, "verification": "verified"},
        }
    )


# Three days, three categories and three rows are few enough to overlap often.
DAYS = [date(2026, 1, day) for day in (1, 2, 3)]
CATEGORIES = ["csam", "ncii", "fraud"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.none() | st.sampled_from(DAYS),
        st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=2),
        st.lists(st.integers(0, 2), unique=True, max_size=1),
    ).filter(lambda drawn: drawn[1] is None or drawn[0] <= drawn[1]),
    min_size=3,
    max_size=3,
)


@given(ROWS)
@settings(max_examples=300)
def test_rows_overlap_if_both_apply_to_a_category_on_a_day(
    drawn: list[tuple[date, date | None, list[str], list[int]]],
) -> None:
    named = [[other for other in beside if other != number] for number, (*_, beside) in enumerate(drawn)]
    rows = [row(number, *fields[:3], named[number]) for number, fields in enumerate(drawn)]
    holds = [
        {
            (day, category)
            for day in DAYS
            for category in CATEGORIES
            if since <= day <= (until or date.max) and (not categories or category in categories)
        }
        for since, until, categories, _ in drawn
    ]
    overlapping = [
        (left, right)
        for right in range(3)
        for left in range(right)
        if holds[left] & holds[right] and left not in named[right] and right not in named[left]
    ]
    if overlapping:
        left, right = overlapping[0]
        with pytest.raises(
            RegistryError, match=rf"obligations\[{right}\]: KR\.{right} and KR\.{left} state the same duty"
        ):
            refuse_overlaps(DOCUMENT, rows)
    else:
        refuse_overlaps(DOCUMENT, rows)


def test_consecutive_rows_do_not_overlap(folder: Path) -> None:
    edit(
        folder,
        "law/KR.yaml",
        "in_force_from: 2020-12-10",
        "in_force_from: 2020-12-10\n    in_force_until: 2026-12-31",
    )
    add_after_korea(folder, "KR.tba.art22-5.2027", "in_force_from: 2027-01-01")
    ids = [duty.id for duty in load_rules(folder).obligations]
    assert "KR.tba.art22-5.2027" in ids


def test_the_old_row_of_a_changed_law_must_end(folder: Path) -> None:
    added = add_after_korea(folder, "KR.tba.art22-5.2027", "in_force_from: 2027-01-01")
    refused(folder, "KR.yaml", added, "are both in force on 2027-01-01: end one with in_force_until")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instrument", "Another Act"),
        ("trigger", "awareness_threat"),
        ("action", "geo_disable"),
        ("categories", "[fraud]"),
        ("required_elements", "[explanation]"),
        ("public_only", "false"),
    ],
)
def test_rows_for_different_cases_do_not_overlap(folder: Path, field: str, value: str) -> None:
    add_after_korea(folder, "KR.other", "in_force_from: 2020-12-10", **{field: value})
    assert "KR.other" in [duty.id for duty in load_rules(folder).obligations]


@pytest.mark.parametrize(
    "field", ["duration: PT24H", "article: another", "authority: KNPA", "title: another"]
)
def test_rows_for_the_same_case_with_different_contents_overlap(folder: Path, field: str) -> None:
    name, _, value = field.partition(": ")
    added = add_after_korea(folder, "KR.other", "in_force_from: 2020-12-10", **{name: value})
    refused(folder, "KR.yaml", added, "KR.other and KR.tba.art22-5 state the same duty")


def add_after_korea(folder: Path, id_: str, period: str, **fields: str) -> str:
    """Add a row after those of KR.yaml, and give its place.

    It differs from the first in its id, its period and the given fields.
    """
    row = {
        "id": id_,
        "instrument": "Telecommunications Business Act",
        "article": "art. 22-5",
        "title": "The same",
        "categories": "[ncii]",
        "trigger": "actual_knowledge",
        "action": "remove",
        "applies_to": "somebody",
        "public_only": "true",
        "source": "{url: https://example.org/, checked: 2026-11-24, verification: verified}",
        **fields,
    }
    lines = [f"{name}: {value}" for name, value in row.items()]
    text = "  - " + "\n    ".join([*lines, period]) + "\n"
    path = folder / "law" / "KR.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return f"obligations[{before.count('  - id: KR.')}]"
