"""Renders an answer of the registry as text."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from streams.deciding.law.answer import Answer
from streams.deciding.law.duty import Duty, signed_of
from streams.desk.text.duty_words import signature_words
from streams.desk.text.law_words import TRIGGER_WORDS, clock_in_words, time_in_words
from streams.desk.text.text_table import text_table
from streams.registry.agenda import review_day
from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import Part, WatchedRow
from streams.registry.rules import Rules

_WIDTH = 110
_LABEL = 16


def answer_text(found: Answer, rules: Rules) -> str:
    """The place with its rule-of-law tier, each duty with its source, the recipients, the authorities."""
    lines = [*_head(found, rules), ""]
    if found.duties:
        lines += [_number(len(found.duties), "duty applies", "duties apply") + ":", ""]
    else:
        lines += ["No duty applies.", ""]
    rivals = Counter(map(_comparison_key, found.duties))
    for duty in found.duties:
        lines += [*_duty(duty, rules, marked=duty.strictest and rivals[_comparison_key(duty)] > 1)]
        if found.question.category is None:
            every = len(duty.obligation.categories) == len(rules.categories)
            named = "all categories" if every else ", ".join(duty.obligation.categories)
            lines += _labelled("  categories", named)
        lines.append("")
    if found.other_days:
        lines.append(f"Not in force on {found.question.day}:")
        lines += [f"  {duty.id}, {_span(duty)}" for duty in found.other_days] + [""]
    if found.watched:
        lines.append("Watched, and no duty: law that is not in force, or that nothing here starts:")
        for watched in found.watched:
            lines += _watched(watched)
        lines.append("")
    if found.routing:
        lines.append("Recipients of such a case:")
        for route in found.routing:
            lines += _labelled(f"  {route.recipient}", f"{route.reason} Gate: {_words(route.gate)}.", 26)
        lines.append("")
    if found.question.category is None and found.row.authorities:
        lines += [_authorities(found.row.authorities), ""]
    return "\n".join(lines[:-1])


def _head(found: Answer, rules: Rules) -> Iterator[str]:
    question, row = found.question, found.row
    asked = [question.category or "all categories", f"received on {question.day}"]
    if question.trigger:
        asked.insert(1, TRIGGER_WORDS[question.trigger])
    named = row.name if row.code == question.code else "has no row of its own; the GLOBAL row applies"
    yield f"{question.code} {named}: {', '.join(asked)}"
    yield ""
    yield from _labelled("rule of law", _tier(found, rules))
    yield from _labelled(
        "gate", f"{_words(found.rule_of_law.decision)}. {' '.join(found.rule_of_law.reasons)}"
    )
    yield from _labelled("law of", ", ".join(_layer(layer) for layer in (row, *reversed(found.layers))))
    yield from _labelled("languages", ", ".join(row.languages) or "not known")
    for label, authority in (
        ("threat to life", row.art18_authority),
        ("coordinator", row.dsc),
        ("TCO orders", row.tco_authority),
    ):
        if authority is not None:
            yield from _labelled(label, _named(rules.authorities[authority]))
    if row.dsc_status is not None:
        yield from _labelled("", row.dsc_status)
    yield from _labelled("row", _checked(row))


def _tier(found: Answer, rules: Rules) -> str:
    """The tier of the day, what it became since, the reason, and the values of the index."""
    row, tier = found.row, found.rule_of_law.tier
    now = f"{row.rule_of_law}, as of {row.rule_of_law_as_of}. {row.rule_of_law_basis}"
    said = now if tier == row.rule_of_law else f"{tier} on that day. Later {now}"
    values = rules.index.states.get(row.code) if rules.index is not None else None
    if rules.index is None or values is None:
        return said
    return (
        f"{said} Index: rule of law {_value(values.rule_of_law)} ({rules.index.rule_of_law_year}), voice and "
        f"accountability {_value(values.voice)} ({rules.index.voice_year})."
    )


def _value(estimate: float | None) -> str:
    return "not known" if estimate is None else f"{estimate:.2f}"


def _layer(row: JurisdictionRules) -> str:
    return f"{row.code} ({row.name})"


def _duty(duty: Duty, rules: Rules, *, marked: bool) -> Iterator[str]:
    row = duty.obligation
    yield f"{row.id}{'   [strictest]' if marked else ''}"
    yield from _labelled("  duty", f"{row.title} ({_words(row.action)}, in {row.territory})")
    yield from _labelled("  provision", f"{row.instrument}, {row.article}")
    yield from _labelled("  trigger", TRIGGER_WORDS[row.trigger] + _legal_bases(row))
    yield from _labelled("  time limit", time_in_words(row))
    yield from _labelled("  clock", clock_in_words(row, duty.not_armed, rules))
    if duty.not_armed is not None and row.required_elements:
        yield from _labelled("  required", ", ".join(map(_words, row.required_elements)))
    if row.questions:
        yield from _labelled("  lawyer asks", ", ".join(map(_words, row.questions)))
    if row.gate is not None:
        yield from _labelled("  gate", _words(row.gate))
    if row.authority is not None:
        yield from _labelled("  authority", _named(rules.authorities[row.authority]))
    limits = [row.applies_to, *(["public content only"] if row.public_only else [])]
    limits += [f"not {' or '.join(row.exempt_sizes)} enterprises"] if row.exempt_sizes else []
    limits += [f"not in {', '.join(row.except_in)}"] if row.except_in else []
    yield from _labelled("  applies to", "; ".join(limits))
    yield from _labelled("  in force", _span(row))
    yield from _labelled("  source", row.source_title or row.source_url)
    if row.source_title is not None:
        # Not wrapped, because readers copy it.
        yield " " * _LABEL + row.source_url
    yield from _labelled("", _checked(row))
    yield from _labelled("", _marks(row))
    yield from _labelled("", signature_words(signed_of(row)))
    for penalty in row.penalties:
        where = f" ({penalty.article})" if penalty.article else ""
        yield from _labelled("  penalty", f"{penalty.amount}; liable: {penalty.liable}{where}")


def _watched(row: WatchedRow) -> Iterable[str]:
    following = "" if row.next is None else f" Next, {row.next.day}: {row.next.what}."
    said = f"{row.id}, {_words(row.status)}: {row.title} ({row.instrument}, {row.article}).{following}"
    return _labelled("", f"{said} {_checked(row).capitalize()}. {row.sources[0].url or ''}", 2)


def _marks(row: Obligation) -> str:
    """The marks of the parts; empty if all are the same."""
    parts = {part: mark for part in get_args(Part) if (mark := getattr(row.marks, part)) is not None}
    if len(set(parts.values())) == 1:
        return ""
    return ", ".join(f"{part} {mark}" for part, mark in parts.items())


def _checked(row: JurisdictionRules | Obligation | WatchedRow) -> str:
    return f"checked {row.checked}, {row.verification}; review by {review_day(row)}"


def _comparison_key(duty: Duty) -> tuple[str, str, str]:
    """What makes duties comparable: among those with the same key, the strictest is marked."""
    return duty.obligation.trigger, duty.obligation.action, duty.obligation.meaning


def _legal_bases(row: Obligation) -> str:
    bases = f" under {', '.join(row.legal_bases)}" if row.legal_bases else ""
    demands = f", demanding {' or '.join(row.demands)}" if row.demands else ""
    urgency = {None: "", True: ", urgent ones only", False: ", except urgent ones"}[row.emergency]
    notified = {
        None: "",
        True: ", if the enforcing authority was notified",
        False: ", if no enforcing authority was notified",
    }[row.enforcing_authority_notified]
    return bases + demands + urgency + notified


def _named(authority: Authority) -> str:
    reached = authority.channel or "contact not known"
    languages = f"; languages: {', '.join(authority.languages)}" if authority.languages else ""
    return (
        f"{authority.name} ({authority.id}, {authority.role}, {authority.verification}): {reached}{languages}"
    )


def _authorities(authorities: Sequence[Authority]) -> str:
    rows = [
        (
            row.id,
            row.role,
            textwrap.fill(row.name, 40),
            textwrap.fill(row.channel or "not known", 30),
            ", ".join(row.languages) or "not known",
            row.verification,
        )
        for row in authorities
    ]
    return text_table(("authority", "role", "name", "contact", "languages", "verification"), rows)


def _span(row: Obligation) -> str:
    return f"from {row.in_force_from}" + (f" until {row.in_force_until}" if row.in_force_until else "")


def _words(term: str) -> str:
    return term.replace("_", " ")


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _labelled(label: str, text: str, width: int = _LABEL) -> Iterable[str]:
    """The label with the text wrapped to its right."""
    lines = textwrap.wrap(text, _WIDTH - width, break_long_words=False, break_on_hyphens=False)
    return [f"{label if not number else '':<{width}}{line}" for number, line in enumerate(lines)]
