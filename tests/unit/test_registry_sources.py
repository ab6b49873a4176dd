"""`tocsin registry sources`: front pages, shared sources and the days of reading."""

import dataclasses
import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.registry import options
from streams.commands.registry.sources import is_front_page, on_front_pages, used_sources
from streams.registry.loader import load_rules
from streams.registry.row_of_law import LawSource
from tests.unit.law_reports import duty

ACT = LawSource(
    "Act", "https://law.example/act/1", date(2026, 11, 1), quote="within one hour", sha256="0" * 64
)
AGAIN = LawSource("Act", "https://law.example/act/1", date(2026, 11, 20))
MINISTRY = LawSource("a newspaper", "https://ministry.example/en/", date(2026, 6, 1))
BOOK = LawSource("A commentary", None, date(2026, 7, 1))

RULES = dataclasses.replace(
    load_rules(),
    obligations=(
        duty("NZ", id="NZ.one", sources=(ACT,)),
        duty("NZ", id="NZ.two", sources=(MINISTRY, AGAIN)),
        duty("NZ", id="NZ.bare", sources=(MINISTRY,)),
        duty("NZ", id="NZ.book", sources=(BOOK,)),
    ),
    watched=(),
)


@pytest.mark.parametrize(
    ("url", "front"),
    [
        ("https://www.meity.gov.in/", True),
        ("https://www.meity.gov.in", True),
        ("https://ministry.example/en", True),
        ("https://ministry.example/fr-be/index.html", True),
        ("https://ministry.example/home", True),
        ("https://law.example/act/1", False),
        ("https://law.example/?id=12", False),
        ("https://law.example/#/act/1", False),
        ("http://data.europa.eu/eli/reg/2022/2065/oj", False),
    ],
)
def test_a_front_page_names_no_page(url: str, front: bool) -> None:
    assert is_front_page(url) is front


def test_a_source_is_listed_once_with_its_rows_and_the_oldest_reading_first() -> None:
    found = {source.place: source for source in used_sources(RULES)}
    assert list(found) == [MINISTRY.url, BOOK.title, ACT.url]
    act = found["https://law.example/act/1"]
    assert act.rows == ("NZ.one", "NZ.two")
    assert (act.first_read, act.last_read) == (date(2026, 11, 1), date(2026, 11, 20))
    assert (act.quoted, act.hashed, act.front_page) == (1, 1, False)


def test_a_row_with_another_page_does_not_rest_on_a_front_page() -> None:
    assert on_front_pages(RULES) == ("NZ.bare",)


def test_the_text_begins_with_the_rows_that_name_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "load_rules", lambda **_: RULES)
    result = CliRunner().invoke(commands, ["registry", "sources"])
    assert result.exit_code == 0
    assert result.stdout.startswith("Rows that name nothing but a front page (1):\n\n  NZ.bare\n")
    shared = result.stdout.partition("Shared by several rows:")[2].partition("All sources")[0]
    assert "https://law.example/act/1" in shared and "A commentary" not in shared
    assert result.stdout.endswith("3 sources: 1 front pages, 2 shared, 1 quoted in a row.\n")


def test_json_has_a_source_on_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "load_rules", lambda **_: RULES)
    lines = CliRunner().invoke(commands, ["registry", "sources", "--json"]).stdout.splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [row["rows"] for row in rows] == [["NZ.two", "NZ.bare"], ["NZ.book"], ["NZ.one", "NZ.two"]]


def test_the_shipped_law_can_be_listed() -> None:
    rules = load_rules()
    named = {row for source in used_sources(rules) for row in source.rows}
    assert named == {row.id for row in (*rules.obligations, *rules.watched)}
