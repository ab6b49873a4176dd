"""The pages of the navigation."""

from typing import Final

from streams.desk.console.casework.permissions import Person, may_see_figures

_PAGES: Final = (
    "desk",
    "views",
    "clocks",
    "requests",
    "questions",
    "integrity",
    "policies",
    "transparency",
    "health",
    "figures",
)


def pages_of(person: Person) -> list[str]:
    """The pages that a person may see, by their addresses, in the order of the navigation."""
    return [each for each in _PAGES if each != "figures" or may_see_figures(person)]
