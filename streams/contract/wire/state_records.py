"""The common format of state records: the key begins with its type, the value with a version."""

from typing import Final

# All types but slots of duplicates still have their first version. A type whose encoding changes gets a new
# one, and commands/state/downgrade.py a way to write the one before (tests/unit/test_downgrade.py asks for
# it).
STATE_VERSION: Final = b"\x01"


class UnknownStateVersion(ValueError):
    """A state record was written by another version of Tocsin."""


class UnusableState(Exception):
    """State cannot be used with these settings. Not a ValueError: nothing is damaged."""


class UnknownHashKey(UnusableState):
    """State depends on a secret key that is not among the settings."""


class UnknownCategory(UnusableState):
    """State has open escalations or clocks of categories that are not among the rules."""


class RulesMissing(Exception):
    """A partition is judged by a set of rules that this process does not have ready.

    No reason to stop: the set may be there in a moment, and other partitions may be judged by another one.
    """

    def __init__(self, rule_set: str) -> None:
        super().__init__(f"the set of rules {rule_set[:16]} is not ready here")
        self.rule_set = rule_set


def require_version(
    key_type: bytes, value: bytes | memoryview, known: tuple[bytes, ...] = (STATE_VERSION,)
) -> None:
    """Raise UnknownStateVersion, naming the key's type, if the value has none of the `known` versions."""
    version = bytes(value[:1])
    if version not in known:
        raise UnknownStateVersion(
            f"state key type {key_type!r} has version {version.hex() or 'none'}; known: version "
            f"{' or '.join(each.hex() for each in known)}"
        )
