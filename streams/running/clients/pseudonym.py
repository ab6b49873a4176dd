"""Pseudonyms: refs that name nobody without the key."""

import base64
import hashlib
import hmac
from typing import Final, Literal

LEAST_CHARACTERS: Final = 32
"""Of a key.

Shorter ones can be guessed, and identities are often known: a guess that fits names every one of them.
"""

_CHARACTERS: Final = 26


def pseudonym(
    key: bytes,
    kind: Literal["reviewer", "reporter", "channel", "account", "message", "report"],
    tenant: str,
    identity: str,
) -> str:
    """The ref of an identity, as docs/publishing.md recommends to every publisher.

    `tenant` names the system to which the identity belongs.
    """
    digest = hmac.new(key, f"{kind}\0{tenant}\0{identity}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_CHARACTERS]
