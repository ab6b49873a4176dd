"""Renders the differences of two folders of law as text, for readers who know the law, not the program."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from streams.deciding.law.applicability import GLOBAL
from streams.desk.text.differences.law_diff import OBLIGATION, Change, FieldChange, Law, holds_in, rules_with
from streams.desk.text.law_words import TRIGGER_WORDS, duration_in_words
from streams.registry.categories import built_in_categories

_WIDTH = 110
# Of an item that is on one side only, these are in its first lines.
_IN_HEADING = ("code", "id", "name", "title")
_LABEL = 26
_WORDS = {"added": "new", "removed": "removed", "changed": "changed"}
_TRIGGERS: Mapping[str, str] = {str(trigger): words for trigger, words in TRIGGER_WORDS.items()}


def diff_text(old: Law, new: Law, changes: Sequence[Change]) -> str:
    """Each change under its jurisdiction: what it is, from which day on, each field's old and new value."""
    versions = " -> ".join(f"{law.name} (version {law.rules.registry_version})" for law in (old, new))
    if not changes:
        return f"{versions}: the law is the same."
    numbers = Counter((change.kind, change.change) for change in changes)
    counted = ", ".join(f"{kind} {change}: {number}" for (kind, change), number in sorted(numbers.items()))
    parts = [f"{versions}\n{counted}"]
    for code, group in groupby(changes, key=lambda change: change.jurisdiction):
        parts.append("\n".join(_heading(code, old, new)))
        parts += ["\n".join(_change(change)) for change in group]
    past = [f"{change.id} (from {change.first_day})" for change in changes if change.retroactive]
    if past:
        text = (
            f"Retroactive: {', '.join(past)}. Reports of those days were decided by the old law, and a "
            "replay would now decide them differently. If the law has changed, end the row and add a new "
            "one; only what was wrong or missing from the beginning may reach back."
        )
        parts.append(textwrap.fill(text, _WIDTH, break_on_hyphens=False))
    return "\n\n".join(parts)


def _heading(code: str | None, old: Law, new: Law) -> Iterator[str]:
    if code is None:
        yield "== All jurisdictions"
        return
    rules = rules_with(code, old, new)
    yield (
        f"== {code} "
        f"{rules.jurisdictions[code].name if code in rules.jurisdictions else '(no file of its own)'}"
    )
    others = [other for other in holds_in(code, rules) if other != code]
    if code == GLOBAL:
        yield "the law of every jurisdiction"
    elif others:
        yield from textwrap.wrap(f"also the law of {', '.join(others)}", _WIDTH)


def _change(change: Change) -> Iterator[str]:
    name = change.id if change.kind == OBLIGATION else f"{change.kind} {change.id}"
    yield f"{name}: {_what(change)}"
    if change.title and change.kind != "jurisdiction":
        yield from textwrap.wrap(change.title, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if change.replaces is not None and not change.fields:
        yield "  the same in all fields but its days"
    for field in change.fields:
        if field.field in _IN_HEADING and change.change != "changed" and not change.replaces:
            continue
        yield from _labelled(_label(field.field), _values(field, change))
        if field.meaning and (change.change == "changed" or change.replaces):
            yield from _labelled("", f"({field.meaning})")
    if change.effect is not None:
        name = "clock" if change.kind == OBLIGATION else "tier and gate"
        sides = (", old", ", new") if None not in change.effect else ("", "")
        for side, text in zip(sides, change.effect, strict=True):
            if text is not None:
                yield from _labelled(name + side, text)


def _what(change: Change) -> str:
    replaces = f", replaces {change.replaces}" if change.replaces else ""
    if change.change == "affected":
        return "the row is the same, but a table that it uses changed, as soon as workers use it"
    if change.kind != OBLIGATION:
        dated = f" from {change.first_day} (day of receipt); what has no day" if change.first_day else ""
        return f"{_WORDS[change.change]}{dated}, as soon as workers use it"
    if change.first_day is None:
        return "only its upkeep changed; decisions stay the same"
    return f"{_WORDS[change.change]} from {change.first_day} (day of receipt){replaces}"


def _label(path: str) -> str:
    return path.replace(".", ", ").replace("_", " ")


def _values(field: FieldChange, change: Change) -> str:
    if isinstance(field.old, list) and isinstance(field.new, list):
        added = [_words(each) for each in field.new if each not in field.old]
        gone = [_words(each) for each in field.old if each not in field.new]
        parts = [f"added: {', '.join(added)}"] * bool(added) + [f"removed: {', '.join(gone)}"] * bool(gone)
        return "; ".join(parts) or "the same entries in another order"
    if change.change == "removed":
        return _words(field.old)
    if change.change == "added" and change.replaces is None:
        return _words(field.new)
    return f"{_words(field.old)} -> {_words(field.new)}"


def _words(value: Any) -> str:
    """A value in words."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, dict):
        return " ".join(_words(each) for each in value.values() if each is not None)
    text = str(value)
    # Categories stay as they are, because commands take them in this form.
    if re.fullmatch("(?!x_)[a-z_]+", text) and text not in built_in_categories():
        return _TRIGGERS.get(text, text.replace("_", " "))
    return f"{duration_in_words(text)} ({text})" if re.fullmatch(r"P(\d|T\d)[\dA-Z]*", text) else text


def _labelled(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - _LABEL, break_long_words=False, break_on_hyphens=False)
    head, *rest = lines or [""]
    first = (
        f"  {label:<{_LABEL - 2}}{head}" if len(label) < _LABEL - 2 else f"  {label}\n{' ' * _LABEL}{head}"
    )
    return [first, *(" " * _LABEL + line for line in rest)]
