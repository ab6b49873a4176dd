"""The two stages for commands that read state: their names, topics, rules and restore functions."""

from typing import Any

from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from streams.reports.rules import CompiledRules, compile_rules
from streams.requests.rules import RequestRules, compile_request_rules
from streams.runtime.stage import Stage
from streams.worker.report_stage import report_stage
from streams.worker.request_stage import request_stage
from streams.worker.settings import Settings

STAGE_NAMES = ("reports", "requests")


def report_rules(settings: Settings) -> CompiledRules:
    """The rules of a worker's report stage with these settings. Raises RegistryError."""
    return compile_rules(
        load_rules(**settings.registry_files()), duplicates_remembered=settings.duplicates_remembered
    )


def request_rules(settings: Settings) -> RequestRules:
    """The rules of a worker's request stage with these settings. Raises RegistryError."""
    return _request_rules(load_rules(**settings.registry_files()), settings)


def all_stages(settings: Settings) -> tuple[Stage[Any], ...]:
    """All stages of a worker, in the order of STAGE_NAMES. Raises RegistryError."""
    rules = report_rules(settings)
    return report_stage(rules), request_stage(_request_rules(rules.rules, settings))


def _request_rules(rules: Rules, settings: Settings) -> RequestRules:
    return compile_request_rules(rules, duplicates_remembered=settings.duplicates_remembered)
