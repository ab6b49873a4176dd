"""Versions of rules: what was judged by can be told from every output."""

import hashlib
import json
from collections.abc import Sequence

from streams.registry.document import Row


def content_hash(rows: Sequence[Row]) -> str:
    """Give 16 hex digits of SHA-256 over the parsed content, so that comments and layout do not count.

    Defaults are part of the content: a value written out and the same value left out give the same hash.
    """
    content = [row.model_dump(mode="json") for row in rows]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]
