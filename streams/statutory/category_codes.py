"""Under which category and sub-category of the templates a category of Tocsin is counted."""

import msgspec

from streams.events.report import Category
from streams.statutory.template import OTHER


class CategoryCode(msgspec.Struct, frozen=True):
    """A row of parts 3 to 6: category, sub-category, and the description that KEYWORD_OTHER requires.

    `keyword` is None for a category without sub-categories.
    """

    category: str
    keyword: str | None = None
    description: str | None = None


_MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
_VIOLENCE = "STATEMENT_CATEGORY_VIOLENCE"
_CYBER_VIOLENCE = "STATEMENT_CATEGORY_CYBER_VIOLENCE"
_SPEECH = "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"
_SCAMS = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
NOT_SPECIFIED_ORDER = "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER"
NOT_SPECIFIED_NOTICE = "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE"

# The registry may name several keywords for a category, but the template counts each notice once (Annex II, part I, 7).
# Where no single keyword covers the whole category, a row of its own says what is in it: a guess between two keywords
# would be a false figure.
CATEGORY_CODES: dict[Category, CategoryCode] = {
    "csam": CategoryCode(_MINORS, "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"),
    "csam_synthetic": CategoryCode(_MINORS, "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"),
    "grooming": CategoryCode(_MINORS, "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS"),
    "threat_to_life": CategoryCode(_VIOLENCE, OTHER, "Threats to the life or safety of a person"),
    "terrorism": CategoryCode("STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY", "KEYWORD_TERRORIST_CONTENT"),
    # 14e, trafficking in women and girls, is the more specific row, but reports do not name the victim's sex.
    "trafficking": CategoryCode(_VIOLENCE, "KEYWORD_HUMAN_TRAFFICKING"),
    "ncii_deepfake": CategoryCode(_CYBER_VIOLENCE, "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE"),
    "ncii": CategoryCode(_CYBER_VIOLENCE, "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"),
    "sextortion": CategoryCode(_CYBER_VIOLENCE, OTHER, "Sexual extortion"),
    "self_harm": CategoryCode(
        "STATEMENT_CATEGORY_SELF_HARM", OTHER, "Suicide or self-mutilation, not told apart"
    ),
    "weapons_drugs": CategoryCode(
        "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS", "KEYWORD_PROHIBITED_PRODUCTS"
    ),
    "fraud": CategoryCode(_SCAMS, OTHER, "Fraud of any form, reported without its kind"),
    "hate": CategoryCode(_SPEECH, "KEYWORD_HATE_SPEECH"),
    # Annex II, part I, 7 itself gives this row as its example: doxing belongs to cyber harassment (Directive (EU)
    # 2024/1385, art. 7), the more specific category than data protection, which the registry names.
    "doxxing": CategoryCode(_CYBER_VIOLENCE, OTHER, "Doxing"),
    "harassment": CategoryCode(_CYBER_VIOLENCE, "KEYWORD_CYBER_HARASSMENT"),
    "civic": CategoryCode(
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        OTHER,
        "Effects on elections or civic discourse, reported without the rule",
    ),
    "defamation": CategoryCode(_SPEECH, "KEYWORD_DEFAMATION"),
    "ip": CategoryCode(
        "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        OTHER,
        "Infringements reported without the right",
    ),
    # The registry's category, OTHER_VIOLATION_TC, is not in the templates for orders and notices: they are about
    # alleged illegal content only.
    "spam": CategoryCode(_SCAMS, OTHER, "Spam"),
    "unspecified": CategoryCode(NOT_SPECIFIED_NOTICE),
}


def code_of_order(category: Category) -> CategoryCode:
    """Give the row of part 3 for the category of an authority's request."""
    return CategoryCode(NOT_SPECIFIED_ORDER) if category == "unspecified" else CATEGORY_CODES[category]


def code_of_notice(category: Category) -> CategoryCode:
    """Give the row of part 4 for the category of a notice."""
    return CATEGORY_CODES[category]
