"""The type of command-line options that take a point in time."""

from datetime import datetime

import click

from streams.registry.durations import parse_duration
from streams.running.wall_clock import clock_ms


class _Moment(click.ParamType):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give milliseconds since the epoch. An int is taken as already converted."""
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            if text.startswith("P"):
                return clock_ms() - parse_duration(text)
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(
                f"{text!r} is neither a time with a zone, such as 2026-03-01T12:00:00Z, "
                "nor a duration before now, such as PT30M, PT2H or P7D.",
                param,
                ctx,
            )
        return int(moment.timestamp() * 1000)


MOMENT = _Moment()
"""Takes RFC 3339 with a zone, or an ISO 8601 duration that ends now. Gives ms since the epoch."""
