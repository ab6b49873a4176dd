"""What all workers of a fleet must have alike, as each one says it in its claims."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

FORMAT = "format of state and internal topics"


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """With what a worker writes state and decides. Nothing in it is secret.

    `alike`: by name, which value the worker works with, and after it which others it can also read. Two
    workers can work side by side if each can read what the other works with. `rules`: by name, the hash of
    what decides, which the version brings along or the operator chose. `replaces` is the `rules_id` of the
    rules that these replace by a rolling restart. A name is that of the setting where there is one; a name
    that only one of two workers knows is not compared.
    """

    version: str = ""
    alike: Mapping[str, tuple[str, ...]] = {}
    rules: Mapping[str, str] = {}
    replaces: str = ""

    @property
    def rules_id(self) -> str:
        """A short hash of all rules."""
        return hashlib.sha256(msgspec.json.encode(self.rules, order="sorted")).hexdigest()[:16]


BEFORE_TERMS = Terms("0.2 or before", {FORMAT: ("1",)})
"""The terms of versions whose claims have none: they cannot read bundles."""


class Difference(msgspec.Struct, frozen=True):
    """What two workers have that keeps them from working side by side. `of_rules`: it is a rule."""

    name: str
    own: str
    others: str
    of_rules: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.own} here, {self.others} there"


def differences(own: Terms, other: Terms) -> list[Difference]:
    """Return what keeps two workers from working side by side, in the order of `own`; the same both ways."""
    return [*_unlike(own, other), *_other_rules(own, other)]


def _unlike(own: Terms, other: Terms) -> Iterator[Difference]:
    for name, ours in own.alike.items():
        theirs = other.alike.get(name, ())
        if ours and theirs and (ours[0] not in theirs or theirs[0] not in ours):
            yield Difference(name, ours[0], theirs[0])


def _other_rules(own: Terms, other: Terms) -> Iterator[Difference]:
    # Another version brings rules of its own, so an upgrade, too, has two sets of them for a while.
    if own.version != other.version or own.replaces == other.rules_id or other.replaces == own.rules_id:
        return
    for name, ours in own.rules.items():
        theirs = other.rules.get(name, ours)
        if ours != theirs:
            yield Difference(name, ours, theirs, of_rules=True)
