"""What decisions name by a code: the law by which something was judged, a category, a rule of the terms."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.contract.events.moderation_outcome import LawGround, OutcomeGround
from streams.contract.events.report import Category
from streams.desk.console.terms import Terms
from streams.desk.console.web.words import duty_name
from streams.desk.text.country_names import place_name
from streams.registry.category import CategoryRules
from streams.registry.obligation import Obligation


class Vocabulary(NamedTuple):
    """Duties, categories and rules of the terms in use, by their codes."""

    duties: Mapping[str, Obligation]
    categories: Mapping[Category, CategoryRules]
    terms: Terms

    def ground(self, ground: OutcomeGround) -> str:
        """By what something was judged, with its title if it is in use here."""
        if isinstance(ground, LawGround):
            country = place_name(ground.jurisdiction) or ground.jurisdiction
            return f"{duty_name(self.duties, ground.duty)}, in {country}"
        title = self.terms.get(ground.rule)
        return f"rule {ground.rule} of the terms{f': {title}' if title else ''}"
