"""Signatures under rows of law: which hold, and the file that keeps them.

The file lies in a folder of the platform, never among the files that Tocsin ships: whoever signs takes
responsibility for that platform alone.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path

from streams.registry.document import read_document
from streams.registry.row_of_law import Signature
from streams.registry.rules import Obligation
from streams.registry.shapes.obligation import ObligationRow
from streams.registry.shapes.signatures import SignatureRow, SignaturesFile

SIGNATURES = "signatures.yaml"

# These say how a row is kept, not what the law says: a new review day needs no new signature.
_UPKEEP = {"owner", "review_by", "next"}

_HEAD = """\
# Rows of law that somebody signed for this platform. `tocsin registry sign` writes this file. A signature
# holds as long as the row says the same: if the row changes, it is unsigned again.

"""


def row_hash(row: ObligationRow) -> str:
    """Give SHA-256 (hex) of what a row says, without its owner, review day and next day."""
    content = row.model_dump(mode="json", exclude=_UPKEEP)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def read_signatures(folder: Path) -> SignaturesFile | None:
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


def sign(folder: Path, rows: Collection[Obligation], by: str, on: date) -> Path:
    """Sign rows in the words that they have, in place of earlier signatures, and give the file's path."""
    earlier = read_signatures(folder)
    kept = {each.row: each for each in (earlier.signatures if earlier else ())}
    kept |= {row.id: SignatureRow(row=row.id, sha256=row.sha256, signed_by=by, signed_on=on) for row in rows}
    path = folder / SIGNATURES
    path.write_text(_HEAD + _text(kept[id_] for id_ in sorted(kept)), encoding="utf-8")
    return path


def _text(rows: Iterable[SignatureRow]) -> str:
    lines = ["signatures:"]
    for row in rows:
        lines += [
            f"  - row: {row.row}",
            f"    sha256: {row.sha256}",
            f'    signed_by: "{row.signed_by}"',
            f"    signed_on: {row.signed_on}",
        ]
    return "\n".join([*lines, ""])
