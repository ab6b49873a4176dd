"""The rules that the settings choose, in the form that each stage needs."""

import structlog

from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.reporters.rules import ReporterStageRules, compile_reporter_rules
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.requests.rules import RequestRules, compile_request_rules
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from streams.running.worker.settings import Settings

logger = structlog.get_logger(__name__)


def configured_rules(settings: Settings) -> Rules:
    """Load the registry that the settings choose. Raises RegistryError with file, line and field."""
    return load_rules(**settings.registry_files())


def warn_of_unsigned_rows(rules: Rules) -> None:
    """Log one warning if nobody signed rows of law that can arm a clock, or if signed ones have changed."""
    can_arm = [duty for duty in rules.obligations if duty.arms and duty.duration is not None]
    unsigned = sum(duty.signed is None for duty in can_arm)
    if unsigned or rules.lapsed_signatures:
        logger.warning(
            "rows of law that can arm a clock are unsigned: see `tocsin registry check --strict`",
            unsigned=unsigned,
            of=len(can_arm),
            changed_since_signed=rules.lapsed_signatures,
        )


def report_rules(settings: Settings, rules: Rules, hash_keys: HashKeys) -> ReportRules:
    """Return the rules in the form that the stage of reports needs."""
    return compile_report_rules(rules, settings=settings.partition_settings(), hash_keys=hash_keys)


def reporter_rules(settings: Settings, rules: Rules, hash_keys: HashKeys) -> ReporterStageRules:
    """Return the rules in the form that the stage of reporters needs."""
    return compile_reporter_rules(rules, settings=settings.partition_settings(), hash_key=hash_keys.current)


def request_rules(settings: Settings, rules: Rules) -> RequestRules:
    """Return the rules in the form that the stage of requests needs."""
    return compile_request_rules(rules, settings=settings.partition_settings())
