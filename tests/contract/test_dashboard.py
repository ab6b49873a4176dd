"""The committed dashboards are up to date, use existing metrics, and explain each panel."""

import re

import orjson
import pytest

from generators import dashboard
from generators.__main__ import main
from generators.dashboard_boards import BOARDS
from generators.dashboard_limits import LIMITS
from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.running.operations.metric_catalogue import CATALOGUE
from tests.contract.test_alerts import ALERTS, RUNBOOKS, exposed
from tests.promql import metrics, selectors

DASHBOARDS = [dashboard.dashboard(board) for board in BOARDS]
PANELS = [panel for board in DASHBOARDS for panel in board["panels"] if panel["type"] != "row"]
EACH_BOARD = pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board["uid"])
EACH = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])

# The Grafana units in use. Grafana shows an unknown unit as text after the value.
UNITS = {"short", "none", "s", "bytes", "reqps", "percentunit"}


def test_the_committed_files_are_what_the_generator_writes(capsys):
    assert main(["--check", "dashboard"]) == 0, capsys.readouterr().err
    assert {file.stem for file in dashboard.FOLDER.iterdir()} == {board.name for board in BOARDS}


def test_check_reports_a_file_that_differs(tmp_path, monkeypatch, capsys):
    file = tmp_path / "overview.json"
    monkeypatch.setattr(dashboard, "FOLDER", tmp_path)
    assert main(["--check", "dashboard"]) == 1
    assert main(["dashboard"]) == main(["--check", "dashboard"]) == 0
    file.write_bytes(file.read_bytes().replace(b"Workers up", b"Workers"))
    assert main(["--check", "dashboard"]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert str(file) in message and "partitions.json" not in message
    assert "python -m generators dashboard" in message


@EACH_BOARD
def test_data_source_job_and_instance_can_be_chosen(board):
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert names == ["datasource", "job", "instance"]


@EACH_BOARD
def test_rebalances_and_changes_of_rules_are_marked(board):
    marks = board["annotations"]["list"]
    assert [mark["name"] for mark in marks] == ["Rebalances", "Changes of rules"]
    for mark in marks:
        assert metrics(mark["expr"]) <= exposed()
        assert all('job=~"$job", instance=~"$instance"' in text for text in selectors(mark["expr"]))


@EACH
def test_a_panel_has_title_description_unit_and_queries(panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]


@EACH
def test_queries_use_the_chosen_job_instance_and_interval(panel):
    for target in panel["targets"]:
        found = selectors(target["expr"])
        assert found
        # Many alerts are about no instance, and would be left out.
        chosen = 'job=~"$job"' if panel["title"] == "Firing alerts" else 'job=~"$job", instance=~"$instance"'
        assert [text for text in found if chosen not in text] == []
        assert set(re.findall(r"\[([^\]]*)\]", target["expr"])) <= {"$__rate_interval"}
        assert target["datasource"]["uid"] == "${datasource}"


@EACH
def test_every_metric_is_exposed_by_workers(panel):
    for target in panel["targets"]:
        # Prometheus itself makes the series of alerts.
        assert metrics(target["expr"]) - exposed() - {"ALERTS"} == set()


def titled(title):
    (found,) = [panel for panel in PANELS if panel["title"] == title]
    return found


@pytest.mark.parametrize("title", LIMITS)
def test_a_limit_is_drawn_and_is_where_its_alert_begins(title):
    panel, limits = titled(title), LIMITS[title]
    drawn = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in drawn] == [(None, limits.base), *limits.steps]
    assert list(limits.steps) == sorted(limits.steps)
    if panel["type"] == "stat":
        assert panel["options"]["colorMode"] == "background"
    else:
        assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "line+area"
    if limits.alert:
        expression = ALERTS[limits.alert]["expr"]
        numbers = {
            abs(float(number)) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", expression)
        }
        # `> 0` of a number is from 1 on, and `== 0` is below 1.
        begins = {abs(value) for value, _ in limits.steps}
        assert begins & numbers or (begins == {1} and (0 in numbers or "<" in expression))
        # The metrics of the panel are those of the alert.
        shown = {name for target in panel["targets"] for name in metrics(target["expr"])}
        assert shown & metrics(expression)


def test_every_number_has_a_colour_or_is_for_information():
    plain = {panel["title"] for panel in PANELS if panel["type"] == "stat"} - LIMITS.keys()
    assert plain == {"Clocks running", "Clocks paused", "Partitions owned", "Reports applied"}


def test_the_overview_begins_with_deadlines_and_alerts():
    board = next(each for each in DASHBOARDS if each["uid"] == "tocsin-overview")
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"][:3] == [
        "Deadlines",
        "Alerts",
        "Health",
    ]


def test_every_metric_is_shown():
    text = orjson.dumps(PANELS).decode()
    everything = CATALOGUE + CONSOLE_CATALOGUE + ADAPTER_CATALOGUE + INTAKE_CATALOGUE
    assert [metric.name for metric in everything if metric.name not in text] == []


def test_titles_and_ids_are_unique():
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for board in DASHBOARDS:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_panel_that_a_runbook_names_exists():
    """Runbooks put the title of a panel in italics, and nothing else."""
    titles = {panel["title"] for panel in PANELS}
    named = [
        (page.stem, " ".join(title.split()))
        for page in RUNBOOKS.glob("*.md")
        for title in re.findall(r"(?<!\*)\*([^*\n]+(?:\n[^*\n]+)?)\*(?!\*)", page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 20
    assert [(page, title) for page, title in named if title not in titles] == []


@EACH_BOARD
def test_no_panel_overlaps_another_or_crosses_the_edge(board):
    taken = set()
    for panel in board["panels"]:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24
        cells = {
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
