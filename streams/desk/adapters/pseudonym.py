"""Pseudonyms of the people whose decisions an adapter publishes."""

import base64
import hashlib
import hmac

LEAST_CHARACTERS = 32
"""Of a key.

Shorter ones can be guessed, and addresses of moderators are known: a guess that fits names every one of them.
"""

_CHARACTERS = 26


def reviewer_ref(key: bytes, desk: str, identity: str) -> str:
    """A ref that names nobody without the key, as docs/publishing.md recommends.

    `desk` names the system of the identity.
    """
    digest = hmac.new(key, f"reviewer\0{desk}\0{identity}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_CHARACTERS]
