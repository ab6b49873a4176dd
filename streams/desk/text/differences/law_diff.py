"""What differs between two folders of law: for whom, and from which day on."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from streams.contract.events.rules.rule_set import RuleSet
from streams.deciding.law.answer import Question, answer
from streams.deciding.law.applicability import GLOBAL
from streams.deciding.law.rule_of_law import rule_of_law
from streams.desk.text.differences.law_items import Fields, Items, Key, read_items
from streams.desk.text.law_words import clock_in_words
from streams.registry.reading.text_path import TextPath, folder_in_memory
from streams.registry.rules import Rules

OBLIGATION = "obligation"
_HAVE_EFFECTS = (OBLIGATION, "jurisdiction", "territory")

# These say how a row is kept. They decide nothing and are never published. Of the sources, the first url is.
_UPKEEP = (
    "beside",
    "next",
    "next.day",
    "next.what",
    "owner",
    "read_by",
    "review_by",
    "source.checked",
    "source.title",
)
_DAYS = ("in_force_from", "in_force_until")

ChangeKind = Literal["added", "removed", "changed", "affected"]


class Law(NamedTuple):
    """A folder of law: its rules, which also follow the other settings of a worker, and its items."""

    name: str
    rules: Rules
    items: Items


class FieldChange(NamedTuple):
    """A field that differs; None if it has no value on that side.

    `field` is its path (`source.verification`).
    """

    field: str
    meaning: str | None
    old: Any
    new: Any


class Change(NamedTuple):
    """An item that differs.

    `affected`: the row is the same, but not its effect, because a table that it uses differs. `first_day` is
    the first day of receipt (UTC) for which the change matters; None for the upkeep of an obligation, and for
    other items without days: they hold as soon as a worker uses the new folder. `retroactive`: that day is
    today or earlier, so a replay of reports that are already decided has another result. `replaces` is the
    obligation that ends on the day before this new one begins; `fields` are then compared with that one.
    `effect`, old and new: of an obligation, from when its legal clock runs or why none does; of a
    jurisdiction, its tier and the gate; None if that is the same.
    """

    jurisdiction: str | None
    kind: str
    id: str
    title: str
    change: ChangeKind
    first_day: date | None
    retroactive: bool
    replaces: str | None
    fields: tuple[FieldChange, ...]
    effect: tuple[str | None, str | None] | None


def read_law(name: str, folder: TextPath, platform: TextPath | None, rules: Rules) -> Law:
    """Read the items of a folder from which `rules` were loaded."""
    return Law(name, rules, read_items(folder, platform))


def law_of_set(name: str, found: RuleSet, rules: Rules) -> Law:
    """Read the items of a set of rules, of which `rules` were loaded."""
    folder = folder_in_memory({file.name: file.text for file in found.files})
    return read_law(name, folder / "law", None, rules)


def compare(old: Law, new: Law, today: date) -> tuple[Change, ...]:
    """List the differences by jurisdiction, in the registry's order, then general ones; obligations first."""
    codes = {**old.rules.jurisdictions, **new.rules.jurisdictions}
    places = {code: number for number, code in enumerate(codes)}

    def order(key: Key) -> tuple[bool, int, str, bool, str, str]:
        # A table may have values for a state without a file of its own.
        place = key.place or ""
        return not place, places.get(place, len(places)), place, key.kind != OBLIGATION, key.kind, key.id

    effects_before, effects_after = _effects(old.rules), _effects(new.rules)
    changes = []
    for key in sorted({*old.items, *new.items}, key=order):
        before, after = old.items.get(key), new.items.get(key)
        replaces = None if before is not None else replaced_row(key, new.items)
        if replaces is None:
            fields = tuple(_field_changes(before, after, ()))
            effect_before = effects_before.get(key.id)
        else:
            fields = tuple(_field_changes(new.items[replaces], after, ("id", *_DAYS)))
            effect_before = effects_after.get(replaces.id)
        effect = (effect_before, effects_after.get(key.id)) if key.kind in _HAVE_EFFECTS else (None, None)
        kind = _change_kind(before, after, differs=bool(fields))
        if kind == "affected" and effect[0] == effect[1]:
            continue
        day = _first_day(before, after) if key.kind == OBLIGATION else _day_after(fields)
        changes.append(
            Change(
                jurisdiction=key.place,
                kind=key.kind,
                id=key.id,
                title=_title(after or before or {}),
                change=kind,
                first_day=day,
                retroactive=day is not None and day <= today,
                replaces=None if replaces is None else replaces.id,
                fields=fields,
                effect=None if effect[0] == effect[1] else effect,
            )
        )
    return tuple(changes)


def _change_kind(before: Fields | None, after: Fields | None, *, differs: bool) -> ChangeKind:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    return "changed" if differs else "affected"


def _field_changes(old: Fields | None, new: Fields | None, ignored: Collection[str]) -> Iterator[FieldChange]:
    """The fields that differ.

    Of an item that is on one side only: those with another value than their default.
    """
    for path in dict.fromkeys((*(old or {}), *(new or {}))):
        left, right = (None if side is None else side.get(path) for side in (old, new))
        field = right or left
        assert field is not None
        values = [None if each is None else each.value for each in (left, right)]
        trivial = field.value == field.default and (old is None or new is None)
        if values[0] != values[1] and not trivial and path not in ignored:
            yield FieldChange(path, field.description, *values)


def replaced_row(key: Key, items: Items) -> Key | None:
    """The obligation with the same trigger, action and a common category that ends when this one begins."""
    if key.kind != OBLIGATION or items[key]["trigger"].value is None:
        return None
    new = items[key]
    eve = (_day(new, "in_force_from") or date.max) - timedelta(days=1)

    def alike(other: Key) -> int:
        return sum(
            items[other][path].value == field.value for path, field in new.items() if path in items[other]
        )

    candidates = [
        other
        for other, fields in items.items()
        if (other.place, other.kind) == (key.place, key.kind)
        and _day(fields, "in_force_until") == eve
        and all(fields[path].value == new[path].value for path in ("trigger", "action"))
        and _share(fields["categories"].value, new["categories"].value)
    ]
    return max(candidates, key=alike, default=None)


def _share(left: list[str] | str, right: list[str] | str) -> bool:
    return "all" in (left, right) or bool({*left} & {*right})


def _first_day(old: Fields | None, new: Fields | None) -> date | None:
    """The first day of receipt on which an obligation differs; None if only its upkeep does.

    A row that is only watched is no obligation on any day.
    """
    rows = [row for row in (old, new) if row is not None and row["status"].value in (None, "in_force")]
    differing = {
        change.field
        for change in _field_changes(old, new, _UPKEEP)
        if change.field != "sources" or _published_url(change.old) != _published_url(change.new)
    }
    if not differing or not rows:
        return None
    if len(rows) == 2 and differing == {"in_force_until"}:
        return min(day for row in rows if (day := _day(row, "in_force_until"))) + timedelta(days=1)
    return min((day for row in rows if (day := _day(row, "in_force_from"))), default=None)


def _published_url(sources: list[dict[str, Any]] | None) -> str | None:
    return None if not sources else sources[0]["url"]


def _day_after(changes: Iterable[FieldChange]) -> date | None:
    """The day after the last `until` of a list's new entries: from then on the item differs."""
    entries = [
        entry
        for change in changes
        if isinstance(change.new, list)
        for entry in change.new
        if isinstance(entry, dict) and "until" in entry and entry not in (change.old or [])
    ]
    days = [date.fromisoformat(entry["until"]) for entry in entries]
    return max(days) + timedelta(days=1) if days else None


def _day(fields: Fields, path: str) -> date | None:
    day = fields[path].value
    return None if day is None else date.fromisoformat(day)


def _title(fields: Fields) -> str:
    return next((str(fields[name].value) for name in ("title", "name") if name in fields), "")


def _effects(rules: Rules) -> Mapping[str, str]:
    """By id, of each obligation its clock in words, and of each jurisdiction its tier and gate."""
    days = {(duty.jurisdiction, duty.in_force_from) for duty in rules.obligations}
    # What is in force and not in an answer does not bind the platform.
    clocks = {duty.id: "none, because it does not bind this platform" for duty in rules.obligations} | {
        duty.obligation.id: clock_in_words(duty.obligation, duty.not_armed, rules)
        for code, day in days
        for duty in answer(rules, Question(code, None, None, day)).duties
    }
    gates = {
        code: rule_of_law(row.rule_of_law, (), (), rules.categories)
        for code, row in rules.jurisdictions.items()
    }
    return clocks | {code: f"{gate.tier}, {gate.decision.replace('_', ' ')}" for code, gate in gates.items()}


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
