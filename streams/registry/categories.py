"""Builds the categories: Tocsin's own list (categories.yaml), and what a deployment changes and adds."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from streams.contract.events.report import Category
from streams.contract.wire.personal_data import names_a_person
from streams.registry.category import NOT_SPECIFIED_NOTICE, CategoryRules, Cybertip, DsaCategory, TemplateRow
from streams.registry.reading.document import Document, Row, read_document
from streams.registry.shapes.rules import PriorRow, Ratio, SourceRow, Text

SHIPPED_CATEGORIES: Final = Path(__file__).parent / "categories.yaml"

OTHER_KEYWORD: Final = "KEYWORD_OTHER"

# The templates are about alleged illegal content only.
_NOT_IN_TEMPLATES: Final = ("STATEMENT_CATEGORY_OTHER_VIOLATION_TC",)

# Tocsin has 20 categories after two versions, and a deployment that needs more than 128 of its own means
# labels, which are for its desk. Both ranges together fill a byte: the native core keeps a category's place
# in one.
_SHIPPED_CODES: Final = range(128)
OWN_CODES: Final = range(128, 256)
"""The codes of a deployment's own categories, which no category of Tocsin ever gets."""

# As with the codes: no category of Tocsin begins like this.
_OWN_ID: Final = re.compile(r"x_[a-z0-9_]{1,62}")

_Keyword = Annotated[str, Field(pattern=r"^KEYWORD_[A-Z_]+$")]

_FACTS: Final = (
    "code",
    "template",
    "ozone_reason",
    "cybertip",
    "child_safety",
    "endangers_life",
    "terrorist_content",
    "deceptive_commercial",
)
"""What a deployment cannot change in a category of Tocsin: what state, law and other systems mean by it."""


class TemplateShape(Row):
    """A row of the templates for transparency reports; its category is the DSA category if none is given."""

    category: DsaCategory | None = None
    keyword: _Keyword | None = None
    description: Text | None = None


class CybertipShape(Row):
    """An incident type of the CyberTipline."""

    incident_type: Text
    annotations: list[Text] = Field(default_factory=list)
    condition: Text | None = None


class CategoryRow(Row):
    """A category. The source of the file covers the identifiers of all rows."""

    code: int | None = None
    severity: Ratio
    prior: PriorRow | None = None
    dsa_category: DsaCategory
    dsa_keywords: list[_Keyword]
    floor: bool
    abuse_prone: bool
    template: TemplateShape | None = None
    ozone_reason: Annotated[str, Field(pattern="^[A-Z][A-Za-z]+$")] | None = None
    cybertip: CybertipShape | None = None
    child_safety: bool | None = None
    endangers_life: bool | None = None
    terrorist_content: bool | None = None
    deceptive_commercial: bool | None = None

    @model_serializer(mode="wrap")
    def _as_hashed(self, as_usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the facts of Tocsin's categories out.

        Files of earlier versions have none, and keep their registry_version.
        """
        content: dict[str, Any] = as_usual(self)
        if self.code not in OWN_CODES:
            for name in _FACTS:
                del content[name]
        return content


class CategoriesFile(Row):
    """categories.yaml: categories, and the default prior."""

    prior: PriorRow
    source: SourceRow
    categories: dict[str, CategoryRow]


@cache
def built_in_categories() -> Mapping[Category, CategoryRules]:
    """Return the categories of Tocsin as shipped, in the order of their codes."""
    return load_categories()


def load_categories(path: Path | None = None) -> Mapping[Category, CategoryRules]:
    """Load a deployment's file of categories, or the shipped one.

    Raises RegistryError as `build_categories` does.
    """
    document = read_document(path or SHIPPED_CATEGORIES)
    return build_categories(document, document.parse(CategoriesFile))


def build_categories(document: Document, file: CategoriesFile) -> Mapping[Category, CategoryRules]:
    """Build all categories in the order of their codes.

    Those of Tocsin that the file leaves out are as shipped.
    Raises RegistryError, which names file, line, entry, field and what is valid.
    """
    shipped = {} if document.path == SHIPPED_CATEGORIES else built_in_categories()
    found = dict(shipped)
    names = {row.code: category for category, row in shipped.items()}
    for category, row in file.categories.items():
        if category in shipped:
            found[category] = _changed(document, file, category, row, shipped[category])
        else:
            if shipped and not _OWN_ID.fullmatch(category):
                document.refuse(
                    ("categories", category),
                    "must begin with x_ and go on in small letters, digits and underscores, or be a category "
                    "of Tocsin: " + ", ".join(shipped),
                )
            # Events, topics and reports have it for years. Colons, because `tel_` is read as `tel:` then.
            if shipped and names_a_person(category.removeprefix("x_").replace("_", ":").upper()):
                document.refuse(
                    ("categories", category),
                    "must not be a telephone number, a card number or an IBAN: every event has it",
                )
            found[category] = _new(
                document, file, category, row, OWN_CODES if shipped else _SHIPPED_CODES, names
            )
            names[found[category].code] = category
    return dict(sorted(found.items(), key=lambda item: item[1].code))


def _changed(
    document: Document, file: CategoriesFile, category: Category, row: CategoryRow, shipped: CategoryRules
) -> CategoryRules:
    """A category of Tocsin with the numbers of a deployment."""
    given = _rules(file, category, row, shipped.dsa_category)
    for name in _FACTS:
        if getattr(row, name) is not None and getattr(given, name) != getattr(shipped, name):
            document.refuse(
                ("categories", category, name), "cannot be changed in a category of Tocsin: leave it out"
            )
    return replace(given, **{name: getattr(shipped, name) for name in _FACTS})


def _new(
    document: Document,
    file: CategoriesFile,
    category: Category,
    row: CategoryRow,
    codes: range,
    names: Mapping[int, Category],
) -> CategoryRules:
    """A category that is not in the shipped file, or is read from it."""
    place = ("categories", category)
    if row.code is None or row.code not in codes or row.code in names:
        free = next((code for code in codes if code not in names), "none is left")
        document.refuse(
            (*place, "code"),
            f"must be a whole number from {codes.start} to {codes.stop - 1} that no other category has or "
            f"ever had; the first that is free: {free}",
        )
    if row.template is None:
        document.refuse(
            (*place, "template"),
            "is missing: it must name the row of transparency reports that counts the category",
        )
    built = _rules(file, category, row, row.dsa_category)
    template = built.template
    if template.category in _NOT_IN_TEMPLATES:
        document.refuse(
            (*place, "template", "category"),
            f"must name a category of the templates: they have no {template.category}",
        )
    if template.keyword is None and template.category != NOT_SPECIFIED_NOTICE:
        document.refuse(
            (*place, "template", "keyword"), f"is missing: must be a keyword of {template.category}"
        )
    if (template.keyword == OTHER_KEYWORD) != (template.description is not None):
        document.refuse(
            (*place, "template", "description"),
            f"must be given with {OTHER_KEYWORD}, and with no other keyword",
        )
    return built


def _rules(
    file: CategoriesFile, category: Category, row: CategoryRow, dsa_category: DsaCategory
) -> CategoryRules:
    template, cybertip = row.template or TemplateShape(), row.cybertip
    return CategoryRules(
        category=category,
        code=-1 if row.code is None else row.code,
        severity=row.severity,
        prior=(row.prior or file.prior).value,
        dsa_category=row.dsa_category,
        dsa_keywords=tuple(row.dsa_keywords),
        floor=row.floor,
        abuse_prone=row.abuse_prone,
        template=TemplateRow(template.category or dsa_category, template.keyword, template.description),
        ozone_reason=row.ozone_reason or "Other",
        cybertip=None
        if cybertip is None
        else Cybertip(cybertip.incident_type, tuple(cybertip.annotations), cybertip.condition),
        child_safety=bool(row.child_safety),
        endangers_life=bool(row.endangers_life),
        terrorist_content=bool(row.terrorist_content),
        deceptive_commercial=bool(row.deceptive_commercial),
    )
