"""The stages of a worker, for commands that read or write their state."""

from collections.abc import Callable
from typing import Any

import click

from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.partition.stage import Stage
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.stage import request_stage
from streams.running.worker.rules import configured_rules, report_rules, reporter_rules, request_rules
from streams.running.worker.settings import Settings

STAGE_NAMES = ("reports", "requests", "reporters")


AnyStage = Stage[Any, Any, Any]


def stage_option(what: str, *, required: bool = False) -> Callable[[Any], Any]:
    """The option --stage of a command, for its argument `name`; `what` is done to the stage."""
    return click.option(
        "--stage",
        "name",
        type=click.Choice(STAGE_NAMES),
        metavar="STAGE",
        required=required,
        help=f"{what}: reports, requests or reporters.",
    )


def all_stages(settings: Settings, hash_keys: HashKeys, only: str | None = None) -> tuple[AnyStage, ...]:
    """Every stage of a worker, or `only` one, in the order of STAGE_NAMES. Raises RegistryError."""
    rules = configured_rules(settings)
    stages = (
        report_stage(report_rules(settings, rules, hash_keys)),
        request_stage(request_rules(settings, rules)),
        reporter_stage(reporter_rules(settings, rules, hash_keys)),
    )
    return tuple(stage for stage in stages if only in (None, stage.name))
