"""The keys for hashing reporters, from the settings."""

import re

from streams.deciding.partition.hash_key import (
    DEMONSTRATION,
    LONGEST_KEY,
    SHORTEST_KEY,
    HashKey,
    HashKeys,
    hash_key,
)
from streams.running.worker.environment import SettingsError, given_secret
from streams.running.worker.settings import PREFIX, Settings

# Of 32 random bytes some 30 differ. Fewer than 16 happen once in 10**10 keys, but in every key that repeats
# a word or a digit.
_LEAST_DIFFERENT_BYTES = 16

_MAKE_ONE = (
    "Make one with `openssl rand -hex 32`, or "
    "`python3 -c 'import secrets; print(secrets.token_hex(32))'`, and give all workers the same"
)


def configured_hash_keys(settings: Settings) -> HashKeys:
    """Return the keys that a worker needs. Raises SettingsError if one is missing, weak or unreadable."""
    keys = given_hash_keys(settings)
    if keys is None:
        raise SettingsError(
            f"{PREFIX}HASH_KEY is missing, and {PREFIX}HASH_KEY_FILE too: a secret key is needed to hash "
            f"reporters' refs. {_MAKE_ONE}."
        )
    return keys


def given_hash_keys(settings: Settings) -> HashKeys | None:
    """Return the keys in the settings, None if none is set. Raises SettingsError if one cannot be used."""
    current = _key(settings, "hash_key")
    previous = _key(settings, "hash_key_previous")
    if current is None:
        if previous is not None:
            raise SettingsError(
                f"{PREFIX}HASH_KEY_PREVIOUS is set: set {PREFIX}HASH_KEY too, the key for new hashes."
            )
        return None
    if previous is not None and previous.id == current.id:
        raise SettingsError(
            f"{PREFIX}HASH_KEY_PREVIOUS is the same key as {PREFIX}HASH_KEY: set it to the key used before, "
            "or to none."
        )
    return HashKeys(current, previous)


def is_public(keys: HashKeys) -> bool:
    """Return whether the current key is the one that anybody can read in the source of Tocsin."""
    return keys.current.id == DEMONSTRATION.current.id


def _key(settings: Settings, name: str) -> HashKey | None:
    given = given_secret(settings, PREFIX, name, must=" It must contain the key as hex digits.")
    return None if given is None else _parsed(*given)


def _parsed(variable: str, text: str) -> HashKey:
    # Neither messages nor causes may contain the text: it is nearly the key.
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text):
        raise SettingsError(f"{variable}: must be pairs of hex digits. {_MAKE_ONE}.")
    secret = bytes.fromhex(text)
    if not SHORTEST_KEY <= len(secret) <= LONGEST_KEY:
        raise SettingsError(
            f"{variable}: has {len(text)} hex digits; must have {2 * SHORTEST_KEY} to {2 * LONGEST_KEY}. "
            f"{_MAKE_ONE}."
        )
    if len(set(secret)) < _LEAST_DIFFERENT_BYTES:
        raise SettingsError(f"{variable}: its bytes repeat, so it can be guessed. {_MAKE_ONE}.")
    return hash_key(secret)
