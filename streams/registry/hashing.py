"""Versions of rules, published on every output so that it can be traced to the rules behind it."""

import hashlib
import json
from collections.abc import Sequence

from streams.registry.document import Row


def content_hash(rows: Sequence[Row]) -> str:
    """Give 16 hex digits of SHA-256 over the parsed content; comments and layout have no influence.

    Defaults are part of the content: writing a default value out does not change the hash.
    """
    content = [row.model_dump(mode="json") for row in rows]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]
