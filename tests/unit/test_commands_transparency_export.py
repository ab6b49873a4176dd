"""`tocsin transparency export`: files, what is blank, what is left out, and the long table."""

import csv
import io

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.transparency import counters as reading
from streams.contract.events.transparency import (
    ActionTimeCount,
    ComplaintCount,
    DecisionCount,
    ItemCount,
    OrderCount,
    ReportCount,
    RequestCount,
    TransparencyCounter,
)
from streams.contract.wire.encoding import encode
from streams.statutory.parts import parts
from streams.statutory.sums import union_state
from tests.unit.test_commands_transparency import Record

PERIOD = ("--from", "2026-01-01", "--to", "2026-12-31")


def of_reports(country, category, *reports, date="2026-03-01", **lists):
    return TransparencyCounter(date, "reports", 0, country, category, reports, (), **lists)


def of_requests(country, category, *requests, **lists):
    return TransparencyCounter("2026-03-01", "requests", 0, country, category, (), requests, **lists)


def notices(count, kind="user_report", source="user"):
    return ReportCount(source, kind, False, False, False, count)


def order(count, kind="removal_order", decision="routed"):
    return RequestCount(kind, "tco_art3", "police", decision, None, count)


UPHELD = DecisionCount("upheld", "law", True, False, False, 1)


@pytest.fixture
def export(monkeypatch, tmp_path):
    """Runs the command over counters; gives the result and the folder. Each counter has a key of its own."""

    def run(counted, *arguments):
        async def committed_records(connection, topic):
            for number, counter in enumerate(counted):
                yield Record(f"{counter.date}/{number}".encode(), encode(counter))

        monkeypatch.setattr(reading, "committed_records", committed_records)
        folder = tmp_path / "report"
        result = CliRunner().invoke(
            commands, ["transparency", "export", *(arguments or PERIOD), str(folder)], terminal_width=120
        )
        return result, folder

    return run


def lines(folder, name):
    return list(csv.DictReader(io.StringIO((folder / name).read_text(), newline="")))


def total_of_notices(folder):
    return lines(folder, "4_notices.csv")[0]


def test_without_any_counter_everything_that_is_counted_is_zero(export):
    result, folder = export([])
    assert result.exit_code == 0, result.output
    total = total_of_notices(folder)
    counted = [value for name, value in total.items() if name.startswith("Number of")]
    assert counted == ["0"] * 8
    assert total["Median time to take action"] == ""
    assert {path.name for path in folder.iterdir()} == {
        *(part.file_name for part in parts() if part.number not in (9, 10)),
        "TO-COMPLETE.txt",
    }


def test_files_are_as_the_official_ones_and_name_service_and_period(export):
    _, folder = export([], *PERIOD, "--service", "Chirp")
    for part in parts():
        if part.number in (9, 10):
            continue
        content = (folder / part.file_name).read_bytes()
        assert content.splitlines()[0] == part.official.splitlines()[0]
        assert b"\r" not in content
        assert not content.startswith(b"\xef\xbb\xbf")
    line = total_of_notices(folder)
    assert (line["Service"], line["Reporting period"]) == ("Chirp", "2026-01-01/2026-12-31")
    own_initiative = lines(folder, "5_own_initiative_illegal.csv")[0]
    assert {value for name, value in own_initiative.items() if "restriction" in name} == {""}


def test_what_is_only_for_others_is_blank_or_has_no_file(export):
    _, folder = export([], *PERIOD, "--role", "hosting")
    for line in lines(folder, "7_appeals_and_recidivism.csv"):
        assert line["Value"] == "" or line["Applicability"] == "All"
    assert not (folder / "9_human_resources.csv").exists()
    _, folder = export([], *PERIOD, "--role", "vlop")
    assert (folder / "9_human_resources.csv").exists()


def test_where_an_earlier_version_did_not_follow_messages_only_notices_are_known(export):
    result, folder = export([of_reports("DE", "fraud", notices(3))])
    total = total_of_notices(folder)
    assert total["Number of notices received "] == "3"
    assert total["Number of notices received from Trusted flaggers"] == "0"
    assert {name for name, value in total.items() if value == "0"} == {
        "Number of notices received from Trusted flaggers"
    }
    assert lines(folder, "7_appeals_and_recidivism.csv")[0]["Value"] == ""
    assert "workers of an earlier version applied the notices of this period" in result.output
    assert (folder / "TO-COMPLETE.txt").read_text() in f"{result.output}\n"


def test_days_on_which_nothing_but_notices_was_counted_are_named(export):
    known = of_reports("DE", "fraud", notices(3), items=(ItemCount("any_notice", 1),))
    result, _ = export([known, of_reports("DE", "fraud", notices(3), date="2026-03-05")])
    assert "nothing was counted on 1 of the days with notices, the first one 2026-03-05" in result.output


def test_notices_of_other_places_and_other_requests_are_left_out_and_named(export):
    result, folder = export(
        [
            of_reports(
                "XX", "fraud", notices(1), notices(2, source="state_actor"), notices(4, source="automated")
            ),
            of_reports("RE", "fraud", notices(8, "trusted_flagger_notice", "trusted_flagger")),
            of_reports("KR", "fraud", notices(16), items=(ItemCount("any_notice", 16),)),
            of_requests("GR", "terrorism", order(2), order(1, decision="refused")),
            of_requests("US", "terrorism", order(4)),
            of_requests("FR", "fraud", order(8, "preservation_order")),
        ]
    )
    total = total_of_notices(folder)
    assert total["Number of notices received "] == "9"
    assert total["Number of notices received from Trusted flaggers"] == "8"
    assert "16 from places outside of the Union are not in it" in result.output
    orders = lines(folder, "3_member_states_orders.csv")
    act = "Number of orders to act against illegal content received"
    assert {
        line["Scope"]: line[act] for line in orders if line["Category of illegal content"] == "TOTAL"
    } == {
        "TOTAL": "3",
        "EL": "3",
    }
    assert "4 of other states are not in it" in result.output
    assert "8 requests of the kind preservation_order are not in it" in result.output


def test_what_was_taken_back_is_not_in_the_sum(export):
    action = ActionTimeCount("any_notice", 3600, 1)
    _, folder = export(
        [
            of_reports("DE", "fraud", notices(2), items=(ItemCount("any_notice", 2),)),
            of_reports("DE", "fraud", decisions=(UPHELD,), action_times=(action,)),
            of_reports(
                "DE", "fraud", decisions=(UPHELD,), action_times=(ActionTimeCount("any_notice", 7200, 1),)
            ),
            of_reports(
                "DE",
                "fraud",
                decisions=(DecisionCount("upheld", "law", True, False, False, -1),),
                action_times=(ActionTimeCount("any_notice", 3600, -1),),
            ),
        ]
    )
    total = total_of_notices(folder)
    assert total["Number of actions taken on the basis of the law"] == "1"
    assert total["Median time to take action"] == "2"


def test_two_categories_of_one_row_stay_apart_where_they_have_descriptions(export):
    _, folder = export([of_reports("DE", "doxxing", notices(1)), of_reports("DE", "sextortion", notices(2))])
    rows = {
        line['Description of the sub-category "Other"']: line["Number of notices received "]
        for line in lines(folder, "4_notices.csv")
        if line["Category of illegal content"] == "KEYWORD_OTHER"
    }
    assert (rows["Doxing"], rows["Sexual extortion"]) == ("1", "2")
    cyber = next(
        line
        for line in lines(folder, "4_notices.csv")
        if line["Category of illegal content"] == "STATEMENT_CATEGORY_CYBER_VIOLENCE"
    )
    assert cyber["Number of notices received "] == "3"


def test_the_long_table_has_every_figure_by_country(export):
    result, folder = export(
        [
            of_reports(
                "KR",
                "fraud",
                notices(3),
                items=(ItemCount("any_notice", 2),),
                decisions=(DecisionCount("upheld", "terms", True, False, True, 1),),
                action_times=(ActionTimeCount("any_notice", 1800, 1),),
                complaints=(ComplaintCount("visibility", "reversed", 1),),
            ),
            of_requests("US", "fraud", order(4), orders=(OrderCount("removal_order", "effected", 3600, 1),)),
        ],
        *PERIOD,
        "--format",
        "long",
    )
    assert result.exit_code == 0, result.output
    [file] = folder.iterdir()
    rows = lines(folder, file.name)
    assert file.name == "figures.csv"
    assert [
        tuple(row[name] for name in ("metric", "jurisdiction", "source", "unit", "value")) for row in rows
    ] == [
        ("action_time", "KR", "any_notice", "hours", "0.5000"),
        ("complaints_reversed", "KR", "visibility", "count", "1"),
        ("decisions_upheld", "KR", "terms/notice+detection", "count", "1"),
        ("items", "KR", "any_notice", "count", "2"),
        ("order_time_effected", "US", "removal_order", "hours", "1.0000"),
        ("reports", "KR", "user/user_report", "count", "3"),
        ("requests_routed", "US", "police/removal_order", "count", "4"),
    ]
    assert all(row["definition"] and row["period"] == "2026-01-01/2026-12-31" for row in rows)


def test_what_was_taken_back_and_is_not_there_is_explained(export):
    taken_back = DecisionCount("upheld", "law", True, False, False, -1)
    result, folder = export([of_reports("DE", "fraud", decisions=(taken_back,))])
    assert result.exit_code == 1
    assert "More was taken back than the topic has" in result.output
    assert not folder.exists()


def test_a_period_that_ends_before_it_begins_is_refused(export):
    result, folder = export([], "--from", "2026-03-02", "--to", "2026-03-01")
    assert result.exit_code == 2
    assert "--from 2026-03-02 is after --to 2026-03-01" in result.output
    assert not folder.exists()


def test_territories_where_union_law_holds_belong_to_their_state():
    assert (union_state("GR"), union_state("EL"), union_state("RE"), union_state("AX")) == (
        "EL",
        "EL",
        "FR",
        "FI",
    )
    assert (union_state("GB"), union_state("NC"), union_state("XX"), union_state("KR")) == (None,) * 4
