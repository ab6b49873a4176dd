"""The statements of the read model by name, from the `.sql` files beside `schema.sql`."""

import re
from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def _by_name() -> dict[str, str]:
    texts = (each.read_text("utf-8") for each in (files(__package__) / "sql").iterdir())
    parts = [part for text in texts for part in _NAME.split(text)[1:]]
    return dict(zip(parts[::2], parts[1::2], strict=True))


SQL: Final[Mapping[str, str]] = _by_name()
"""The statements. Values are bound; none is ever written into one."""


def sql_if(name: str, given: Collection[str]) -> str:
    """A statement without the lines that end in `-- if` and words of which one is not `given`.

    A condition that is not there costs nothing, and SQLite chooses the index for those that are: an optional
    parameter in every condition would make it read all rows.
    """
    lines = (line.partition("-- if ") for line in SQL[name].splitlines())
    return "\n".join(text for text, _, words in lines if all(word in given for word in words.split()))
