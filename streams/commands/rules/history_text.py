"""The log of rule changes as text."""

from streams.contract.events.rules.rule_change import RuleChange
from streams.contract.wire.envelope import rfc3339
from streams.desk.text.back_test_text import back_test_text
from streams.desk.text.text_table import text_table
from streams.registry.changes.history import RuleHistory, Told, short

_DONE = {
    "proposed": "proposed",
    "checked": "checked",
    "approved": "in force from now on",
    "rejected": "rejected",
    "rolled_back": "in force again",
}


def act_text(act: RuleChange) -> str:
    """Say what an act that counts has led to."""
    return f"{short(act.rule_set)}: {_DONE[act.kind]}, version {act.expected_version + 1}"


def listed(history: RuleHistory, *, everything: bool) -> str:
    """Return the acts as a table, and what is in force."""
    header = ("at", "act", "set", "by", "reason")
    rows = [
        (
            rfc3339(each.appended_ms),
            each.act.kind if each.problem is None else f"({each.act.kind})",
            short(each.act.rule_set),
            f"{each.act.actor.ref} ({each.act.actor.role})",
            _why(each),
        )
        for each in history.acts
        if everything or each.problem is None
    ]
    now = history.in_force
    ending = (
        "in force: the files of each installation"
        if now is None
        else f"in force: {now.rule_set}\nsince {rfc3339(now.since_ms)}, version {now.version}"
    )
    waiting = ", ".join(short(each) for each in history.proposals) or "none"
    return f"{text_table(header, rows)}\n\n{ending}\nproposed: {waiting}"


def _why(told: Told) -> str:
    if told.problem is not None:
        return f"does not count: {told.problem}"
    found = told.act.back_test
    return told.act.reason if found is None else f"{told.act.reason}; {back_test_text(found)}"
