"""What a statement of reasons (Regulation (EU) 2022/2065, art. 17) can be drafted from, without the reporter."""

from typing import Literal

import msgspec

# Values of the field `source_type` in the EU's transparency database, version 2.
SourceType = Literal[
    "SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", "SOURCE_VOLUNTARY", "SOURCE_TYPE_OTHER_NOTIFICATION"
]
# DSA art. 17(3)(f): the provider's complaint system (art. 20), dispute settlement out of court (art. 21), the courts.
Redress = Literal["internal_complaint", "out_of_court_dispute_settlement", "judicial_redress"]


class LegalGround(msgspec.Struct, frozen=True):
    """A law under which the content may have to go: its name and article, and where it is written."""

    obligation: str
    text: str
    source_url: str


class Statement(msgspec.Struct, frozen=True):
    """The parts of a statement that do not depend on what the reviewer decides.

    `source_type` and `automated_detection` say how the platform came to know. `legal_grounds` are laws to choose from,
    never a finding that one was broken. `territorial_scope` are the states of the Union and the EEA concerned (ISO
    3166-1 alpha-2), empty if none is.
    """

    source_type: SourceType
    automated_detection: bool
    legal_grounds: tuple[LegalGround, ...]
    territorial_scope: tuple[str, ...]
    redress: tuple[Redress, ...]
