"""Finds the columns of a template in the header of a file."""

from collections.abc import Mapping
from difflib import get_close_matches

from streams.statutory.template import Part
from streams.statutory.validation.findings import Findings, column_name
from streams.statutory.validation.same_text import plain

# Headers of one part differ from each other by a few words, and a typing error changes a few letters.
_SIMILAR = 0.9
# Longer than every header; comparing takes time with the square of the length.
_LONGEST = 250


def match_columns(part: Part, header: tuple[str, ...], findings: Findings) -> Mapping[int, int]:
    """Give the place in the file of every column of the template that is there; both count from 0."""
    wanted = {plain(name): column for column, name in enumerate(part.columns)}
    places: dict[int, int] = {}
    unknown: list[int] = []
    for place, name in enumerate(header):
        column = wanted.get(plain(name))
        if column is None:
            unknown.append(place)
        elif column in places:
            findings.add("column-extra", f"has the column {name.strip()!r} twice", 1)
        else:
            places[column] = place
            if name != part.columns[column]:
                findings.add(
                    "header-spacing",
                    f"is {name!r}, but {part.columns[column]!r} in the template",
                    1,
                    column_name(part, column),
                )
    for place in unknown:
        missing = [name for name, column in wanted.items() if column not in places]
        close = get_close_matches(plain(header[place][:_LONGEST]), missing, 1, _SIMILAR)
        if close:
            column = wanted[close[0]]
            places[column] = place
            findings.add(
                "header",
                f"is {header[place]!r}; it must be {part.columns[column]!r}",
                1,
                column_name(part, column),
            )
        else:
            findings.add(
                "column-extra", f"has a column {header[place]!r}, which the template does not have", 1
            )
    for column in range(len(part.columns)):
        if column not in places:
            findings.add("column-missing", "is missing", 1, column_name(part, column))
    order = [places[column] for column in sorted(places)]
    if order != sorted(order):
        moved = next(column for column, place in zip(sorted(places), order, strict=True) if place != column)
        findings.add(
            "column-order",
            f"is column {places[moved] + 1} of the file; it must be column {moved + 1}",
            1,
            column_name(part, moved),
        )
    return places
