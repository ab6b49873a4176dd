"""Writes the Grafana dashboards."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from generators.dashboard_boards import ANNOTATIONS, BOARDS, Board
from generators.dashboard_limits import LIMITS
from generators.dashboard_queries import Panel, Row

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards"

Json = dict[str, Any]

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana's grid has 24 columns.
_COLUMNS = 24
_HEIGHT = {"stat": 4, "timeseries": 8, "heatmap": 8, "table": 8}


def files() -> dict[Path, str]:
    """The text of every dashboard."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {
        FOLDER / f"{board.name}.json": orjson.dumps(dashboard(board), option=option).decode()
        for board in BOARDS
    }


def dashboard(board: Board) -> Json:
    """A dashboard as Grafana's JSON model."""
    return {
        "uid": f"tocsin-{board.name}",
        "title": board.title,
        "description": board.description,
        "tags": ["tocsin"],
        "annotations": {"list": [_annotation(*described) for described in ANNOTATIONS]},
        "links": [
            {
                "title": "Tocsin",
                "type": "dashboards",
                "tags": ["tocsin"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
                _variable("job", "label_values(tocsin_build_info, job)"),
                _variable("instance", 'label_values(tocsin_build_info{job=~"$job"}, instance)'),
            ]
        },
        "panels": list(_panels(board.rows)),
    }


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        # 2: refresh when the time range changes, because workers come and go.
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def _annotation(name: str, colour: str, legend: str, query: str) -> Json:
    return {
        "name": name,
        "datasource": _DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": query,
        "step": "60s",
        "titleFormat": name,
        "textFormat": legend,
    }


def _panels(rows: tuple[Row, ...]) -> Iterator[Json]:
    ids = count(1)
    top = 0
    for title, panels in rows:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {
            "id": next(ids),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        left = height = 0
        for panel in panels:
            if left + panel.width > _COLUMNS:
                left, top, height = 0, top + height, 0
            yield _panel(next(ids), panel, left, top)
            left += panel.width
            height = max(height, _HEIGHT[panel.kind])
        top += height


def _panel(number: int, panel: Panel, left: int, top: int) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HEIGHT[panel.kind]},
        "fieldConfig": {"defaults": {"unit": panel.unit, **_colours(panel)}, "overrides": []},
        "targets": [
            _target(letter, legend, expression, panel.kind)
            for letter, (legend, expression) in zip("ABCDEF", panel.queries.items(), strict=False)
        ],
        **_look(panel),
    }


def _target(letter: str, legend: str, expression: str, kind: str) -> Json:
    return {
        "refId": letter,
        "datasource": _DATASOURCE,
        "expr": expression,
        "legendFormat": legend,
        "range": kind in ("timeseries", "heatmap"),
        "instant": kind in ("stat", "table"),
        "format": {"heatmap": "heatmap", "table": "table"}.get(kind, "time_series"),
    }


def _colours(panel: Panel) -> Json:
    limits = LIMITS.get(panel.title)
    if limits is None:
        return {"color": {"mode": "fixed", "fixedColor": "text"}} if panel.kind == "stat" else {}
    steps = [(None, limits.base), *limits.steps]
    shown: Json = {
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in steps],
        }
    }
    if panel.kind == "timeseries":
        shown["custom"] = {"thresholdsStyle": {"mode": "line+area"}}
    return shown


def _look(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {
            "options": {
                "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
                "graphMode": "none",
                "colorMode": "background" if panel.title in LIMITS else "value",
            }
        }
    if panel.kind == "timeseries":
        return {
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom"},
                "tooltip": {"mode": "multi"},
            }
        }
    if panel.kind == "heatmap":
        return {"options": {"calculate": False, "yAxis": {"unit": panel.unit}}}
    shown: Json = {"options": {"showHeader": True}}
    if panel.columns:
        # In this order; whatever else a series has is left out.
        hidden = ("Time", "Value", "__name__", "alertstate", "job")
        shown["transformations"] = [
            {
                "id": "organize",
                "options": {
                    "excludeByName": dict.fromkeys(hidden, True),
                    "indexByName": {name: place for place, name in enumerate(panel.columns)},
                },
            }
        ]
    return shown
