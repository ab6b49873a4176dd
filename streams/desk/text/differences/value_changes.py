"""What differs between two sets of rules apart from law: policies, categories, weights and rights.

The rules as loaded are compared. So comments, the order of keys, and values that a file leaves out or spells
out differ in nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, Literal, NamedTuple

from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.registry.policy import Policy
from streams.registry.rules import Rules

# By the name of the field of Rules. What is not here is law, follows from the files, or is a policy.
PARTS: Final[Mapping[str, str]] = {
    "integrity": "signs of coordinated reporting",
    "ask": "questions to desks before a crowd escalates",
    "severity_points": "points of severity in the priority of cases",
    "sample_share": "share of messages that are drawn for a review although no policy raised them",
    "categories": "categories",
    "scoring": "weights of reports",
    "sources": "rights of publishers",
    "reporters": "trust in reporters",
}

PolicyChangeKind = Literal["added", "removed", "changed"]

_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1000, "s"))


class ValueChange(NamedTuple):
    """A value that differs; None where there is none. `name` is its path, such as `fraud, severity`."""

    name: str
    old: Any
    new: Any


class PolicyChange(NamedTuple):
    """A policy that differs, with all values of one that is new or gone."""

    id: str
    change: PolicyChangeKind
    values: tuple[ValueChange, ...]


def policy_changes(old: Rules, new: Rules) -> tuple[PolicyChange, ...]:
    """List the policies that differ, in the order of the new rules, then those that are gone."""
    before = {policy.id: _policy_values(policy) for policy in old.policies}
    after = {policy.id: _policy_values(policy) for policy in new.policies}
    changes = []
    for name in dict.fromkeys((*after, *before)):
        values = tuple(_differing(before.get(name, {}), after.get(name, {})))
        if values:
            change: PolicyChangeKind = (
                "added" if name not in before else "removed" if name not in after else "changed"
            )
            changes.append(PolicyChange(name, change, values))
    return tuple(changes)


def value_changes(old: Rules, new: Rules) -> Mapping[str, tuple[ValueChange, ...]]:
    """List the values that differ in each of PARTS; parts without a difference are left out."""
    found = {
        part: tuple(_differing(dict(_values(getattr(old, part))), dict(_values(getattr(new, part)))))
        for part in PARTS
    }
    return {part: changes for part, changes in found.items() if changes}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield ValueChange(name, old.get(name), new.get(name))


def _policy_values(policy: Policy) -> Mapping[str, Any]:
    return {
        "mode": policy.mode,
        "categories": list(policy.categories),
        "window": policy.window,
        **{f"level {level.level} {level.name}": level.text for level in policy.levels},
        "clear below": policy.clear_below,
        "clear for": _duration(policy.min_clear_ms),
        "cooldown": _duration(policy.cooldown_ms),
        **({} if policy.channel_kind is None else {"only for": policy.channel_kind}),
        **({} if policy.per_hour is None else {"budget": f"{policy.per_hour} of each level an hour"}),
        "reason": policy.reason,
    }


def _duration(milliseconds: int) -> str:
    unit, name = next(each for each in _UNITS if milliseconds % each[0] == 0)
    return f"{milliseconds // unit} {name}"


def _values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values below a part of the rules by their path, as in JSON."""
    below: Iterable[tuple[str, Any]]
    if is_dataclass(value):
        below = ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, Mapping):
        below = ((str(key), each) for key, each in value.items())
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        below = value._asdict().items()
    else:
        if isinstance(value, frozenset):
            value = sorted(value)
        # Only a whole part has no path: a mode, or a number.
        name = path or ("mode" if isinstance(value, str) else "value")
        yield name, list(value) if isinstance(value, tuple) else value
        return
    for name, each in below:
        yield from _values(each, f"{path}, {name}" if path else name)
