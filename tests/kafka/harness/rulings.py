"""By which rules partitions are judged, and the rules in the log."""

from collections import Counter

import msgspec
import orjson

from streams.contract.events.rules.rule_set import RuleSet
from streams.deciding.partition.rules_in_force import RULES_IN_FORCE, Ruling, ruling_of
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.registry.changes.bundle import load_rule_set
from streams.registry.rules import Rules
from streams.running.log.position import POSITION_KEY
from tests.kafka.harness.deployment import ENRICHED, RULE_SETS, STAGES, Deployment
from tests.kafka.harness.replay import check_replay, shipped_rules


def judged_by(deployment: Deployment) -> set[str | None]:
    """The set of rules of every partition of every stage that has a state."""
    return {each.rule_set for each in rulings(deployment)}


def rulings(deployment: Deployment) -> set[Ruling]:
    """By which rules every partition of every stage is judged that has a state, with what is on trial."""
    reader = deployment.outputs()
    return {
        ruling_of(kept.get(RULES_IN_FORCE))
        for state, _, _ in STAGES
        for partition in range(deployment.partitions)
        if POSITION_KEY in (kept := reader.latest(deployment.name(state), partition))
    }


def rules_of(deployment: Deployment) -> dict[str, Rules]:
    """The rules of every set in the log, by its id."""
    return {
        row.key.decode(): load_rule_set(msgspec.json.decode(row.value, type=RuleSet))
        for row in deployment.outputs().all(deployment.name(RULE_SETS))
    }


def compiled_rules_of(deployment: Deployment) -> dict[str, ReportRules]:
    """The rules of every set in the log, by its id, for a replay."""
    return {name: compile_report_rules(rules) for name, rules in rules_of(deployment).items()}


def check_judged_once(deployment: Deployment) -> None:
    """Assert that no published report is judged by none or two, all by a set of the log or the files of before,
    and that a replay gives the same bytes.
    """
    reader, known, files = deployment.outputs(), rules_of(deployment), shipped_rules()
    enriched = [orjson.loads(row.value or b"") for row in reader.all(deployment.name(ENRICHED))]
    times = Counter(document["report"]["report_id"] for document in enriched)
    assert times == Counter(orjson.loads(record.value)["report_id"] for record in deployment.published)
    versions = {rules.policy_version for rules in known.values()} | {files.registry.policy_version}
    assert {document["policy_version"] for document in enriched} <= versions
    check_replay(deployment, reader, files, sets=compiled_rules_of(deployment))
