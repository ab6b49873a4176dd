"""What the log says about access: pseudonyms and reasons, never a subject, an address or a token.

What people decide is not logged: the acts themselves are the record, on `case-activity`.
"""

from collections import Counter
from typing import Final

import structlog

from streams.desk.console.casework.permissions import Person
from streams.desk.console.web.security.limits import Limiter

logger = structlog.get_logger(__name__)

# Who is refused may try again at once and for hours. Twenty lines show what goes on, and one every ten
# seconds that it goes on.
_LINES: Final = 20
_LINES_PER_SECOND: Final = 0.1

# Reasons times people; more is a console without sign-in on which somebody makes up names.
_MOST_KINDS: Final = 10_000


class Audit:
    """Logs who came and went, and who was refused."""

    def __init__(self) -> None:
        self._lines = Limiter(_LINES, _LINES_PER_SECOND)
        self._left_out: Counter[str] = Counter()

    def came(self, person: Person) -> None:
        """Log that somebody signed in, or chose whom to be."""
        logger.info("signed in", person=person.ref, role=person.role)

    def went(self, person: Person) -> None:
        """Log that somebody signed out."""
        logger.info("signed out", person=person.ref)

    def refused(self, reason: str, person: Person | None) -> None:
        """Log that somebody was refused; many of one kind are one line with their number."""
        name = None if person is None else person.ref
        kind = f"{reason} {name or ''}"
        if self._lines.take(kind) > 0:
            self._left_out[kind] += 1
            if len(self._left_out) > _MOST_KINDS:
                self._left_out.clear()
            return
        logger.warning("refused", reason=reason, person=name, left_out_before=self._left_out.pop(kind, 0))
