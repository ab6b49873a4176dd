"""The shipped alert rules and Alertmanager configuration with shorter times, so that a drill takes minutes,
not hours.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.contract.test_alerts import ALERTMANAGER, RULES
from tests.yaml_files import load_yaml

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)(ms|[smhd])")
# A range or an offset of PromQL. Thresholds are numbers without a unit: they stay.
_TIMES = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]")

# What Alertmanager does unless it is told otherwise; the shipped configuration leaves it so.
_GROUP_WAIT, _GROUP_INTERVAL = "30s", "5m"


def seconds(duration: str) -> float:
    """The length of a Prometheus duration such as `5m`."""
    return sum(int(number) * _UNITS_MS[unit] for number, unit in _DURATION.findall(duration)) / 1000


def scaled_rules(scale: float) -> dict[str, Any]:
    """The shipped rules with every `for`, `keep_firing_for`, range and offset divided by `scale`.

    Nothing else changes: thresholds are those of production, also if they are times (lag above 60 seconds).
    """
    rules: dict[str, Any] = load_yaml(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _TIMES.sub(lambda found: _shorter(found[0], scale), rule["expr"])
            for name in ("for", "keep_firing_for"):
                if name in rule:
                    rule[name] = _shorter(rule[name], scale)
    return rules


def scaled_alertmanager(scale: float, webhook: str) -> dict[str, Any]:
    """The shipped configuration with its waits divided by `scale`, whose receivers post to `webhook`."""
    configuration: dict[str, Any] = load_yaml(ALERTMANAGER.read_text())
    configuration["route"] |= {
        "group_wait": _shorter(_GROUP_WAIT, scale),
        "group_interval": _shorter(_GROUP_INTERVAL, scale),
    }
    for receiver in configuration["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook}]
    return configuration


def write_yaml(file: Path, document: dict[str, Any]) -> Path:
    """Write a document and return its file."""
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def _shorter(duration: str, scale: float) -> str:
    return f"{round(seconds(duration) * 1000 / scale)}ms"
