"""Refs as a publisher makes them: keyed hashes, so that nobody without the key can try out user ids."""

import base64
import hashlib
import hmac
from typing import Literal

# What the id stands for is part of what is hashed: a person who is both reporter and reported has two refs, and the
# two cannot be joined.
Domain = Literal["reporter", "channel", "message"]

# 26 characters of base32 are 130 bits: no two of a platform's users will ever share a ref.
REF_LENGTH = 26


def pseudonym(key: bytes, domain: Domain, identifier: str) -> str:
    """Give the ref of a platform's identifier: HMAC-SHA256 under the publisher's key, in base32, lower case."""
    digest = hmac.digest(key, f"{domain}\0{identifier}".encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:REF_LENGTH]
