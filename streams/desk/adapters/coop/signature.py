"""Coop's signatures of its callbacks: RSASSA-PKCS1-v1_5 with SHA-256, in base64 in Coop-Signature."""

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from streams.running.worker.environment import COOP_PREFIX, SettingsError

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


def load_public_keys(file: Path) -> list[RSAPublicKey]:
    """All keys in a PEM file. Raises SettingsError if there is none or one is no RSA key."""
    try:
        keys = [load_pem_public_key(text) for text in _PEM.findall(file.read_bytes())]
    except (OSError, ValueError) as error:
        raise SettingsError(f"{COOP_PREFIX}PUBLIC_KEY_FILE={file}: cannot be read ({error}).") from error
    rsa = [key for key in keys if isinstance(key, RSAPublicKey)]
    if not rsa or len(rsa) < len(keys):
        raise SettingsError(
            f"{COOP_PREFIX}PUBLIC_KEY_FILE={file}: must contain RSA keys as Coop shows them, each between "
            "BEGIN PUBLIC KEY and END PUBLIC KEY."
        )
    return rsa


def is_signed(keys: Sequence[RSAPublicKey], signature: str, body: bytes) -> bool:
    """Whether one of the keys verifies the signature of a body."""
    try:
        decoded = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    for key in keys:
        try:
            key.verify(decoded, body, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return True
    return False
