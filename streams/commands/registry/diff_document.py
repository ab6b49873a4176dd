"""What differs between two folders of law as JSON."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from streams.desk.text.differences.law_diff import Change, Law, holds_in, rules_with


def diff_document(old: Law, new: Law, changes: Sequence[Change], today: date) -> dict[str, Any]:
    """The comparison as a JSON object; docs/commands-law.md lists its fields."""
    return {
        "old": {"law": old.name, "registry_version": old.rules.registry_version},
        "new": {"law": new.name, "registry_version": new.rules.registry_version},
        "today": today.isoformat(),
        "changes": [
            change._asdict()
            | {
                "holds_in": None
                if change.jurisdiction is None
                else holds_in(change.jurisdiction, rules_with(change.jurisdiction, old, new)),
                "fields": [field._asdict() for field in change.fields],
                "effect": None
                if change.effect is None
                else dict(zip(("old", "new"), change.effect, strict=True)),
            }
            for change in changes
        ],
    }
