"""Secrets and signatures of Standard Webhooks 1.0.0 (standardwebhooks.com), for both of its sides."""

import base64
import hashlib
import hmac
from typing import Final

SECRET_MARK: Final = "whsec_"  # noqa: S105 - how a secret begins
"""What a secret begins with, before its base64."""


def key_in(secret: str) -> bytes:
    """The key in a secret, with or without its mark. Raises ValueError, which may quote it, for no base64."""
    return base64.b64decode(secret.removeprefix(SECRET_MARK), validate=True)


def signature(key: bytes, event_id: str, sent_at: str, body: bytes) -> bytes:
    """The signature of a request: HMAC-SHA256 of its id, its time as the header has it, and its body."""
    return hmac.digest(key, f"{event_id}.{sent_at}.".encode() + body, hashlib.sha256)
