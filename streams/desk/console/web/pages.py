"""The pages of the navigation."""

from typing import Final

from streams.desk.console.casework.permissions import Person, may_see_figures, may_see_rules

_PAGES: Final = (
    "desk",
    "views",
    "clocks",
    "requests",
    "questions",
    "integrity",
    "policies",
    "rules",
    "transparency",
    "health",
    "figures",
)


def pages_of(person: Person) -> list[str]:
    """The pages that a person may see, by their addresses, in the order of the navigation."""
    hidden = {"figures": not may_see_figures(person), "rules": not may_see_rules(person)}
    return [each for each in _PAGES if not hidden.get(each, False)]
