"""The keys with which people sign what they decide about rules, and whether a signature holds."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from streams.contract.events.rules.rule_change import RuleChange, RuleChangeKind, RuleRole
from streams.contract.wire.forms.rule_change_decoding import signed_bytes
from streams.contract.wire.personal_data import names_a_person
from streams.contract.wire.refs import is_ref
from streams.contract.wire.times import epoch_ms
from streams.registry.changes.history import JUDGES_CASES, WhoMayAct
from streams.registry.reading.document import Row, read_document, sha256_of
from streams.registry.reading.text_path import TextPath

May = Literal["propose", "approve"]
TakesTwo = Literal["approved", "scheduled", "shadowed"]

# Whoever proposes may withdraw, and whoever approves may refuse.
_NEEDED: Mapping[str, frozenset[May]] = {
    "proposed": frozenset({"propose"}),
    "checked": frozenset({"propose", "approve"}),
    "shadowed": frozenset({"propose", "approve"}),
    "ended": frozenset({"propose", "approve"}),
    "halted": frozenset({"propose", "approve"}),
    "scheduled": frozenset({"approve"}),
    "rejected": frozenset({"propose", "approve"}),
    "approved": frozenset({"approve"}),
    "rolled_back": frozenset({"approve"}),
}


class KeyRow(Row):
    """A key: whose it is, what its owner may do, and until when it counts."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,64}$")]
    owner: str
    role: RuleRole
    may: Annotated[list[May], Field(min_length=1)]
    # The line between BEGIN and END of `openssl pkey -in key.pem -pubout`.
    public_key: str
    until: AwareDatetime | None = None
    # The owner is a console: what it signs was decided by the people whom it has signed in.
    vouches: bool = False


class KeysFile(Row):
    """The file of keys (TOCSIN_RULE_KEYS_FILE)."""

    keys: Annotated[list[KeyRow], Field(min_length=1)]
    # What who proposed a set cannot do with it alone.
    two_people: list[TakesTwo] = Field(default_factory=lambda: list[TakesTwo](JUDGES_CASES))


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key that was listed; `until_ms`: acts appended from then on do not count.

    `vouches`: it signs acts of other people than its owner.
    """

    owner: str
    role: RuleRole
    may: frozenset[May]
    line: str
    public: Any
    until_ms: int | None
    vouches: bool = False

    def has_ended(self, appended_ms: int) -> bool:
        """Return whether an act that is appended at a time does not count any more."""
        return self.until_ms is not None and appended_ms >= self.until_ms


@dataclass(frozen=True, slots=True)
class Keys:
    """The listed keys, by id, and what takes two people. `version` is a hash of the list."""

    by_id: Mapping[str, ListedKey]
    version: str
    two_people: frozenset[RuleChangeKind]

    @property
    def may_act(self) -> WhoMayAct:
        """Whose acts count by this list."""
        return WhoMayAct(self.verify, self.two_people)

    def of(self, public: str) -> tuple[str, ListedKey] | None:
        """Return the key with this public half (see `public_line`), and its id; None if it is not listed."""
        return next(((name, key) for name, key in self.by_id.items() if key.line == public), None)

    def verify(self, act: RuleChange, appended_ms: int) -> str | None:
        """Return why the signature of an act does not hold; None if it does.

        Workers halt a trial, and have no keys: that restores what people have approved, and nothing else.
        """
        signature = act.signature
        if signature is None:
            return None if act.kind == "halted" else "it is not signed"
        key = self.by_id.get(signature.key)
        if key is None:
            return f"its key {signature.key} is not listed"
        problem = self._against(signature.key, key, act, appended_ms)
        if problem is not None:
            return problem
        return None if _holds(key, signature.value, signed_bytes(act)) else "its signature does not hold"

    def _against(self, name: str, key: ListedKey, act: RuleChange, appended_ms: int) -> str | None:
        """Return what speaks against an act that is signed with a key."""
        if not key.vouches and (key.owner, key.role) != (act.actor.ref, act.actor.role):
            return f"its key {name} is of {key.owner} ({key.role})"
        if key.has_ended(appended_ms):
            return f"its key {name} had ended"
        if not key.may & _NEEDED[act.kind]:
            return f"the owner of its key {name} may not do that"
        if key.vouches and not self._lets(act, appended_ms):
            return f"by the list of keys, {act.actor.ref} may not do that"
        return None

    def _lets(self, act: RuleChange, appended_ms: int) -> bool:
        """Return whether an act may be vouched for: who has keys of their own may do what these may."""
        own = [key for key in self.by_id.values() if key.owner == act.actor.ref]
        return not own or any(
            not key.vouches and key.may & _NEEDED[act.kind] and not key.has_ended(appended_ms) for key in own
        )


def _on_trust(act: RuleChange, appended_ms: int) -> str | None:  # noqa: ARG001
    return None


def _nobody(act: RuleChange, appended_ms: int) -> str | None:  # noqa: ARG001
    return "no keys are listed (TOCSIN_RULE_KEYS_FILE)"


ON_TRUST: Final = WhoMayAct(_on_trust)
"""Counts every act, for who relies on the rights of the brokers alone: `TOCSIN_RULE_APPROVALS=unsigned`.

Then whoever may write to `rule-changes` can act in anybody's name, and so approve what they proposed.
"""

NOBODY: Final = WhoMayAct(_nobody)
"""Counts no act: no keys are listed."""


def _holds(key: ListedKey, value: str, signed: bytes) -> bool:
    # Only here: it is an extra, and nothing else of a worker needs it.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        key.public.verify(base64.b64decode(value, validate=True), signed)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read_keys(path: TextPath) -> Keys:
    """Read the list of keys. Raises RegistryError for an invalid file, ImportError without `cryptography`."""
    document = read_document(path)
    found: dict[str, ListedKey] = {}
    owners: dict[str, str] = {}
    file = document.parse(KeysFile)
    two_people = frozenset[RuleChangeKind](file.two_people)
    if ("approved" in two_people) != ("scheduled" in two_people):
        document.refuse(
            ("two_people",), "must have both approved and scheduled, or none: one does what the other does"
        )
    for number, row in enumerate(file.keys):
        place = ("keys", number)
        if row.id in found:
            document.refuse((*place, "id"), "is also the id of another key")
        if not is_ref(row.owner) or names_a_person(row.owner, counter=False):
            document.refuse((*place, "owner"), "must be a pseudonym, such as policy-7f3a")
        public = _public_key(row.public_key)
        if public is None:
            document.refuse(
                (*place, "public_key"),
                "must be the line between BEGIN and END of the public half of an Ed25519 key: "
                "`openssl pkey -in key.pem -pubout`",
            )
        # Two names for one person would be four eyes of two.
        if owners.setdefault(row.public_key, row.owner) != row.owner:
            document.refuse(
                (*place, "public_key"), f"is also the key of {owners[row.public_key]}: one key, one person"
            )
        if row.vouches and "propose" in row.may:
            # Alone it could name two people, and change rules in their names.
            document.refuse(
                (*place, "may"), "must not have propose: what a console approves, somebody's own key proposed"
            )
        until = None if row.until is None else epoch_ms(row.until)
        found[row.id] = ListedKey(
            row.owner, row.role, frozenset(row.may), row.public_key, public, until, row.vouches
        )
    listed = sorted(
        (name, key.owner, key.role, sorted(key.may), key.line, key.until_ms, *(["vouches"] * key.vouches))
        for name, key in found.items()
    )
    # As before there was a choice, for who makes none: all workers must have the same version.
    chosen = [] if two_people == JUDGES_CASES else [sorted(two_people)]
    return Keys(found, sha256_of([*listed, *chosen])[:16], two_people)


def _public_key(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None


def sign(act: RuleChange, private_pem: bytes) -> str:
    """Return the signature of an act with a private key (PEM). Raises ValueError as `public_line` does."""
    return base64.b64encode(_private_key(private_pem).sign(signed_bytes(act))).decode()


def _private_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise ValueError("it has a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004  # as for every other unusable file
    return key


def public_line(private_pem: bytes) -> str:
    """Return the public half of a private key (PEM), as it is listed.

    Raises ValueError if it is no Ed25519 key, or has a passphrase.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    public = _private_key(private_pem).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
