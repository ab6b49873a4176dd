"""Marks and sources of rows of law, for tests."""

from datetime import date

from streams.registry.row_of_law import LawSource, Marks, Verification


def marked(mark: Verification) -> Marks:
    """The same mark for every part."""
    return Marks(dates=mark, reach=mark, categories=mark, time=mark, elements=mark)


def read_on(day: date, title: str | None = None, url: str = "https://example.org/act") -> tuple[LawSource]:
    """A source that was read on a day."""
    return (LawSource(title, url, day),)
