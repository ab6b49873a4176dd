"""The stages of a worker, for commands that read their state."""

from typing import Any

from streams.partition.hash_key import HashKeys
from streams.partition.stage import Stage
from streams.reporters.stage import reporter_stage
from streams.reports.stage import report_stage
from streams.requests.stage import request_stage
from streams.worker.rules import configured_rules, report_rules, reporter_rules, request_rules
from streams.worker.settings import Settings

STAGE_NAMES = ("reports", "requests", "reporters")


def all_stages(settings: Settings, hash_keys: HashKeys) -> tuple[Stage[Any, Any, Any], ...]:
    """Every stage of a worker, in the order of STAGE_NAMES, also those that a setting leaves out. Raises RegistryError."""
    rules = configured_rules(settings)
    return (
        report_stage(report_rules(settings, rules, hash_keys)),
        request_stage(request_rules(settings, rules)),
        reporter_stage(reporter_rules(settings, rules, hash_keys)),
    )
