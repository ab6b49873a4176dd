"""Builds outcomes of desks as events for moderation-outcomes."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.moderation_outcome_decoding import FORM
from streams.contract.wire.ids import stable_id
from streams.contract.wire.reading import event_reader
from streams.contract.wire.topics import MODERATION_OUTCOMES
from streams.running.clients.published_event import Event, published_event

SOURCE = "tocsin-outcome"

NOT_WRITTEN = "nothing was written; to write this, run the command again with --yes"

_SUBJECTS: Final = {"message": "message_ref", "report": "report_id", "escalation": "escalation_id"}
_PLAIN: Final = (
    "outcome_id", "decision", "category", "reason", "decided_at", "confidence", "supersedes",
    "holds_for_version",
)  # fmt: skip

COLUMNS: Final = (
    "channel_ref", *_SUBJECTS.values(), "ce_source", "decision", "category", "duty", "jurisdiction", "rule",
    "reason", "decided_at", "reviewer", "role", "confidence", "visibility", "account", "supersedes",
    "sampled", "holds_for_version", "confirmed_by", "confirmed_role",
    "outcome_id",
)  # fmt: skip
"""The fields of an outcome as columns of a table: those of its parts by name.

`reviewer` and `confirmed_by` are refs.
"""

# Stands in for the id and the time while the id is made of the rest.
_NO_ID = "~"
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class PublishedOutcome(NamedTuple):
    """An outcome, and the event that says it."""

    outcome: ModerationOutcome
    event: Event


def payload_of(row: Mapping[str, str]) -> dict[str, Any]:
    """The payload that a row says, by the names in COLUMNS; an empty cell is an absent field.

    Raises Rejected if it says not exactly one subject, or not exactly one ground.
    """
    given = {name: text for name, text in row.items() if text}
    kinds = [kind for kind, name in _SUBJECTS.items() if name in given]
    if len(kinds) != 1:
        raise Rejected("invalid_value", "subject", f"Must be exactly one of {', '.join(_SUBJECTS.values())}.")
    payload: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    payload["subject"] = {"kind": kinds[0], **_part(given, "channel_ref", _SUBJECTS[kinds[0]], "ce_source")}
    payload["ground"] = _ground(given)
    payload["reviewer"] = _person(given, "reviewer", "role")
    if confirmed := _person(given, "confirmed_by", "confirmed_role"):
        payload["confirmed_by"] = confirmed
    if action := _part(given, "visibility", "account"):
        payload["action"] = action
    if "sampled" in given:
        payload["sampled"] = _number(given["sampled"])
    return payload


def outcome_event(
    payload: Mapping[str, Any], now_ms: int, categories: Collection[Category]
) -> PublishedOutcome:
    """The outcome in a payload, and the event to publish for it.

    Without an `outcome_id` it gets a uuid5 of everything but the time: saying the same again has the same id
    and no further effect. Raises Rejected if a worker with these `categories` would refuse the payload at
    `now_ms` (ms since the epoch).
    """
    named = payload.get("outcome_id") is not None
    value = orjson.dumps(payload if named else {**payload, "outcome_id": _NO_ID})
    outcome = event_reader(FORM, categories)(value, (), now_ms).event
    if not named:
        content = encode(msgspec.structs.replace(outcome, decided_at=_NO_TIME))
        outcome = msgspec.structs.replace(
            outcome, outcome_id=stable_id("moderation-outcome", content.decode())
        )
    return PublishedOutcome(outcome, published_event(MODERATION_OUTCOMES, encode(outcome), SOURCE, now_ms))


def _ground(given: Mapping[str, str]) -> dict[str, str]:
    law, terms = _part(given, "duty", "jurisdiction"), _part(given, "rule")
    if bool(law) == bool(terms):
        raise Rejected("invalid_value", "ground", "Must be either duty and jurisdiction, or rule.")
    return {"kind": "law", **law} if law else {"kind": "terms", **terms}


def _part(given: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: given[name] for name in names if name in given}


def _person(given: Mapping[str, str], ref: str, role: str) -> dict[str, str]:
    return {name: given[column] for name, column in (("ref", ref), ("role", role)) if column in given}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Rejected("wrong_type", "sampled", "Must be a number greater than 0 and at most 1.") from None
