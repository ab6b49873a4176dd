"""Reports of Nostr (NIP-56): events of kind 1984 that their author has signed (NIP-01)."""

import hashlib
import re
from typing import Annotated, Any, Final

import msgspec
import orjson
from coincurve import PublicKeyXOnly

KIND: Final = 1984

# A report names a few people and notes; whoever writes more tags wants them to be stored.
_MOST_TAGS: Final = 100

_HEX64: Final = r"^[0-9a-f]{64}\Z"
_KEY: Final = re.compile(_HEX64)

_Hex64 = Annotated[str, msgspec.Meta(pattern=_HEX64)]


class NotReport(ValueError):
    """An event is malformed, no report, or not signed by who it says. The message quotes nothing of it."""


class ReportEvent(msgspec.Struct, frozen=True):
    """An event of kind 1984 with its fields in their forms; whether it is signed, `verify` says."""

    id: _Hex64
    pubkey: _Hex64
    created_at: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    kind: int
    tags: Annotated[list[list[str]], msgspec.Meta(max_length=_MOST_TAGS)]
    content: str
    sig: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")]

    def verify(self) -> None:
        """Raises NotReport if the id is not the event's hash, or the signature not its author's."""
        # What JSON need not escape is verbatim, as the hash wants it.
        hashed = orjson.dumps([0, self.pubkey, self.created_at, self.kind, self.tags, self.content])
        digest = hashlib.sha256(hashed).digest()
        if digest.hex() != self.id:
            raise NotReport("its id is not the hash of it")
        try:
            signed = PublicKeyXOnly(bytes.fromhex(self.pubkey)).verify(bytes.fromhex(self.sig), digest)
        except ValueError:
            # One of two numbers is the coordinate of no point.
            signed = False
        if not signed:
            raise NotReport("its signature is not its author's")

    def document(self) -> dict[str, Any]:
        """What a mapping may read: all but what its author wrote."""
        return {
            "id": self.id,
            "pubkey": self.pubkey,
            "created_at": self.created_at,
            "kind": self.kind,
            "tags": self.tags,
        }


def report_event(found: Any) -> ReportEvent:
    """Read an event. Raises NotReport unless it is one of kind 1984 about a key, and perhaps a note.

    Whether it is signed is not asked: that takes 50 times as long.
    """
    try:
        event = msgspec.convert(found, ReportEvent)
    except msgspec.ValidationError:
        raise NotReport("its fields are not what NIP-01 says") from None
    if event.kind != KIND:
        raise NotReport("it is no report")
    # Any other text would be a channel or a message that nobody has.
    named = {tag[0]: tag[1] if len(tag) > 1 else "" for tag in reversed(event.tags) if tag}
    if _KEY.match(named.get("p", "")) is None or _KEY.match(named.get("e", "0" * 64)) is None:
        raise NotReport("it does not say by a key who is reported, or by an id which note")
    return event
