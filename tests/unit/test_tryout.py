"""`tocsin try` shows what a file of somebody's own reports would have opened, as workers would."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.main import commands

HEADER = "report_id,occurred_at,channel,category,reporter,message_ref,reporter.member,channel.country"


def typed(*arguments):
    return CliRunner().invoke(commands, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def storylines(tmp_path_factory):
    """Reports of the storylines of the demo, as JSON lines."""
    path = tmp_path_factory.mktemp("try") / "reports.jsonl"
    done = typed("simulate", "--reports", 2_000, "--end", "2026-03-01T12:00:00Z", "--out", path)
    assert done.exit_code == 0, done.output
    return path


def flat(report, above=""):
    for name, value in report.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        elif not isinstance(value, list) and value is not None:
            yield above + name, value


def test_it_opens_what_the_back_test_opens(storylines, tmp_path):
    (tmp_path / "same.yaml").write_bytes(Path("streams/registry/policies.yaml").read_bytes())
    compared = typed("policy", "backtest", tmp_path / "same.yaml", "--reports", storylines, "--json")
    assert compared.exit_code == 0, compared.output
    levels = [json.loads(line) for line in compared.output.splitlines() if line.startswith('{"kind":"level"')]
    expected = sum(row["in_use"] for row in levels if row["level"] == 1 and row["mode"] == "live")
    said = typed("try", storylines)
    assert said.exit_code == 0, said.output
    assert said.output.startswith(f"{expected} cases would have opened, ")
    assert expected > 5


def test_a_table_of_cells_says_the_same_in_any_order(storylines, tmp_path):
    reports = [dict(flat(json.loads(line))) for line in storylines.read_text().splitlines()]
    # What a cell cannot hold; no policy looks at it.
    columns = sorted({name for report in reports for name in report})
    table = tmp_path / "reports.CSV"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(reversed(reports))
    lists = tmp_path / "flat.jsonl"
    lists.write_text("".join(json.dumps(report) + "\n" for report in reports))
    one, other = typed("try", table), typed("try", lists)
    assert one.exit_code == other.exit_code == 0, one.output
    assert one.stdout == other.stdout


def test_rows_that_cannot_be_used_are_said_and_not_quoted(tmp_path):
    table = tmp_path / "reports.csv"
    rows = [
        HEADER,
        "1,2026-03-01T12:00:00Z,room 7,fraud,alice@example.org,m 1,true,DE",
        "2,yesterday,room 7,fraud,alice@example.org,m 1,,",
        "3,2026-03-01T12:00:00Z,room 7,swindle,alice@example.org,m 1,,",
        "4,2026-03-01T12:00:00Z,,fraud,alice@example.org,m 1,,",
        "5,2026-03-01T12:00:00Z,room 7,fraud,bob,m 1,perhaps,Germany",
        "6,2026-03-01T12:00:00Z,room 8,fraud,,,,,surplus",
    ]
    table.write_text("\ufeff" + "\n".join(rows) + "\n")
    done = typed("try", table)
    assert done.exit_code == 0
    assert done.stdout.startswith("No case would have opened.\n\n2 reports in 2 channels")
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
        ["line 3", " occurred_at"],
        ["line 4", " category"],
        ["line 5", " channel"],
        ["line 6", " channel.country"],
    ]
    assert not re.search("alice|bob|swindle|perhaps|yesterday", done.output)


def test_without_a_usable_row_it_says_so(tmp_path):
    table = tmp_path / "reports.jsonl"
    table.write_text('[]\n{\n\n"a"\n{"channel.ref": "x", "channel": 7}\n')
    done = typed("try", table)
    assert done.exit_code == 1
    assert "no row of" in done.output
    assert "line 5" in done.output


def test_a_mapping_reads_what_a_service_exports(tmp_path):
    from tests.unit.intake_documents import MASTODON

    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps(MASTODON) + "\n" + json.dumps(MASTODON | {"event": "other"}) + "\n")
    done = typed("try", export, "--mapping", "mastodon")
    assert done.exit_code == 0, done.output
    assert "1 reports in 1 channels" in done.stdout


def test_the_page_shows_every_case_loads_nothing_and_runs_nothing(tmp_path):
    table = tmp_path / "reports.csv"
    channel = '"<script>alert(1)</script>&"'
    rows = [
        f"{number},2026-03-01T12:{number:02d}:00Z,{channel},ncii_deepfake,person {number},m {number},true,DE"
        for number in range(40)
    ]
    table.write_text("\n".join([HEADER, *rows, "x,never,room,fraud,,,,"]) + "\n")
    done = typed("try", table, "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "page.html").read_text()
    cases = int(re.match("([0-9]+) case", done.stdout)[1])
    assert text.count("<tr><td>2026-03-01") == cases > 0
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in text
    assert not re.search(r"https?://|src=|url\(|@import", text)
    assert "<rect" in text
    assert 'class="case"' in text
    assert "<td>1<td>occurred_at: " in text
