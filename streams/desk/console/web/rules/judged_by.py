"""Finds the set of rules that events name by its versions, and who put it into force."""

from math import inf
from typing import NamedTuple

from streams.registry.changes.history import Told
from streams.running.clients.rules_in_force import RulesInForce, Versions


class JudgedBy(NamedTuple):
    """The set by which something was judged, and the act that put it into force; None for files.

    `known` is false if no set that this console knows has these versions. `proposed` is the act by which the
    set was proposed, None if it is older than what is kept of the log.
    """

    rule_set: str | None
    known: bool
    act: Told | None = None
    proposed: Told | None = None


def puts_into_force(told: Told) -> bool:
    """Whether an act counted, and put its set into force, for all channels."""
    act = told.act
    return told.problem is None and act.share is None and act.kind in ("approved", "scheduled", "rolled_back")


def judged_by(rules: RulesInForce, versions: Versions, at_ms: float = inf) -> JudgedBy:
    """Return by which set an event came about that has these versions and this time (ms).

    Of several sets that say the same, the one that had been put into force last at that time; without a time,
    the last one of all.
    """
    known, told = dict(rules.versions), tuple(rules.history.acts)
    acts = [each for each in told if puts_into_force(each) and known.get(each.act.rule_set) == versions]
    if not acts:
        return JudgedBy(None, known[None] == versions)
    before = [each for each in acts if each.appended_ms <= at_ms]
    if not before and known[None] == versions:
        return JudgedBy(None, known=True)
    # Times of events may be long before those of the log.
    act = before[-1] if before else acts[0]
    rule_set = act.act.rule_set
    proposed = [
        each
        for each in told
        if each.problem is None
        and (each.act.kind, each.act.rule_set) == ("proposed", rule_set)
        and each.appended_ms <= act.appended_ms
    ]
    return JudgedBy(rule_set, known=True, act=act, proposed=proposed[-1] if proposed else None)
