"""What the documents are made of in which the native core is handed the rules.

There is one JSON document for each place where it works: the gate, the home of channels and the home of
reporters. The structs are the definition: native/schemas/ is generated from them, and the extension refuses a
document with a field too many, too few or of another type.
"""

import msgspec


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A part of such a document: every field is named where it is made, and must be there."""


class Secret(HandedOver, frozen=True):
    """The secret bytes of a hash key (HashKey), in base64. They are shown nowhere."""

    base64: bytes

    def __repr__(self) -> str:
        return "Secret()"
