"""Signatures of Standard Webhooks 1.0.0 (standardwebhooks.com): HMAC-SHA256 of id, time and body."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from streams.worker.environment import GivenSecret, SettingsError

_PREFIX = "whsec_"

# The sizes that the specification allows.
_LEAST_BYTES, _MOST_BYTES = 24, 64


def signing_key(secret: GivenSecret) -> bytes:
    """The key in a secret of the form `whsec_<base64>`. Raises SettingsError."""
    try:
        key = base64.b64decode(secret.text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.text.startswith(_PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise SettingsError(
            f"{secret.variable}: must be {_PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} random bytes in base64, as from "
            f'`echo "{_PREFIX}$(openssl rand -base64 32)"`.'
        )
    return key


def signed_headers(keys: Sequence[bytes], event_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The headers of a request sent at `sent_at` (seconds since the epoch), with a signature by each key.

    A receiver accepts a request if it can verify one of the signatures, so it may change its key at any time while both
    are used.
    """
    signed = b"%s.%d.%s" % (event_id.encode(), sent_at, body)
    signatures = (
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys
    )
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(signatures),
    }
