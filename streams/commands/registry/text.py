"""An answer of the registry as a person reads it."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from streams.commands.registry.answer import Answer
from streams.commands.registry.words import TRIGGERS, clock_in_words, time_in_words
from streams.commands.shared.text_table import text_table
from streams.events.report import CATEGORIES
from streams.law.duty import Duty
from streams.registry.rules import Authority, JurisdictionRules, Obligation, Rules

_WIDTH = 110
_LABEL = 16


def answer_text(found: Answer, rules: Rules) -> str:
    """The place, how far it is trusted, each duty with where it is written, and who is told."""
    lines = [*_head(found, rules), ""]
    if found.duties:
        lines += [_number(len(found.duties), "duty applies", "duties apply") + ":", ""]
    else:
        lines += ["No duty applies.", ""]
    rivals = Counter(map(_question, found.duties))
    for duty in found.duties:
        lines += [*_duty(duty, rules, marked=duty.strictest and rivals[_question(duty)] > 1)]
        if found.question.category is None:
            about = "every category" if len(duty.obligation.categories) == len(CATEGORIES) else ""
            lines += _labelled("  about", about or ", ".join(duty.obligation.categories))
        lines.append("")
    if found.other_days:
        lines.append(f"Not in force on {found.question.day}:")
        lines += [f"  {duty.id}, {_span(duty)}" for duty in found.other_days] + [""]
    if found.routing:
        lines.append("Who should see such a case:")
        for route in found.routing:
            lines += _labelled(f"  {route.recipient}", f"{route.reason} After: {_words(route.gate)}.", 26)
        lines.append("")
    if found.question.category is None and found.row.authorities:
        lines += [_authorities(found.row.authorities), ""]
    return "\n".join(lines[:-1])


def _head(found: Answer, rules: Rules) -> Iterator[str]:
    question, row = found.question, found.row
    asked = [question.category or "every category", f"received on {question.day}"]
    if question.trigger:
        asked.insert(1, TRIGGERS[question.trigger])
    named = row.name if row.code == question.code else "has no row of its own, so the one of GLOBAL holds"
    yield f"{question.code} {named}: {', '.join(asked)}"
    yield ""
    tier = f"{row.rule_of_law}, as of {row.rule_of_law_as_of}. {row.rule_of_law_basis}"
    yield from _labelled("rule of law", tier)
    yield from _labelled(
        "before", f"{_words(found.rule_of_law.decision)}. {' '.join(found.rule_of_law.reasons)}"
    )
    yield from _labelled("law of", ", ".join(_layer(layer) for layer in (row, *reversed(found.layers))))
    yield from _labelled("languages", ", ".join(row.languages) or "none is known")
    for label, authority in (
        ("threat to life", row.art18_authority),
        ("coordinator", row.dsc),
        ("TCO orders", row.tco_authority),
    ):
        if authority is not None:
            yield from _labelled(label, _named(rules.authorities[authority]))
    if row.dsc_status is not None:
        yield from _labelled("", row.dsc_status)
    yield from _labelled("row", f"checked {row.checked}, {row.verification}")


def _layer(row: JurisdictionRules) -> str:
    return f"{row.code} ({row.name})"


def _duty(duty: Duty, rules: Rules, *, marked: bool) -> Iterator[str]:
    row = duty.obligation
    yield f"{row.id}{'   [strictest]' if marked else ''}"
    yield from _labelled("  duty", f"{row.title} ({_words(row.action)}, in {row.territory})")
    yield from _labelled("  written in", f"{row.instrument}, {row.article}")
    yield from _labelled("  begins with", TRIGGERS[row.trigger] + _legal_bases(row))
    yield from _labelled("  time", time_in_words(row))
    yield from _labelled("  clock", clock_in_words(row, duty.not_armed, rules))
    if duty.not_armed is not None and row.required_elements:
        yield from _labelled("  must have", ", ".join(map(_words, row.required_elements)))
    if row.gate is not None:
        yield from _labelled("  first", _words(row.gate))
    if row.authority is not None:
        yield from _labelled("  authority", _named(rules.authorities[row.authority]))
    limits = [row.applies_to, *(["only for what is open to the public"] if row.public_only else [])]
    limits += [f"not in {', '.join(row.except_in)}"] if row.except_in else []
    yield from _labelled("  for", "; ".join(limits))
    yield from _labelled("  in force", _span(row))
    yield from _labelled("  source", row.source_title or row.source_url)
    if row.source_title is not None:
        # Never broken: it is to be copied.
        yield " " * _LABEL + row.source_url
    yield from _labelled("", f"checked {row.checked}, {row.verification}")


def _question(duty: Duty) -> tuple[str, str, str]:
    """Duties of the same have one that is the strictest."""
    return duty.obligation.trigger, duty.obligation.action, duty.obligation.meaning


def _legal_bases(row: Obligation) -> str:
    bases = f" under {', '.join(row.legal_bases)}" if row.legal_bases else ""
    urgency = {None: "", True: ", urgent ones only", False: ", except urgent ones"}[row.emergency]
    return bases + urgency


def _named(authority: Authority) -> str:
    reached = authority.channel or "no source says how it is reached"
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
    return text_table(("authority", "role", "name", "reached", "languages", "mark"), rows)


def _span(row: Obligation) -> str:
    return f"from {row.in_force_from}" + (f" until {row.in_force_until}" if row.in_force_until else " on")


def _words(term: str) -> str:
    return term.replace("_", " ")


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _labelled(label: str, text: str, width: int = _LABEL) -> Iterable[str]:
    """A label and text to its right, on as many lines as it takes."""
    lines = textwrap.wrap(text, _WIDTH - width, break_long_words=False, break_on_hyphens=False)
    return [f"{label if not number else '':<{width}}{line}" for number, line in enumerate(lines)]
