"""The topics of rules on brokers in memory, and people who write to them."""

from datetime import UTC, datetime

from aiokafka import TopicPartition

from streams.contract.events.rules.rule_change import RuleActor, RuleChange
from streams.contract.events.rules.rule_set import FORMAT, RuleFile, RuleSet
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.rules.rule_set import encode_rule_set, rule_set_id, rule_set_record
from streams.registry.changes.bundle import rule_files
from tests.model.memory_log import Brokers

SETS, CHANGES = TopicPartition("rule-sets", 0), TopicPartition("rule-changes", 0)
FILES = rule_files()


def rule_set(reason, parent=None, **texts):
    known = {file.name: file.text for file in FILES} | texts
    files = tuple(RuleFile(name, known[name]) for name in sorted(known))
    return encode_rule_set(RuleSet(FORMAT, parent, "policy-7f3a", reason, files))


SAME = rule_set("the files until now")
policies = next(file.text for file in FILES if file.name == "policies.yaml")
OTHER = rule_set("shorter", rule_set_id(SAME), **{"policies.yaml": policies.replace("PT6H", "PT5H")})


class RuleLog:
    """Brokers with the two logs. Each act is on top of what was written before."""

    def __init__(self):
        self.brokers = Brokers({"rule-sets": 1, "rule-changes": 1, "rule-trials": 1})
        self.version = 0

    def append(self, place, key, value, headers):
        """Write a record."""
        self.brokers.append(place, [(key, value, list(headers))])

    def put(self, value, key=None):
        row = rule_set_record(value, 0)
        self.append(SETS, row.key if key is None else key, value, row.headers)
        return rule_set_id(value)

    def act(self, kind, name, who="alice", **fields):
        now = datetime.now(UTC)
        actor = RuleActor(who, "lead")
        fields = {"reason": "why", **fields}
        change = RuleChange(f"id-{self.version}", kind, name, actor, now, self.version, **fields)
        row = rule_change_record(change)
        self.append(CHANGES, row.key, row.value, row.headers)
        self.version += 1

    def propose(self, value, parent=None):
        name = self.put(value)
        self.act("proposed", name, parent=parent)
        self.act("checked", name, passed=True)
        return name

    def in_force(self, value, parent=None):
        name = self.propose(value, parent)
        self.act("approved", name, "bob")
        return name
