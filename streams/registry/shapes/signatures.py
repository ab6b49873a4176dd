"""The fields of signatures.yaml."""

from datetime import date
from typing import Annotated

from pydantic import Field

from streams.registry.reading.document import Row
from streams.registry.shapes.obligation import ObligationId, Pseudonym


class SignatureRow(Row):
    """Who signed a row, on which day, and the hash of what the row said then."""

    row: ObligationId
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    signed_by: Pseudonym
    signed_on: date


class SignaturesFile(Row):
    """signatures.yaml: the rows of law that somebody signed for the platform."""

    signatures: list[SignatureRow]
