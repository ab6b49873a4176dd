"""An operator's decision that a detector or list is held no more: the payload of `tocsin.detector-end.v1`.

Its record's key is that of the case, the keyed hash of the whole source in hexadecimal digits.
"""

from typing import Annotated, Final

import msgspec

from streams.contract.events.report import Pseudonym

DETECTOR_END_TYPE: Final = "tocsin.detector-end.v1"


class DetectorEnd(msgspec.Struct, frozen=True):
    """A part of the source is as it should be; `case_id` is the case that this answers.

    `part` is its hash in hexadecimal digits, 0 for the whole; `actor` is a pseudonym of the operator.
    """

    part: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    case_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    actor: Pseudonym
