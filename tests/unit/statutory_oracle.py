"""Counts what a report by the EU's templates must say, from what was published alone.

It shares no code with the counting and the export: it keeps everything, and works it out in the end.
"""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

# Row of part 4 for each category of the simulation: category, sub-category, description.
ROWS = {
    "fraud": ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_OTHER", "Fraud of any form, reported without its kind"),
    "spam": ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_OTHER", "Spam"),
    "hate": ("STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", "KEYWORD_HATE_SPEECH", ""),
    "sextortion": ("STATEMENT_CATEGORY_CYBER_VIOLENCE", "KEYWORD_OTHER", "Sexual extortion"),
    "doxxing": ("STATEMENT_CATEGORY_CYBER_VIOLENCE", "KEYWORD_OTHER", "Doxing"),
    "csam": ("STATEMENT_CATEGORY_PROTECTION_OF_MINORS", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL", ""),
    "unspecified": ("STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE", "", ""),
}  # fmt: skip
STATES = {"DE": "DE", "FR": "FR", "GR": "EL", "EL": "EL", "PL": "PL", "RE": "FR"}
EU = {*STATES, None}


class Oracle:
    """Facts about the period; `rows` are figures of part 4 by row and name of the figure."""

    def __init__(self, reports: Iterable[Any], requests: Iterable[Any], first: date, last: date) -> None:
        self._within = lambda moment: first <= moment.astimezone(UTC).date() <= last
        self.rows: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self.hours: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.complaints: Counter[tuple[str, str]] = Counter()
        self.detectors: Counter[str] = Counter()
        self.orders: Counter[tuple[str, ...]] = Counter()
        self.order_hours: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._read_reports(reports)
        self._read_requests(requests)

    def _read_reports(self, records: Iterable[Any]) -> None:
        seen: set[str] = set()
        now = datetime.min.replace(tzinfo=UTC)
        items: set[tuple[Any, ...]] = set()
        about: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        decided: dict[tuple[str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
        for record in records:
            body = json.loads(record.value)
            if "outcome_id" in body:
                subject = body["subject"]
                body["decided"] = _second(body["decided_at"])
                decided[subject["channel_ref"], subject["message_ref"]].setdefault(body["outcome_id"], body)
                continue
            if body["report_id"] in seen:
                continue
            seen.add(body["report_id"])
            now = max(now, datetime.fromisoformat(body["occurred_at"]))
            body["country"] = body["evidence"][0]["country"] if body["evidence"] else None
            body["received"] = _second(body["received_at"])
            body["role"] = role = _role(body)
            message = (body["channel"]["ref"], body.get("message_ref"))
            if message[1] is not None:
                about[message].append(body)
            if role not in ("notice", "trusted"):
                continue
            for kind in ("all", "trusted") if role == "trusted" else ("all",):
                if self._within(now) and body["country"] in EU:
                    self._add(body["category"], f"notices, {kind}")
                item = (*message, body["category"], kind)
                if message[1] is not None and item not in items:
                    items.add(item)
                    if self._within(now) and body["country"] in EU:
                        self._add(body["category"], f"items, {kind}")
        for message, outcomes in decided.items():
            self._decide(
                about[message], sorted(outcomes.values(), key=lambda one: (one["decided"], one["outcome_id"]))
            )

    def _decide(self, reports: list[dict[str, Any]], outcomes: list[dict[str, Any]]) -> None:
        by_id = {one["outcome_id"]: one for one in outcomes}
        for one in outcomes:
            if "supersedes" not in one:
                continue
            # All outcomes of the simulation arrive in the end.
            earlier = by_id[one["supersedes"]]
            before = [each for each in reports if each["received"] < earlier["decided"]]
            place, _ = _place(before, one)
            if place in EU and self._within(one["decided"]):
                self.complaints[_about(earlier, before), _came_out(earlier, one)] += 1
        holds = outcomes[-1]
        made = len(outcomes) - 1
        while made > 0 and outcomes[made - 1]["decision"] == holds["decision"]:
            made -= 1
        at = outcomes[made]["decided"]
        before = [each for each in reports if each["received"] < at]
        country, category = _place(before, holds)
        if country not in EU or not self._within(at):
            return
        upheld = holds["decision"] == "upheld"
        notices = [each for each in before if each["role"] in ("notice", "trusted")]
        trusted = [each for each in notices if each["role"] == "trusted"]
        detected = any(each["role"] == "detection" for each in before)
        self.detectors[f"{'upheld' if upheld else 'not'}, {'detected' if detected else 'missed'}"] += 1
        if detected and not notices:
            self.detectors[f"alone, {'upheld' if upheld else 'not'}"] += 1
        for kind, those in (("all", notices), ("trusted", trusted)):
            if upheld and those:
                first = min(each["received"] for each in those)
                self._add(category, f"{holds['ground']['kind']}, {kind}")
                for row in _rows(category):
                    self.hours[row][kind].append((at - first).total_seconds() / 3600)

    def _read_requests(self, records: Iterable[Any]) -> None:
        requests: dict[str, dict[str, Any]] = {}
        done: dict[str, datetime] = {}
        for record in records:
            body = json.loads(record.value)
            if "clock_id" in body:
                done.setdefault(body["key"], datetime.fromisoformat(body["occurred_at"]))
            else:
                requests.setdefault(body["request_id"], body)
        for name, request in requests.items():
            state = STATES.get(request["authority"]["country"])
            aim = {"removal_order": "act", "order_to_act": "act", "production_order": "information"} | {
                "order_for_information": "information"
            }
            if state is None or request["kind"] not in aim:
                continue
            received = datetime.fromisoformat(request["received_at"])
            key = aim[request["kind"]], request.get("category", "unspecified")
            for scope in (state, "TOTAL"):
                if self._within(received):
                    self.orders[(*key, scope)] += 1
                    if key[0] == "act" and request["target"]["kind"] in ("message", "channel", "account"):
                        self.orders["items", key[1], scope] += 1
                if name in done and self._within(done[name]):
                    hours = (done[name] - received).total_seconds() / 3600
                    self.order_hours[(*key, scope)].append(hours)

    def _add(self, category: str, figure: str) -> None:
        for row in _rows(category):
            self.rows[row][figure] += 1

    def median(self, row: tuple[str, str, str], kind: str) -> float | None:
        hours = self.hours[row][kind]
        return statistics.median(hours) if hours else None


def _rows(category: str) -> list[tuple[str, str, str]]:
    high, keyword, description = ROWS[category]
    rows = [("TOTAL", "TOTAL", ""), (high, high, "")]
    return [*rows, (high, keyword, description)] if keyword else rows


def _role(body: dict[str, Any]) -> str:
    who = (body.get("reporter") or {"kind": "anonymous"})["kind"]
    if who == "state_actor":
        return "state"
    if who == "automated" or body["kind"] == "automated_detection":
        return "detection"
    return "trusted" if body["kind"] == "trusted_flagger_notice" else "notice"


def _place(before: list[dict[str, Any]], outcome: dict[str, Any]) -> tuple[str | None, str]:
    """Country and category: those of the first notice, of a trusted flagger if there is one, else of the
    first detection.
    """
    for roles in (("trusted",), ("notice", "trusted"), ("detection",)):
        those = [each for each in before if each["role"] in roles]
        if those:
            first = min(those, key=lambda one: (one["received"], one["country"] or "XX", one["category"]))
            return first["country"], first["category"]
    return outcome["ground"].get("jurisdiction"), outcome["category"]


def _about(earlier: dict[str, Any], before: list[dict[str, Any]]) -> str:
    if earlier["decision"] != "upheld":
        trusted = any(each["role"] == "trusted" for each in before)
        return "no action, trusted" if trusted else "no action"
    action = earlier.get("action") or {}
    return "visibility" if "visibility" in action else "account" if "account" in action else "other"


def _came_out(earlier: dict[str, Any], later: dict[str, Any]) -> str:
    if (earlier["decision"] == "upheld") is not (later["decision"] == "upheld"):
        return "reversed"
    same = (earlier.get("action") or {}) == (later.get("action") or {})
    return "upheld" if same or later["decision"] != "upheld" else "partially reversed"


def _second(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(microsecond=0)
