"""Paths that a form or an address asks to be led to afterwards."""

import re
from typing import Final

# Browsers read \ as /, skip tabs and line breaks, and take // for the begin of another host.
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def as_local_path(text: str) -> str | None:
    """The text if it is a path of this console, with its query; None if it could lead anywhere else."""
    return text if _LOCAL.fullmatch(text) else None
