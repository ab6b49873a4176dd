"""The rules in the form that the stage of reporters needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contract.events.report import Category
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKey
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.registry.category import CategoryRules
from streams.registry.reporter_rules import ReporterRules
from streams.registry.rules import Rules


@dataclass(frozen=True, slots=True, eq=False)
class ReporterStageRules:
    """The rules of the stage; build them once with `compile_reporter_rules`.

    `by_code` are the categories by the codes that state has. `hash_key` hashes channels and messages;
    reporters are hashed by the stage of reports. `publishers` are those who are told of refusals, by topic.
    """

    trust: ReporterRules
    categories: Mapping[Category, CategoryRules]
    by_code: Mapping[int, CategoryRules]
    hash_key: HashKey
    settings: PartitionSettings
    publishers: Mapping[str, frozenset[str]]


def compile_reporter_rules(
    rules: Rules,
    *,
    settings: PartitionSettings = DEFAULTS,
    hash_key: HashKey = DEMONSTRATION.current,
) -> ReporterStageRules:
    """Prepare rules for the stage of reporters; the arguments are as in compile_report_rules."""
    return ReporterStageRules(
        trust=rules.reporters,
        categories=rules.categories,
        by_code={row.code: row for row in rules.categories.values()},
        hash_key=hash_key,
        settings=settings,
        publishers=rules.publishers,
    )
