"""What one check has found."""

from functools import partial
from typing import Literal

import msgspec

from streams.commands.shared.first_names import first_names

Verdict = Literal["ok", "warning", "failed", "not tried"]


class Finding(msgspec.Struct, frozen=True):
    """`found` says what was proved, or why nothing was; `remedy` what to do, empty if that is nothing.

    `warning`: workers run, but not as safely as they could. `failed`: they do not run, or lose something.
    """

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


some = partial(first_names, most=5)
"""The first few names, and how many more there are."""
