"""Builds the vocabularies of harms that other systems use, from harms.yaml, both ways in agreement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from streams.registry.categories import built_in_categories
from streams.registry.category import CategoryRules
from streams.registry.reading.document import Category, Document, Row, read_document
from streams.registry.shapes.rules import SourceRow, Text

SHIPPED: Final = Path(__file__).with_name("harms.yaml")


class LossyRow(Row):
    """A term that says more, or something else, than the category that it becomes."""

    category: Category
    loses: Text


class OtherwiseRow(Row):
    """How categories without a row of their own are said; without a term, they are not."""

    term: str | None = None
    loses: Text


class VocabularyRow(Row):
    """A vocabulary; the head of the file explains the fields."""

    title: Text
    source: SourceRow
    prefixes: list[str] = Field(default_factory=list)
    terms: Annotated[dict[str, Category | LossyRow], Field(min_length=1)]
    says: dict[Category, str] = Field(default_factory=dict)
    otherwise: OtherwiseRow | None = None
    loses: dict[Category, Text] = Field(default_factory=dict)


class HarmsFile(Row):
    """harms.yaml."""

    vocabularies: dict[str, VocabularyRow]


@dataclass(frozen=True, slots=True)
class Term:
    """What a term becomes; `loses` is what of it is not carried over, None if nothing is."""

    category: Category
    loses: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """By which terms a category is said in a vocabulary, none if by none; `loses` as of a Term."""

    terms: tuple[str, ...]
    loses: str | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The harms of another system: its `terms` become categories, and categories are `said` by them.

    Each term may be written with any of the `prefixes`.
    """

    title: str
    source: SourceRow
    prefixes: tuple[str, ...]
    terms: Mapping[str, Term]
    said: Mapping[Category, Said]

    def table(self) -> dict[str, Category]:
        """The category of each term, in all its spellings. Other terms are `unspecified`."""
        return {
            prefix + name: term.category
            for name, term in self.terms.items()
            for prefix in ("", *self.prefixes)
        }


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """The vocabularies that come with Tocsin, by name."""
    return load_vocabularies(SHIPPED)


def load_vocabularies(path: Path) -> Mapping[str, Vocabulary]:
    """Read a file of vocabularies.

    Raises RegistryError with file, line and field for what is wrong, also for a loss that is not said.
    """
    document = read_document(path)
    file = document.parse(HarmsFile, built_in_categories())
    return {name: _vocabulary(document, name, row) for name, row in file.vocabularies.items()}


def _vocabulary(document: Document, name: str, row: VocabularyRow) -> Vocabulary:
    terms = {
        term: Term(found.category, found.loses) if isinstance(found, LossyRow) else Term(found, None)
        for term, found in row.terms.items()
    }
    said = {category: _said(name, row, rules) for category, rules in built_in_categories().items()}
    place = ("vocabularies", name)
    for category, saying in said.items():
        for term in saying.terms:
            if term not in terms:
                document.refuse((*place, "says", category), f"{term} is no term of this vocabulary")
        if saying.loses is None and not _comes_back(row, category, saying.terms):
            document.refuse(
                (*place, "loses", category),
                "is missing: must say what is lost, because the category is said by no term that becomes it",
            )
    for term, meaning in terms.items():
        # Of a term that is said alone the file may still say that it means more.
        if meaning.loses is None and said[meaning.category].terms != (term,):
            document.refuse(
                (*place, "terms", term),
                "must say what it loses: its category is not said by this term alone",
            )
    return Vocabulary(row.title, row.source, tuple(row.prefixes), terms, said)


def _said(name: str, row: VocabularyRow, rules: CategoryRules) -> Said:
    category = rules.category
    terms: tuple[str, ...]
    # Where other systems are told of a category, its own row says how.
    if name == "atproto":
        terms = (f"reason{rules.ozone_reason}",)
    elif name == "dsa":
        terms = tuple(keyword.removeprefix("KEYWORD_") for keyword in rules.dsa_keywords)
    else:
        found = row.says.get(category, None if row.otherwise is None else row.otherwise.term)
        terms = () if found is None else (found,)
    loses = row.loses.get(category)
    if loses is None and row.otherwise is not None and not _comes_back(row, category, terms):
        loses = row.otherwise.loses
    return Said(terms, loses)


def _comes_back(row: VocabularyRow, category: Category, terms: Sequence[str]) -> bool:
    """Whether each of the terms becomes the category again that is said by them."""
    found = [row.terms.get(term) for term in terms]
    return bool(found) and all(
        (each.category if isinstance(each, LossyRow) else each) == category for each in found
    )
