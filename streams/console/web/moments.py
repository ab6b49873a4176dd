"""Times within text, as elements that a page's script writes in the zone of its reader."""

import re
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape

# As events have them, and as `minute` writes them.
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z| UTC)")


def with_moments(text: str) -> Markup:
    """The text, escaped, with each time in it as a `time` element that says UTC."""
    pieces = []
    end = 0
    for found in _MOMENT.finditer(text):
        pieces += [escape(text[end : found.start()]), _element(found)]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _element(found: re.Match[str]) -> Markup:
    day, hour = found.groups()
    try:
        datetime.fromisoformat(f"{day}T{hour}")
    except ValueError:
        return escape(found[0])
    return Markup('<time datetime="{0}T{1}Z">{0} {1} UTC</time>').format(day, hour)
