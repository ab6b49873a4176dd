"""Drills shorten the times of the shipped rules, and change nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.test_alerts import ALERTMANAGER, RULES, needs_promtool, promtool
from tests.drills.harness.scaled import scaled_alertmanager, scaled_rules, seconds, write_yaml
from tests.yaml_files import load_yaml

SHIPPED = load_yaml(RULES.read_text())
_TIME = re.compile(r"\b\d+(?:ms|[smhd])\b")


def _rules(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (rule for group in document["groups"] for rule in group["rules"])


def _times(rule: dict[str, Any]) -> list[float]:
    written = [rule.get("for", ""), rule.get("keep_firing_for", ""), *_TIME.findall(rule["expr"])]
    return [seconds(time) for time in written]


def _without_times(rule: dict[str, Any]) -> dict[str, Any]:
    changed = {name: "" for name in ("for", "keep_firing_for") if name in rule}
    return rule | changed | {"expr": _TIME.sub("", rule["expr"])}


def test_every_time_is_divided_and_nothing_else_changes() -> None:
    for shipped, scaled in zip(_rules(SHIPPED), _rules(scaled_rules(10)), strict=True):
        assert _times(scaled) == [time / 10 for time in _times(shipped)]
        assert _without_times(scaled) == _without_times(shipped)
    (lagging,) = (rule for rule in _rules(scaled_rules(10)) if rule.get("alert") == "TocsinLagging")
    assert lagging["expr"].endswith("> 60")
    assert (lagging["for"], lagging["keep_firing_for"]) == ("60000ms", "60000ms")


@needs_promtool
def test_prometheus_accepts_the_scaled_rules(tmp_path: Path) -> None:
    code, output = promtool("check", "rules", write_yaml(tmp_path / "rules.yaml", scaled_rules(30)))
    assert code == 0, output


def test_alertmanager_keeps_its_routes_and_inhibitions() -> None:
    scaled = scaled_alertmanager(10, "http://pager")
    shipped = load_yaml(ALERTMANAGER.read_text())
    assert scaled["inhibit_rules"] == shipped["inhibit_rules"]
    assert scaled["route"] == shipped["route"] | {"group_wait": "3000ms", "group_interval": "30000ms"}
    assert [receiver["webhook_configs"] for receiver in scaled["receivers"]] == [
        [{"url": "http://pager"}] for _ in shipped["receivers"]
    ]
