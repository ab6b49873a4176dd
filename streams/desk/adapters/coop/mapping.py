"""How reports look in Coop, and what its moderators' actions mean: the mapping file."""

from collections.abc import Mapping as Table
from collections.abc import Sequence

import msgspec

from streams.contract.events.report import Category
from streams.desk.adapters.escalation_reading import Escalated
from streams.desk.adapters.verdict import DeskVerdict


class Reporter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user of Coop who reports: Tocsin, and never a person who reported something."""

    type: str
    id: str


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The item type of what is reported, and its fields.

    In `data`, {channel}, {message}, {escalation}, {category}, {policy}, {level} and {priority} are replaced.
    """

    type: str
    data: dict[str, str]


class MappedAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row. It applies to an action of Coop, by its id, and to a policy, by its id, if it names one."""

    action: str
    verdict: DeskVerdict
    policy: str | None = None


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`policies` are the ids of Coop's policies by category.

    Of the decisions the first one that applies counts.
    """

    reporter: Reporter
    item: Item
    decisions: tuple[MappedAction, ...]
    policies: Table[Category, str] = {}

    def data(self, escalated: Escalated, message_ref: str | None) -> dict[str, str]:
        """The fields of the item."""
        known = {
            "channel": escalated.channel_ref,
            "message": message_ref or "",
            "escalation": escalated.escalation_id,
            "category": escalated.category,
            "policy": escalated.policy,
            "level": str(escalated.level),
            "priority": str(escalated.priority.value) if escalated.priority else "",
        }
        return {name: _filled(text, known) for name, text in self.item.data.items()}

    def verdict(self, action: str, policies: Sequence[str]) -> DeskVerdict | None:
        """What an action under these policies means; None if nothing."""
        for row in self.decisions:
            if row.action == action and (row.policy is None or row.policy in policies):
                return row.verdict
        return None

    def category(self, policies: Sequence[str]) -> Category | None:
        """The category of the first policy that has one."""
        by_policy = {policy: category for category, policy in self.policies.items()}
        return next((by_policy[policy] for policy in policies if policy in by_policy), None)


def _filled(text: str, known: Table[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text
