"""Which signatures under rows of law hold."""

from collections.abc import Mapping

from streams.registry.reading.document import read_document, sha256_of
from streams.registry.reading.text_path import TextPath
from streams.registry.row_of_law import Signature
from streams.registry.shapes.obligation import ObligationRow
from streams.registry.shapes.signatures import SignaturesFile

SIGNATURES = "signatures.yaml"

# These say how a row is kept, not what the law says: a new review day needs no new signature.
_UPKEEP = {"owner", "review_by", "next"}


def row_hash(row: ObligationRow) -> str:
    """Give SHA-256 (hex) of what a row says, without its owner, review day and next day."""
    return sha256_of(row.model_dump(mode="json", exclude=_UPKEEP))


def read_signatures(folder: TextPath) -> SignaturesFile | None:
    """Read the signatures in a folder; None if it has none. Raises RegistryError if the file is invalid."""
    path = folder / SIGNATURES
    return read_document(path).parse(SignaturesFile) if path.exists() else None


def holding(file: SignaturesFile | None, hashes: Mapping[str, str]) -> dict[str, Signature]:
    """Give the signatures that hold, by row; `hashes` are those of the rows as they are now."""
    signed = [] if file is None else file.signatures
    return {
        each.row: Signature(each.signed_by, each.signed_on)
        for each in signed
        if hashes.get(each.row) == each.sha256
    }


def lapsed(file: SignaturesFile | None, hashes: Mapping[str, str]) -> tuple[str, ...]:
    """Give the rows that were signed in other words than they have now, or that are gone."""
    signed = [] if file is None else file.signatures
    return tuple(each.row for each in signed if hashes.get(each.row) != each.sha256)
