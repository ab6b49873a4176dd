"""The log of rule changes as text."""

from streams.contract.events.rules.rule_change import RuleChange
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import epoch_ms
from streams.desk.text.back_test_text import back_test_text
from streams.desk.text.rule_trial_text import trial_text
from streams.desk.text.text_table import text_table
from streams.registry.changes.history import RuleHistory, Told, short
from streams.registry.changes.trial_totals import TrialTotals

_DONE = {
    "proposed": "proposed",
    "checked": "checked",
    "shadowed": "in shadow from now on",
    "approved": "in force from now on",
    "scheduled": "in force",
    "rejected": "rejected",
    "ended": "no longer on trial",
    "halted": "halted",
    "rolled_back": "in force again",
}


def act_text(act: RuleChange) -> str:
    """Say what an act that counts has led to."""
    done = _DONE[act.kind]
    if act.share is not None:
        done += f" for {act.share} % of channels"
    if act.since is not None:
        done += f" from {rfc3339(epoch_ms(act.since))} on"
    return f"{short(act.rule_set)}: {done}, version {act.expected_version + 1}"


def listed(history: RuleHistory, totals: TrialTotals, *, everything: bool) -> str:
    """Return the acts as a table, what is in force, and what was counted of a candidate on trial."""
    header = ("at", "act", "set", "by", "reason")
    rows = [
        (
            rfc3339(each.appended_ms),
            _act_name(each.act) if each.problem is None else f"({each.act.kind})",
            short(each.act.rule_set),
            f"{each.act.actor.ref} ({each.act.actor.role})",
            _why(each),
        )
        for each in history.acts
        if everything or each.problem is None
    ]
    now, trial, halted = history.in_force, history.trial, history.halted
    if (unknown := history.why_unknown()) is not None:
        lines = [f"in force: unknown: {unknown}"]
    elif now is None:
        lines = ["in force: the files of each installation"]
    else:
        lines = [f"in force: {now.rule_set}", f"since {rfc3339(now.since_ms)}, version {now.version}"]
        if now.from_ms is not None:
            lines.append(f"from event time {rfc3339(now.from_ms)} on; {short(history.before)} before")
    lines.append(f"proposed: {', '.join(short(each) for each in history.proposals) or 'none'}")
    if halted is not None:
        lines.append(f"halted: {short(halted.rule_set)}, at {rfc3339(halted.since_ms)}: {halted.reason}")
    if trial is not None:
        lines += ["", trial_text(trial, totals.of(trial))]
    return "\n".join([text_table(header, rows), "", *lines])


def _act_name(act: RuleChange) -> str:
    return act.kind if act.share is None else f"{act.kind} {act.share} %"


def _why(told: Told) -> str:
    if told.problem is not None:
        return f"does not count: {told.problem}"
    found = told.act.back_test
    return told.act.reason if found is None else f"{told.act.reason}; {back_test_text(found)}"
