"""Input for a draft statement of reasons (Regulation (EU) 2022/2065, art. 17). It names no reporter."""

from typing import Literal

import msgspec

# Values of the field `source_type` in the EU's transparency database, version 2.
SourceType = Literal[
    "SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", "SOURCE_VOLUNTARY", "SOURCE_TYPE_OTHER_NOTIFICATION"
]
# DSA art. 17(3)(f): the provider's complaint system (art. 20), out-of-court dispute settlement (art. 21), the
# courts.
Redress = Literal["internal_complaint", "out_of_court_dispute_settlement", "judicial_redress"]


class LegalGround(msgspec.Struct, frozen=True):
    """A law by which the content may have to be removed: its name and article, and its text's address."""

    obligation: str
    text: str
    source_url: str


class Statement(msgspec.Struct, frozen=True):
    """The parts of a statement of reasons that do not depend on the reviewer's decision.

    `source_type` and `automated_detection` say how the platform learned of the content. `legal_grounds` are
    laws to choose from, not a finding that one was broken. `territorial_scope` lists the EU and EEA states
    concerned (ISO 3166-1 alpha-2); it may be empty.
    """

    source_type: SourceType
    automated_detection: bool
    legal_grounds: tuple[LegalGround, ...]
    territorial_scope: tuple[str, ...]
    redress: tuple[Redress, ...]
