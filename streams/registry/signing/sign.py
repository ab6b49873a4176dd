"""Writes the file that keeps the signatures under rows of law.

It lies in a folder of the platform, never among the files that Tocsin ships: whoever signs takes
responsibility for that platform alone.
"""

from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path

from streams.registry.obligation import Obligation
from streams.registry.shapes.signatures import SignatureRow
from streams.registry.signing.signatures import SIGNATURES, read_signatures

_HEAD = """\
# Rows of law that somebody signed for this platform. `tocsin registry sign` writes this file. A signature
# holds as long as the row says the same: if the row changes, it is unsigned again.

"""


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
