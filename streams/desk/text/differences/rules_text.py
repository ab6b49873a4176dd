"""Renders the differences of two sets of rules as text, for owners of policies."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final, NamedTuple

from streams.desk.text.differences import law_text
from streams.desk.text.differences.law_diff import Change, Law, compare
from streams.desk.text.differences.reports_needed import MOST_REPORTS, Needed, changed_needs
from streams.desk.text.differences.value_changes import (
    PARTS,
    PolicyChange,
    ValueChange,
    policy_changes,
    value_changes,
)

_WIDTH: Final = 110


class Differences(NamedTuple):
    """What differs between two sets of rules: policies, values of PARTS, reports that are needed, law."""

    policies: Sequence[PolicyChange]
    values: Mapping[str, Sequence[ValueChange]]
    needs: Sequence[Needed]
    law: Sequence[Change]


def differences(old: Law, new: Law, today: date) -> Differences:
    """Find what differs, the law as of a day. Takes a second or two of a processor."""
    return Differences(
        policy_changes(old.rules, new.rules),
        value_changes(old.rules, new.rules),
        changed_needs(old.rules, new.rules),
        compare(old, new, today),
    )


def rules_diff_text(old: Law, new: Law, found: Differences) -> str:
    """What differs, policies first, then what that means in reports, and the law last."""
    if not (found.policies or found.values or found.law):
        return f"{old.name} and {new.name} decide the same."
    parts = ["\n".join(_versions(old, new))]
    parts += ["\n".join(_policy(each)) for each in found.policies]
    parts += ["\n".join(_values(PARTS[part], changes)) for part, changes in found.values.items()]
    if found.needs:
        parts.append("\n".join(_needs(found.needs)))
    if found.law:
        parts.append(law_text.diff_text(old, new, found.law))
    return "\n\n".join(parts)


def _versions(old: Law, new: Law) -> Iterator[str]:
    for side, law in (("old", old), ("new", new)):
        rules = law.rules
        yield (
            f"{side}: {law.name} (policy_version {rules.policy_version}, "
            f"registry_version {rules.registry_version})"
        )


def _policy(change: PolicyChange) -> Iterator[str]:
    yield f"== Policy {change.id}: {'new' if change.change == 'added' else change.change}"
    for value in change.values:
        if change.change == "changed":
            yield from _line(value)
        else:
            given = value.old if change.change == "removed" else value.new
            yield from _wrapped(f"{value.name}: {_words(given)}")


def _values(title: str, changes: Sequence[ValueChange]) -> Iterator[str]:
    yield f"== {title[0].upper()}{title[1:]}"
    for change in changes:
        yield from _line(change)


def _line(change: ValueChange) -> Iterator[str]:
    old, new = change.old, change.new
    if isinstance(old, list) and isinstance(new, list):
        added = [_words(each) for each in new if each not in old]
        gone = [_words(each) for each in old if each not in new]
        texts = [f"added {', '.join(added)}"] * bool(added) + [f"removed {', '.join(gone)}"] * bool(gone)
        text = "; ".join(texts) or "the same in another order"
    else:
        text = f"{_words(old)} -> {_words(new)}"
    yield from _wrapped(f"{change.name}: {text}")


def _needs(needs: Sequence[Needed]) -> Iterator[str]:
    yield "== Reports that reach a level, if nothing else was reported in the window"
    for (policy, (level, name), category), group in groupby(needs, key=lambda each: each[:3]):
        yield f"  {policy}, level {level} {name}, {category}"
        for row in group:
            yield f"    {row.senders}: {_number(row.old)} -> {_number(row.new)}"
    yield from _wrapped(
        f"Each by another reporter whom nobody has judged yet. `never`: not with {MOST_REPORTS:,} of them "
        "alone, or the level is not there. Signs of coordination and questions to desks may hold a level "
        "back."
    )


def _number(reports: int | None) -> str:
    return "never" if reports is None else f"{reports:,}"


def _words(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
