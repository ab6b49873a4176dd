"""Refs as a publisher makes them: keyed hashes, so that only the holder of the key can test user ids."""

import base64
import hashlib
import hmac
from typing import Literal

# The hash includes the kind of the id: a person who is both reporter and reported has two refs that cannot be
# linked.
Domain = Literal["reporter", "channel", "message"]

# 26 characters of base32 are 130 bits, so a collision between two users of a platform is practically
# impossible.
REF_LENGTH = 26


def pseudonym(key: bytes, domain: Domain, identifier: str) -> str:
    """The ref of an identifier: HMAC-SHA256 with the publisher's key, as 26 lower-case letters of base32."""
    digest = hmac.digest(key, f"{domain}\0{identifier}".encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:REF_LENGTH]
