"""Published times (RFC 3339, UTC) as numbers."""

from datetime import datetime

from streams.wire.times import epoch_ms


def moment_ms(moment: str) -> int:
    """Milliseconds since the epoch of a time that Tocsin published, such as `2026-09-21T14:15:00.000Z`."""
    return epoch_ms(datetime.fromisoformat(moment))
