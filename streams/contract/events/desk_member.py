"""A person who works on cases, as the events of a desk name them."""

from typing import Literal

import msgspec

from streams.contract.events.report import Pseudonym

DeskRole = Literal["desk", "lead", "legal", "authority_liaison"]


class DeskMember(msgspec.Struct, frozen=True, gc=False):
    """The pseudonym of the person, and the role in which they acted."""

    ref: Pseudonym
    role: DeskRole
