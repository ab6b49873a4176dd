"""Writes docs/harms.md from the vocabularies of harms."""

from collections.abc import Iterator
from pathlib import Path

from streams.registry.categories import built_in_categories
from streams.registry.harms.vocabularies import Said, Vocabulary, vocabularies

PAGE = Path(__file__).parents[1] / "docs" / "harms.md"

_HEAD = """\
# Harms in other vocabularies

<!-- Generated from streams/registry/harms/harms.yaml by `python -m generators harms_page`. -->

Other systems have names of their own for what is reported. Each name becomes one category of Tocsin, and each category is
said by the nearest name. What gets lost on the way stands beside it; nothing is lost where nothing stands. A mapping of the
intake uses a table by its name ([`docs/intake.md`](intake.md), 'Mapping files'); Ozone and transparency reports are told by
the categories' own rows ([`docs/policies.md`](policies.md)). A name that a table does not have is *unspecified*. The tables
do not decide: a person at a desk names the category again, and that one counts.

| vocabulary | in mappings | names | source | checked | how |
| --- | --- | --- | --- | --- | --- |
"""

# More are what a vocabulary does not tell apart at all.
_MOST_NAMED = 10

_OURS = """
## How a category is said elsewhere

In brackets stands a name that says something else or less; the second table has what is lost. A dash: there is no name.

"""


def files() -> dict[Path, str]:
    """The text of the page."""
    return {PAGE: page()}


def page() -> str:
    """The content of docs/harms.md."""
    known = vocabularies()
    parts = [_HEAD]
    for name, vocabulary in known.items():
        source = vocabulary.source
        parts.append(
            f"| {vocabulary.title} | `{name}` | {len(vocabulary.terms)} | {source.title} | {source.checked} "
            f"| {source.verification} |\n"
        )
    parts += (_OURS, f"| category | {' | '.join(known)} |\n", f"| --- |{' --- |' * len(known)}\n")
    for category in built_in_categories():
        cells = [_cell(vocabulary.said[category]) for vocabulary in known.values()]
        parts.append(f"| {category} | {' | '.join(cells)} |\n")
    parts.append("\n| vocabulary | categories | what is lost |\n| --- | --- | --- |\n")
    for name, vocabulary in known.items():
        parts += _losses(name, vocabulary)
    for vocabulary in known.values():
        parts += _terms(vocabulary)
    return "".join(parts)


def _cell(said: Said) -> str:
    text = ", ".join(said.terms) or "-"
    return f"({text})" if said.loses and said.terms else text


def _losses(name: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Rows of what categories lose in a vocabulary, those that lose the same in one."""
    by_loss: dict[str, list[str]] = {}
    for category, said in vocabulary.said.items():
        if said.loses is not None:
            by_loss.setdefault(said.loses, []).append(category)
    for loss, categories in by_loss.items():
        # All but those that the table above shows without brackets.
        are = "all others" if len(categories) > _MOST_NAMED else ", ".join(categories)
        yield f"| {name} | {are} | {loss} |\n"


def _terms(vocabulary: Vocabulary) -> Iterator[str]:
    spelled = " or ".join(f"`{prefix}`" for prefix in vocabulary.prefixes)
    yield f"\n## {vocabulary.title}\n\n"
    if spelled:
        yield f"A name may begin with {spelled}.\n\n"
    yield "| name | category | what is lost |\n| --- | --- | --- |\n"
    for name, term in vocabulary.terms.items():
        yield f"| {name} | {term.category} | {term.loses or ''} |\n"
