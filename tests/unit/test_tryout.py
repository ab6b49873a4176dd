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
        "6,2026-03-01T12:00:00Z,room 8,fraud",
        "7,2026-03-01T12:00:00Z,room 8,fraud,,,,,surplus",
    ]
    table.write_text("\ufeff" + "\n".join(rows) + "\n")
    done = typed("try", table)
    assert done.exit_code == 0
    assert done.stdout.startswith("No case would have opened.\n\n2 reports in 2 channels, from")
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
        ["line 3", " occurred_at"],
        ["line 4", " category"],
        ["line 5", " channel"],
        ["line 6", " channel.country"],
        ["line 8", " has 9 cells, and the header 8"],
    ]
    assert not re.search("alice|bob|swindle|perhaps|yesterday", done.output)


def test_without_a_usable_row_it_says_so(tmp_path):
    table = tmp_path / "reports.jsonl"
    table.write_text('[]\n{\n\n"a"\n{"channel.ref": "x", "channel": 7}\n')
    done = typed("try", table)
    assert done.exit_code == 1
    assert "no row of" in done.output
    assert "line 5" in done.output


def test_what_no_reader_can_take_is_a_line_that_is_refused(tmp_path):
    lines = tmp_path / "reports.jsonl"
    lines.write_text('{"a":' * 300 + "1" + "}" * 300 + "\n")
    done = typed("try", lines)
    assert done.exit_code == 1
    assert done.stderr.startswith("line 1: is nested too deeply\n")


MOMENT = "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("bad", "usable", "said"),
    [
        # Up to the end of the file, and up to the next mark.
        (f'1,{MOMENT},"room 7,fraud,,', 5, "a quotation mark is not closed in it"),
        (
            f'1,{MOMENT},"room 7,fraud,,\n2,{MOMENT},"room 7",fraud,,',
            6,
            "a quotation mark is not closed in it",
        ),
        (f"1,{MOMENT},room 7,fraud,,,,{'x' * 70_000}", 5, "value: Must be at most 65536 bytes."),
        (f'1,{MOMENT},room 7,fraud,,,,"' + "x\n" * 70_000 + '"', 5, "value: Must be at most 65536 bytes."),
    ],
)
def test_a_row_that_cannot_be_read_takes_no_other_with_it(tmp_path, bad, usable, said):
    table = tmp_path / "reports.csv"
    good = [f'{number},{MOMENT},"room\n{number}",fraud,,' for number in range(10, 15)]
    table.write_text("\n".join([HEADER, good[0], bad, *good[1:]]) + "\n")
    done = typed("try", table)
    assert done.exit_code == 0, done.output
    # The first row has two lines, as its channel has.
    (refused,) = done.stderr.splitlines()
    assert refused.startswith(f"line 4: {said}")
    assert f"{usable} reports in " in done.stdout


def test_the_lines_of_a_long_text_are_never_rows(tmp_path):
    table = tmp_path / "reports.csv"
    inside = "x" * 70_000 + f"\n2,{MOMENT},room 8,fraud,,\n"
    table.write_text(f'{HEADER},comment\n1,{MOMENT},room 7,fraud,,,,,"{inside}"\n')
    done = typed("try", table)
    assert (done.exit_code, done.stdout) == (1, "")


def test_different_ids_that_are_not_utf8_do_not_become_one(tmp_path):
    table = tmp_path / "reports.csv"
    rows = [HEADER, *(f"{room},{MOMENT},{room},fraud,," for room in ("Grün", "Grön", "Grau"))]
    table.write_bytes("\n".join(rows).encode("latin-1"))
    lines = tmp_path / "reports.jsonl"
    lines.write_bytes(
        b"".join(
            b'{"report_id": "1", "occurred_at": "%s", "channel": "%s", "category": "fraud"}\n'
            % (MOMENT.encode(), room.encode("latin-1"))
            for room in ("Grau", "Grün", "Grön")
        )
    )
    for file in (table, lines):
        done = typed("try", file)
        assert done.exit_code == 0
        why = "is not UTF-8; save the file as UTF-8, e.g. iconv -f latin1 -t utf-8\n"
        assert done.stderr == f"line 2: {why}line 3: {why}"
        assert "; 2 rows could not be used." in done.stdout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["reports.csv", "reports.jsonl"])
def test_utf16_is_refused_as_a_whole(tmp_path, encoding, name):
    file = tmp_path / name
    file.write_bytes(f"{HEADER}\n1,{MOMENT},room 7,fraud,,\n".encode(encoding))
    done = typed("try", file)
    assert done.exit_code == 2
    assert f"{name} is UTF-16 or no text; save it as UTF-8, e.g. iconv -f utf-16 -t utf-8\n" in done.stderr
    assert "line " not in done.stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,occurred_at,room,category", "it has no column report_id, channel; a header has report_id, "),
        (
            "report_id;occurred_at;channel;category",
            "Are they separated by semicolons? They must be by commas. Its columns are: report_id;occurred",
        ),
        ("report_id\toccurred_at\tchannel\tcategory", "Are they separated by tabs? They must be by commas"),
        (HEADER + ",category", "each column must be there once, and category is there more often"),
        (HEADER + ",channel.ref", "channel is short for channel.ref, so it must have only one of them"),
        (HEADER + ",reporter.ref", "reporter is short for reporter.ref, so it must have only one of them"),
        ('report_id,"occurred_at,channel', "the header of"),
        ("r\udcfcckmeldung,category", "is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_header_that_cannot_be_used_is_said_before_any_row(tmp_path, header, said):
    table = tmp_path / "reports.csv"
    table.write_text(f"{header}\n1,{MOMENT},room 7,fraud\n", errors="surrogateescape")
    done = typed("try", table)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "line " not in done.stderr


def test_a_mapping_reads_any_columns_that_are_there_once(tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "fields:\n  report_id: id\n  kind: {constant: user_report}\n  occurred_at: when\n"
        "  channel.ref: room\n  channel.visibility: {constant: unknown}\n  category: harm\n"
    )
    table = tmp_path / "reports.csv"
    table.write_text(f"id,when,room,harm\n1,{MOMENT},room 7,fraud\n")
    done = typed("try", table, "--mapping", mapping)
    assert done.exit_code == 0, done.output
    table.write_text(f"id,when,room,harm,room\n1,{MOMENT},room 7,fraud,x\n")
    assert typed("try", table, "--mapping", mapping).exit_code == 2


@pytest.mark.parametrize(
    "both", [{"channel": {"ref": "a"}, "channel.ref": "b"}, {"channel.ref": "b", "channel": "a"}]
)
def test_a_field_that_is_there_twice_is_refused(tmp_path, both):
    lines = tmp_path / "reports.jsonl"
    lines.write_text(json.dumps({"report_id": "1", "occurred_at": MOMENT, "category": "fraud"} | both) + "\n")
    done = typed("try", lines)
    assert done.exit_code == 1
    assert done.stderr.startswith("line 1: channel.ref: is there twice\n")


def test_a_mapping_reads_what_a_service_exports(tmp_path):
    from tests.unit.intake_documents import MASTODON

    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps(MASTODON) + "\n" + json.dumps(MASTODON | {"event": "other"}) + "\n")
    done = typed("try", export, "--mapping", "mastodon")
    assert done.exit_code == 0, done.output
    assert "1 report in 1 channel, from" in done.stdout


def test_a_policy_that_is_not_live_is_named(tmp_path, monkeypatch):
    policies = Path("streams/registry/policies.yaml").read_text()
    table = tmp_path / "reports.csv"
    rows = [f"{number},2026-03-01T12:{number:02d}:00Z,room 7,fraud,p{number},m" for number in range(40)]
    table.write_text("\n".join([HEADER, *rows, rows[-1]]) + "\n")
    done = typed("try", table)
    assert "1 case would have opened" in done.stdout
    assert "41 reports (1 of them a repeat) in 1 channel, from" in done.stdout
    assert "No live policy" not in done.stdout
    assert "shadow" not in done.stdout
    for mode, said in (
        ("shadow", "Policy fraud is in shadow mode: 1 case of it would have opened, and reached no desk.\n"),
        ("off", " UTC.\n\nNo live policy judges reports of fraud.\n"),
    ):
        changed = tmp_path / f"{mode}.yaml"
        changed.write_text(re.sub("(?m)^    mode: [a-z]+$", f"    mode: {mode}", policies))
        monkeypatch.setenv("TOCSIN_POLICIES_FILE", str(changed))
        done = typed("try", table, "--html", tmp_path / "page.html")
        assert done.stdout.startswith("No case would have opened.")
        assert said in done.stdout, (mode, done.stdout)
        assert "<p>No live policy judges reports of fraud.</p>" in (tmp_path / "page.html").read_text()


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
