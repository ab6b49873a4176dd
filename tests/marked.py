"""Marks and sources of rows of law, for tests, and rules that trust secondary rows."""

from dataclasses import replace
from datetime import date

from streams.registry.row_of_law import LawSource, Marks, Verification
from streams.registry.rules import Rules


def marked(mark: Verification) -> Marks:
    """The same mark for every part."""
    return Marks(dates=mark, reach=mark, categories=mark, time=mark, elements=mark)


def read_on(day: date, title: str | None = None, url: str = "https://example.org/act") -> tuple[LawSource]:
    """A source that was read on a day."""
    return (LawSource(title, url, day),)


def trusting(rules: Rules) -> Rules:
    """The rules of a platform that lets secondary rows arm clocks."""
    return replace(rules, obligations=tuple(replace(row, secondary_arms=True) for row in rules.obligations))
