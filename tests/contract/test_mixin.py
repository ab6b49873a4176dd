"""The mixin renders the committed rules and dashboards, and its settings change what they say they do."""

import json

import orjson

from generators.dashboard_boards import BOARDS
from tests.contract.test_alerts import ALERTS, RECORDED, ROOT, RULES
from tests.tools import missing
from tests.yaml_files import load_yaml

try:
    import _jsonnet
except ImportError:
    missing("needs jsonnet, which has wheels for Linux on x86-64 and macOS on ARM alone")

MIXIN = ROOT / "deploy" / "mixin" / "mixin.libsonnet"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"


def render(change=""):
    """What tools for mixins read; `change` is added to the mixin."""
    mixin = f"(import {json.dumps(str(MIXIN))}) {change}"
    fields = ", ".join(
        f"{name}: mixin.{name}" for name in ("prometheusRules", "prometheusAlerts", "grafanaDashboards")
    )
    return json.loads(_jsonnet.evaluate_snippet("test", f"local mixin = {mixin}; {{ {fields} }}"))


def test_it_renders_the_committed_rules():
    found = render()
    groups = [*found["prometheusRules"]["groups"], *found["prometheusAlerts"]["groups"]]
    assert groups == load_yaml(RULES.read_text())["groups"]


def test_recording_rules_and_alerts_are_apart():
    found = render()
    for field, kind, names in (
        ("prometheusRules", "record", RECORDED),
        ("prometheusAlerts", "alert", ALERTS),
    ):
        rules = [rule for group in found[field]["groups"] for rule in group["rules"]]
        assert [rule.get(kind) for rule in rules] == list(names)


def test_it_renders_the_committed_dashboards():
    committed = {
        f"tocsin-{board.name}.json": orjson.loads((DASHBOARDS / f"{board.name}.json").read_bytes())
        for board in BOARDS
    }
    assert render()["grafanaDashboards"] == committed


def test_selectors_and_addresses_can_be_changed():
    found = render(
        """+ { _config+:: {
            tocsinSelector: 'job="a", cluster="x"',
            tocsinConsoleSelector: 'job="b"',
            tocsinAdapterSelector: 'job="c"',
            tocsinIntakeSelector: 'job="d"',
            runbookURLPrefix: 'https://runbooks.example/',
            dashboardURLPrefix: 'https://grafana.example',
            dashboardTags: ['reports'],
        } }"""
    )
    text = json.dumps([found["prometheusRules"], found["prometheusAlerts"]])
    assert 'job=\\"tocsin' not in text
    rules = {rule["alert"]: rule for group in found["prometheusAlerts"]["groups"] for rule in group["rules"]}
    assert 'up{job="a", cluster="x"} == 0' in rules["TocsinWorkerDown"]["expr"]
    assert 'tocsin_console_records_behind{job="b"}' in rules["TocsinConsoleBehind"]["expr"]
    notes = rules["TocsinWorkerDown"]["annotations"]
    assert notes["runbook_url"] == "https://runbooks.example/docs/runbooks/TocsinWorkerDown.md"
    assert notes["dashboard_url"] == "https://grafana.example/d/tocsin-overview"
    assert notes["summary"] == ALERTS["TocsinWorkerDown"]["annotations"]["summary"]
    assert {tuple(board["tags"]) for board in found["grafanaDashboards"].values()} == {("reports",)}
