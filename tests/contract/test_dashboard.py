"""The committed dashboard is up to date, uses existing metrics, and explains each panel."""

import re

import orjson
import pytest

from streams.operations.generated import dashboard
from streams.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.operations.metric_catalogue import CATALOGUE
from tests.contract.test_alerts import exposed
from tests.promql import metrics, selectors

DASHBOARD = dashboard.dashboard()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EACH = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])

# The Grafana units in use. Grafana shows an unknown unit as text after the value.
UNITS = {"short", "none", "s", "bytes", "reqps", "percentunit"}


def test_the_committed_file_is_what_the_generator_writes(capsys):
    assert dashboard.main(["--check"]) == 0, capsys.readouterr().err


def test_check_reports_a_file_that_differs(tmp_path, monkeypatch, capsys):
    file = tmp_path / "overview.json"
    monkeypatch.setattr(dashboard, "FILE", file)
    assert dashboard.main(["--check"]) == 1
    assert dashboard.main([]) == dashboard.main(["--check"]) == 0
    file.write_bytes(file.read_bytes().replace(b"Workers up", b"Workers"))
    assert dashboard.main(["--check"]) == 1
    assert "python -m streams.operations.generated.dashboard" in capsys.readouterr().err


def test_data_source_job_and_instance_can_be_chosen():
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
    ]


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
        assert [text for text in found if 'job=~"$job", instance=~"$instance"' not in text] == []
        assert set(re.findall(r"\[([^\]]*)\]", target["expr"])) <= {"$__rate_interval"}
        assert target["datasource"]["uid"] == "${datasource}"


@EACH
def test_every_metric_is_exposed_by_workers(panel):
    for target in panel["targets"]:
        assert metrics(target["expr"]) - exposed() == set()


def test_every_metric_is_shown():
    text = orjson.dumps(DASHBOARD).decode()
    everything = CATALOGUE + CONSOLE_CATALOGUE + ADAPTER_CATALOGUE
    assert [metric.name for metric in everything if metric.name not in text] == []


def test_titles_and_ids_are_unique():
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_no_panel_overlaps_another_or_crosses_the_edge():
    taken = set()
    for panel in DASHBOARD["panels"]:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24
        cells = {
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
