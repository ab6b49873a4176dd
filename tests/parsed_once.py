"""Has a process read each text of the registry once, however many tests load it.

Hundreds of tests load the registry, most of them with one file changed: they pay for that file only. What is
shared is frozen or only read: content, lines, rows and their hashes. A text that is refused is read each time.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

from streams.registry import document, loader, policies
from streams.registry.document import Document, Row

# Every text that is shipped, and what tests change of them.
_TEXTS = 512


def read_texts_once() -> None:
    """From now on, in this process."""
    document.parse_yaml = lru_cache(_TEXTS)(document.parse_yaml)
    parse, hash_rows, hash_row = Document.parse, document.content_hash, loader.row_hash
    models: dict[Any, tuple[Any, Row]] = {}

    def parse_once(self: Document, shape: type[Row], categories: Collection[str] | None = None) -> Row:
        key = (id(self.content), shape, None if categories is None else tuple(categories))
        if key not in models:
            # With the content, so that its id stays its own: comparing contents would cost as much as it saves.
            models[key] = self.content, parse(self, shape, categories)
        return models[key][1]

    def content_hash(rows: Sequence[Row]) -> str:
        return hash_of(tuple(rows))

    hash_of = _once(hash_rows)
    Document.parse = parse_once  # type: ignore[assignment,method-assign]
    loader.content_hash = policies.content_hash = content_hash
    hash_of_row = _once(lambda rows: hash_row(*rows))
    loader.row_hash = lambda row: hash_of_row((row,))


def _once(of: Callable[[tuple[Row, ...]], str]) -> Callable[[tuple[Row, ...]], str]:
    """`of`, computed once for the same objects, which are kept."""
    known: dict[tuple[int, ...], tuple[tuple[Row, ...], str]] = {}

    def found(rows: tuple[Row, ...]) -> str:
        key = tuple(map(id, rows))
        if key not in known:
            known[key] = rows, of(rows)
        return known[key][1]

    return found
