"""Who sent a request: bearer tokens, Standard Webhooks, and signatures of the sender's own scheme."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from streams.running.clients.standard_webhooks import signature

# A sender's clock may be wrong and its request may wait in a queue, but a signature that somebody has seen
# is of no use to them for longer. The number of Standard Webhooks' own libraries.
_TOLERANCE_SECONDS: Final = 5 * 60

Headers = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """`Authorization: Bearer TOKEN`."""

    secrets: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """HMAC-SHA256 of id, time and body, as Standard Webhooks 1.0.0 says (standardwebhooks.com)."""

    secrets: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class BodyHmac:
    """HMAC-SHA256 of the body in a header, after `prefix`.

    It says nothing of time, so whoever has seen a request can send it again. A report of it counts once, as
    its id stays the same.
    """

    secrets: Sequence[bytes]
    header: str
    prefix: str
    encoding: Literal["hex", "base64"]


Scheme = Bearer | StandardWebhooks | BodyHmac


def why_not_verified(scheme: Scheme, headers: Headers, body: bytes, now: float) -> str | None:
    """Why a request is not from who knows a secret of the scheme; None if it is. `now` is in seconds."""
    match scheme:
        case Bearer():
            kind, _, token = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not token:
                return "there is no Authorization: Bearer"
            return _unless(_equals_any(scheme.secrets, token.strip().encode()), "the token is not valid")
        case StandardWebhooks():
            return _why_no_webhook(scheme, headers, body, now)
        case BodyHmac():
            given = headers.get(scheme.header.lower(), "")
            if not given.startswith(scheme.prefix) or not given:
                return f"there is no {scheme.header} that begins with {scheme.prefix or 'a signature'}"
            expected = (hmac.digest(each, body, hashlib.sha256) for each in scheme.secrets)
            signed = _decoded(given.removeprefix(scheme.prefix), scheme.encoding)
            return _unless(_is_any(expected, signed), f"{scheme.header} is not valid")


def _why_no_webhook(scheme: StandardWebhooks, headers: Headers, body: bytes, now: float) -> str | None:
    event_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not event_id or not sent.isascii() or not sent.isdigit() or len(sent) > len("99999999999"):
        return "webhook-id and webhook-timestamp are missing or malformed"
    if abs(int(sent) - now) > _TOLERANCE_SECONDS:
        return "webhook-timestamp is not of the last five minutes"
    for given in headers.get("webhook-signature", "").split():
        version, _, text = given.partition(",")
        expected = (signature(each, event_id, sent, body) for each in scheme.secrets)
        if version == "v1" and _is_any(expected, _decoded(text, "base64")):
            return None
    return "webhook-signature has no valid signature"


def _unless(valid: bool, why: str) -> str | None:
    return None if valid else why


def _equals_any(secrets: Sequence[bytes], token: bytes) -> bool:
    # Hashes have one length: the time tells nothing about that of the secret.
    expected = (hashlib.sha256(each).digest() for each in secrets)
    return _is_any(expected, hashlib.sha256(token).digest())


def _is_any(expected: Iterable[bytes], given: bytes) -> bool:
    return any(hmac.compare_digest(each, given) for each in expected)


def _decoded(text: str, encoding: Literal["hex", "base64"]) -> bytes:
    """The bytes of a signature; none if it is malformed, which no signature equals."""
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
