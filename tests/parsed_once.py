"""Has a process read each text of the registry once, however many tests load it.

Hundreds of tests load the registry, most of them with one file changed: they pay for that file only. What is
shared is frozen or only read: content, lines, rows and their hashes. A text that is refused is read each time.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

from streams.registry import loader, policies
from streams.registry.reading import document
from streams.registry.reading.document import Document, Row

# Every text that is shipped, and as many that tests have changed.
_TEXTS = 150
# Of these texts.
_ROWS = 1_000


def read_texts_once() -> None:
    """From now on, in this process."""
    document.parse_yaml = lru_cache(_TEXTS)(document.parse_yaml)
    parse, hash_rows, hash_row = Document.parse, document.content_hash, loader.row_hash
    models = _Known(_TEXTS)
    hashes = _Known(_ROWS)

    def parse_once(self: Document, shape: type[Row], categories: Collection[str] | None = None) -> Row:
        key = (shape, None if categories is None else tuple(categories))
        return models.get(key, [self.content], lambda: parse(self, shape, categories))

    def content_hash(rows: Sequence[Row]) -> str:
        return hashes.get("content", rows, lambda: hash_rows(rows))

    Document.parse = parse_once  # type: ignore[assignment,method-assign]
    loader.content_hash = policies.content_hash = content_hash
    loader.row_hash = lambda row: hashes.get("row", [row], lambda: hash_row(row))


class _Known:
    """Results for the same objects: comparing what they say would cost as much as it saves."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Any, tuple[Sequence[Any], Any]] = {}

    def get(self, key: Any, objects: Sequence[Any], compute: Callable[[], Any]) -> Any:
        """The result for these objects, which are kept so that their ids stay theirs."""
        key = (key, *map(id, objects))
        if key not in self._known:
            result = compute()
            if len(self._known) == self._most:
                del self._known[next(iter(self._known))]
            self._known[key] = objects, result
        return self._known[key][1]
