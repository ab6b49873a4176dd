"""Writes the JSON Schemas of all events from their types."""

import json
import re
from collections.abc import Mapping
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import msgspec

from streams.contract.events.authority_routing import AUTHORITY_ROUTING_TYPE, AuthorityRouting
from streams.contract.events.countries import Country
from streams.contract.events.dead_letter import REFUSAL_TYPE, RedactedRecord, ReportRefusal
from streams.contract.events.desk_view import DESK_VIEW_TYPE, DeskView
from streams.contract.events.detector_feedback import DETECTOR_FEEDBACK_TYPE, DetectorFeedback
from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE, EnrichedReport
from streams.contract.events.escalation import ESCALATION_TYPE, Escalation
from streams.contract.events.integrity_case import (
    DETECTOR_CASE_TYPE,
    INTEGRITY_CASE_TYPE,
    CaseForReview,
    DetectorCase,
)
from streams.contract.events.internal.rules_switch import RULES_SWITCH_TYPE, RulesSwitch
from streams.contract.events.internal.source_decision import SOURCE_DECISION_TYPE, SourceDecision
from streams.contract.events.internal.state_room import STATE_ROOM_TYPE, StateRoom
from streams.contract.events.internal.tick import TICK_TYPE, Tick
from streams.contract.events.internal.time_correction import TIME_CORRECTION_TYPE, TimeCorrection
from streams.contract.events.report import Category, LanguageTag, Pseudonym, Ref
from streams.contract.events.reporter_notice import (
    REPORTER_NOTICE_TYPE,
    STANDING_NOTICE_TYPE,
    ReporterNotice,
    StandingNotice,
)
from streams.contract.events.review_question import REVIEW_QUESTION_TYPE, ReviewQuestion
from streams.contract.events.rules.rule_set import RULE_SET_TYPE, RuleSet
from streams.contract.events.rules.rule_trial import RULE_TRIAL_COUNT_TYPE, RuleTrialCount
from streams.contract.events.transparency import TRANSPARENCY_COUNTER_TYPE, TransparencyCounter
from streams.contract.wire import forms
from streams.contract.wire.reading import EventForm
from streams.registry.categories import built_in_categories

FOLDER = Path(__file__).parents[1] / "schemas" / "json"
_PAGE = Path(__file__).parents[1] / "docs" / "events.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Inbound schemas are open: a publisher may use a newer version, and unknown fields are dropped. Outbound
# schemas are closed, so that a test finds undocumented fields; subscribers should still tolerate unknown
# ones.
_OUTBOUND: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "desk-view.v1.json": (DESK_VIEW_TYPE, DeskView),
    "detector-case.v1.json": (DETECTOR_CASE_TYPE, DetectorCase),
    "detector-feedback.v1.json": (DETECTOR_FEEDBACK_TYPE, DetectorFeedback),
    "enriched-report.v1.json": (ENRICHED_REPORT_TYPE, EnrichedReport),
    "authority-routing.v1.json": (AUTHORITY_ROUTING_TYPE, AuthorityRouting),
    "escalation.v1.json": (ESCALATION_TYPE, Escalation),
    "integrity-case.v1.json": (INTEGRITY_CASE_TYPE, CaseForReview),
    "refusal.v1.json": (REFUSAL_TYPE, ReportRefusal),
    "review-question.v1.json": (REVIEW_QUESTION_TYPE, ReviewQuestion),
    "rule-set.v1.json": (RULE_SET_TYPE, RuleSet),
    "rule-trial-count.v1.json": (RULE_TRIAL_COUNT_TYPE, RuleTrialCount),
    "reporter-notice.v1.json": (REPORTER_NOTICE_TYPE, ReporterNotice),
    "standing-notice.v1.json": (STANDING_NOTICE_TYPE, StandingNotice),
    "transparency-counter.v1.json": (TRANSPARENCY_COUNTER_TYPE, TransparencyCounter),
    "redacted-dead-letter.v1.json": (
        "value of a dead letter with tocsin-reason pii_detected",
        RedactedRecord,
    ),
}

# Types used in many places, written once under $defs.
_SHARED = {
    "Ref": Ref,
    "Pseudonym": Pseudonym,
    "LanguageTag": LanguageTag,
    "Country": Country,
    "Category": Category,
}
_SHARED_SCHEMAS = {name: msgspec.json.schema(shared) for name, shared in _SHARED.items()}
# Those of a deployment are not in the public schemas: only its own publishers and readers know them.
_DEFINITIONS = _SHARED_SCHEMAS | {"Category": {"enum": sorted(built_in_categories())}}


def _inbound() -> dict[str, tuple[str, type[msgspec.Struct]]]:
    """The events of wire/forms/*_decoding.py by their FORM; ticks and the like."""
    names = [name for _, name, _ in iter_modules(forms.__path__) if name.endswith("_decoding")]
    found: list[EventForm[Any]] = [import_module(f"{forms.__name__}.{name}").FORM for name in names]
    events = [(form.type.decode(), form.decoder.type) for form in found]
    events += [
        (TICK_TYPE, Tick),
        (TIME_CORRECTION_TYPE, TimeCorrection),
        (SOURCE_DECISION_TYPE, SourceDecision),
        (STATE_ROOM_TYPE, StateRoom),
        (RULES_SWITCH_TYPE, RulesSwitch),
    ]
    return {f"{title.removeprefix('tocsin.')}.json": (title, event) for title, event in events}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of every event, by file name."""
    inbound = {file: schema_of(file, *event, closed=False) for file, event in _inbound().items()}
    outbound = {file: schema_of(file, *event, closed=True) for file, event in _OUTBOUND.items()}
    return inbound | outbound


def files() -> dict[Path, str]:
    """The text of every schema, and the page of events with the categories that there are."""
    page = _PAGE.read_text(encoding="utf-8")
    row = f"| `category` | {', '.join(f'`{category}`' for category in built_in_categories())}"
    listed = re.sub(r"^\| `category` \| `csam`(, `\w+`)*", row, page, count=1, flags=re.MULTILINE)
    return json_files(FOLDER, schemas()) | {_PAGE: listed}


def json_files(folder: Path, documents: Mapping[str, dict[str, Any]]) -> dict[Path, str]:
    """The documents as JSON, by path; they are given by file name."""
    return {folder / file: json.dumps(document, indent=2) + "\n" for file, document in documents.items()}


def schema_of(file: str, title: str, event: type[msgspec.Struct], *, closed: bool) -> dict[str, Any]:
    """The JSON Schema of a type, in a file of that name. `closed`: other fields are refused."""
    (top,), definitions = msgspec.json.schema_components([event], ref_template="#/$defs/{name}")
    used: set[str] = set()
    body = {name: _shaped(definition, closed, used) for name, definition in sorted(definitions.items())}
    own = body.pop(top["$ref"].rpartition("/")[2])
    shared = {name: _DEFINITIONS[name] for name in _DEFINITIONS if name in used}
    schema = {"$schema": DIALECT, "$id": file, **own, "title": title}
    return schema | {"$defs": shared | body} if shared or body else schema


def _shaped(node: Any, closed: bool, used: set[str]) -> Any:
    """`node` with references to shared types, whose names go into `used`; objects closed if `closed`."""
    if isinstance(node, list):
        return [_shaped(item, closed, used) for item in node]
    if not isinstance(node, dict):
        return node
    for name, schema in _SHARED_SCHEMAS.items():
        if node == schema:
            used.add(name)
            return {"$ref": f"#/$defs/{name}"}
    shaped = {name: _shaped(item, closed, used) for name, item in node.items()}
    if isinstance(description := shaped.get("description"), str):
        # Python 3.13 and later strip the indentation of docstrings; earlier versions keep it.
        shaped["description"] = cleandoc(description)
    return shaped | {"additionalProperties": False} if closed and "properties" in shaped else shaped
