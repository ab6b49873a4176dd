"""A change of rules in the middle of what is published: the native core reads by the same rules as Python."""

import random
from dataclasses import replace

from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.wire.rules.rules_switch import encode_rules_switch
from streams.deciding.partition.limits import UNLIMITED
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from tests.native.fuzz import BEGIN_MS, Publishers
from tests.native.test_gate import TOLD
from tests.switching import batches, shelved
from tests.tools import native_core
from tests.unit.traffic import INTERNAL, Record

native_core()

SHIPPED = load_rules()
A, B = "a" * 64, "b" * 64
# Without half of the categories, and with other publishers and kinds: much is refused that was read before.
LEFT = dict(list(SHIPPED.categories.items())[::2])
FEWER = replace(
    SHIPPED,
    categories=LEFT,
    policies=tuple(one for one in SHIPPED.policies if LEFT.keys() >= set(one.categories)),
    sources=SHIPPED.sources
    | {"message-reports": replace(SHIPPED.sources["message-reports"], ce_sources=frozenset({"/app"}))},
)
FEW = UNLIMITED._replace(slice_records=7, batch_bytes=20_000)


def gate(rules, core):
    return report_stage(compile_report_rules(rules), core)


def stages(core):
    return shelved(gate(TOLD, core), {A: gate(FEWER, core), B: gate(SHIPPED, core)})


def switch(rule_set, change, offset):
    value, headers = encode_rules_switch(RulesSwitch(rule_set, change))
    return Record(INTERNAL, 0, offset, BEGIN_MS, None, value, tuple(headers))


def test_both_cores_read_by_the_rules_of_the_place_in_the_log():
    publishers = Publishers(random.Random(7), 0, 2)
    published = [publishers.record() for _ in range(600)]
    records = []
    for number, record in enumerate(published):
        if number and not number % 90:
            change = number // 90
            records.append(switch((A, B)[change % 2], change, number))
        records.append(record)
    found = []
    for core in ("python", "native"):
        stage = stages(core)
        state = stage.restore(0, 2)
        made = list(batches(stage, state, records, FEW))
        found.append(
            (
                [(batch.outputs, batch.changes, replace(batch.counters, natively=0)) for batch in made],
                state.rules.switched,
            )
        )
        assert sum(batch.counters.rules_switched for batch in made) == 6
        assert (sum(batch.counters.natively for batch in made) > 50) == (core == "native")
    assert found[0] == found[1]
