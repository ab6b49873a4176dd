"""`tocsin registry export`: a sheet for counsel has everything that a row rests on, as a page and as a table."""

import csv
import dataclasses
import io
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.commands.registry import options
from streams.commands.registry.sheet import codes_with_rows, sheet, sheet_csv, sheet_html
from streams.registry.loader import load_rules
from streams.registry.row_of_law import LawSource, NextDay, Penalty, Signature, WatchedRow
from tests.marked import marked
from tests.unit.law_reports import duty, place

SHIPPED = load_rules()
TODAY = date(2026, 11, 28)

READ = LawSource(
    title="Loi <sur> les tests",
    url="https://law.example/loi/1?a=1&b=2",
    read_on=TODAY,
    article="art. 6",
    language="fr",
    quote="dans un délai de vingt-quatre heures",
    translation="within twenty-four hours",
    sha256="ab" * 32,
)
DUTY = duty(
    "NZ",
    id="NZ.take-down",
    title="=Take it down",
    sources=(READ, LawSource("a newspaper", None, TODAY)),
    penalties=(Penalty("up to 4 % of turnover", "provider", "art. 18"),),
    next=NextDay(date(2027, 1, 1), "judgment"),
    owner="registry",
    review_by=date(2027, 5, 1),
    required_elements=("location",),
)
BILL = WatchedRow(
    id="NZ.bill",
    jurisdiction="NZ",
    status="bill",
    instrument="Bill 7",
    article="cl. 2",
    title="Take it down sooner",
    in_force_from=None,
    next=None,
    sources=(LawSource("Bill 7", "https://law.example/bill", TODAY),),
    marks=marked("secondary"),
    owner="registry",
    read_by=None,
    review_by=date(2027, 2, 1),
)
SIGNED = dataclasses.replace(DUTY, id="NZ.signed", signed=Signature("counsel-1", date(2026, 11, 20)))
RULES = dataclasses.replace(
    SHIPPED,
    jurisdictions={**SHIPPED.jurisdictions, "NZ": place("NZ", name="New Zealand", regions=("EU",))},
    obligations=(DUTY, SIGNED),
    watched=(BILL,),
)
FOUND = sheet(RULES, "NZ", TODAY)


class Page(HTMLParser):
    """The elements of a page, its text, and whether every element is closed."""

    VOID = ("meta", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


PAGE = Page(sheet_html(FOUND))


def test_the_page_has_what_the_row_rests_on() -> None:
    words = " ".join(PAGE.words.split())
    for text in (
        "NZ.take-down: =Take it down",
        "Loi <sur> les tests, art. 6; read on 2026-11-28",
        "dans un délai de vingt-quatre heures",
        "In English: within twenty-four hours",
        "ab" * 32,
        "up to 4 % of turnover; liable: provider (art. 18)",
        "2027-01-01: judgment",
        "No words of it are quoted.",
        "signed by counsel-1 on 2026-11-20",
        "1 of 2 duties are signed",
        "Take it down sooner",
        "none, because the law is not in force",
    ):
        assert text in words, text
    assert "European Union (EU)" in words


def test_the_page_can_be_read_aloud_and_printed_and_loads_nothing() -> None:
    assert PAGE.open == []
    assert PAGE.all("html") == [{"lang": "en"}]
    assert len(PAGE.all("title")) == len(PAGE.all("h1")) == len(PAGE.all("main")) == 1
    assert len(PAGE.all("caption")) == len(PAGE.all("table"))
    assert all(cell.get("scope") for cell in PAGE.all("th"))
    # A quote is read aloud in its own language.
    assert [quote.get("lang") for quote in PAGE.all("blockquote")] == ["fr", None] * 2
    ids = [attributes["id"] for _, attributes in PAGE.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [link["href"] for link in PAGE.all("a")]
    assert {target[1:] for target in targets if target and target.startswith("#")} <= set(ids)
    assert PAGE.all("script") == PAGE.all("img") == PAGE.all("link") == []
    assert "@media print" in sheet_html(FOUND)


def test_the_table_has_a_line_for_each_row_and_room_for_counsel() -> None:
    (header, *lines) = csv.reader(io.StringIO(sheet_csv(FOUND)))
    assert [line[0] for line in lines] == ["NZ.take-down", "NZ.signed", "NZ.bill"]
    assert {len(line) for line in lines} == {len(header)}
    taken, signed, bill = (dict(zip(header, line, strict=True)) for line in lines)
    # A spreadsheet would take it for a formula.
    assert taken["duty"] == "'=Take it down"
    assert taken["mark of time"] == "verified"
    assert (
        "“dans un délai de vingt-quatre heures”; in English: “within twenty-four hours”" in taken["sources"]
    )
    assert signed["signature"] == "signed by counsel-1 on 2026-11-20"
    assert (bill["status"], bill["time limit"], bill["signature"]) == ("bill", "", "no duty")
    assert [taken[name] for name in header[-3:]] == ["", "", ""]


def test_a_sheet_without_signatures_says_so_first() -> None:
    unsigned = sheet(dataclasses.replace(RULES, obligations=(DUTY,)), "NZ", TODAY)
    words = " ".join(Page(sheet_html(unsigned)).words.split())
    assert "No duty is signed" in words.partition("The rows")[0]


@pytest.fixture
def tocsin(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(options, "load_rules", lambda **_: RULES)

    def run(*arguments: object) -> Result:
        words = ["registry", "export", "--today", "2026-11-28", *map(str, arguments)]
        return CliRunner().invoke(commands, words)

    return run


def test_the_command_writes_two_files_for_each_country(tocsin: Any, tmp_path: Path) -> None:
    out = tmp_path / "sheets"
    result = tocsin("nz", "--out", out)
    assert result.stdout == f"{out / 'NZ'}.html, NZ.csv: 3 rows, 1 of 2 duties signed\n"
    assert sorted(path.name for path in out.iterdir()) == ["NZ.csv", "NZ.html"]
    assert (out / "NZ.csv").read_bytes().startswith(b"\xef\xbb\xbfrow,")
    assert (out / "NZ.html").read_text("utf-8") == sheet_html(FOUND)


def test_without_a_country_all_with_rows_are_written(tocsin: Any, tmp_path: Path) -> None:
    assert tocsin("--out", tmp_path).exit_code == 0
    assert {path.stem for path in tmp_path.iterdir()} == {"NZ"}
    assert tocsin("QQ", "--out", tmp_path).exit_code == 2


@pytest.mark.parametrize("code", codes_with_rows(SHIPPED))
def test_every_shipped_jurisdiction_has_a_sheet(code: str) -> None:
    found = sheet(SHIPPED, code, TODAY)
    assert Page(sheet_html(found)).open == []
    (header, *lines) = csv.reader(io.StringIO(sheet_csv(found)))
    assert {len(line) for line in lines} == {len(header)}
