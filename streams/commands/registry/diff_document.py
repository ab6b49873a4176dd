"""What differs between two folders of law as JSON, and to whom the law of a jurisdiction extends."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from streams.commands.registry.law_diff import Change, Law
from streams.deciding.law.applicability import GLOBAL
from streams.registry.rules import Rules


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


def rules_with(code: str, old: Law, new: Law) -> Rules:
    """The new rules, or the old ones if the jurisdiction was removed."""
    return new.rules if code in new.rules.jurisdictions else old.rules


def holds_in(code: str, rules: Rules) -> list[str]:
    """The codes of the jurisdictions to which the law of `code` extends: itself, members, territories."""
    return [
        row.code
        for row in rules.jurisdictions.values()
        if code == GLOBAL or code in (row.code, row.part_of, *row.regions)
    ]
