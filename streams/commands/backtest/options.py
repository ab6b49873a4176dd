"""The options of back-tests, and how their result is shown."""

import os
from typing import Final

import click

from streams.commands.backtest.comparison_text import Comparison, comparison_json, comparison_text
from streams.commands.shared.moment import MOMENT

SINCE: Final = click.option(
    "--since",
    type=MOMENT,
    default=0,
    help="Count only episodes that opened since then. TIME is a time with a zone or a duration before now. "
    "Earlier reports still fill the windows.",
)

PROCESSES: Final = click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="one per core",
    help="How many processes share the partitions. The result is the same for any number.",
)


def shown(compared: Comparison, *, json_lines: bool) -> str:
    """Return a comparison as text, or as one JSON object per line."""
    return "\n".join(comparison_json(compared)) if json_lines else comparison_text(compared)
