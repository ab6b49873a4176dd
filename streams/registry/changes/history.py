"""Which set of rules is in force: a function of the log of rule changes and of the keys that are listed.

Workers, commands and the console read the log with this module, so none of them can think otherwise.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from streams.contract.events.rules.back_test import BackTest
from streams.contract.events.rules.rule_change import RuleActor, RuleChange

# A change a day for ten years.
_MOST_ACTS = 10_000

Verify = Callable[[RuleChange, int], str | None]
"""Says why the signature of an act, appended at a time (ms), does not hold; None if it does."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A set that waits for its approval. `checked`: whether the last check passed, None without one.

    `back_test` is what the last back-test found, None without one.
    """

    rule_set: str
    parent: str | None
    by: RuleActor
    reason: str
    since_ms: int
    checked: bool | None = None
    back_test: BackTest | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The set in force, `version` of the log that put it there, who did, why, and since when (ms)."""

    rule_set: str
    version: int
    by: RuleActor
    reason: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """An act as it was read, and why it does not count; None if it does."""

    act: RuleChange
    appended_ms: int
    problem: str | None


@dataclass(slots=True)
class RuleHistory:
    """What the log says so far. Give it every act of the log to `read`, in order, from the beginning.

    `version` is the number of acts that counted. `proposals` are open. `past` are all sets that have ever
    been in force, in the order in which they first were, and `before` is the one that was in force last
    before the one that is. `acts` are the last ones, those that do not count too: whoever may write to the
    log could fill the memory of every reader with these.
    """

    verify: Verify
    version: int = 0
    in_force: InForce | None = None
    proposals: dict[str, Proposal] = field(default_factory=dict)
    past: list[str] = field(default_factory=list)
    before: str | None = None
    acts: deque[Told] = field(default_factory=lambda: deque(maxlen=_MOST_ACTS))

    def read(self, act: RuleChange, appended_ms: int) -> str | None:
        """Count an act that the broker appended at a time; return why it does not count, None if it does."""
        problem = self.problem(act, appended_ms)
        self.acts.append(Told(act, appended_ms, problem))
        if problem is None:
            self.version += 1
            self._count(act, appended_ms)
        return problem

    def problem(self, act: RuleChange, appended_ms: int) -> str | None:
        """Return why an act would not count if it came next; None if it would."""
        if act.expected_version != self.version:
            return (
                f"another act came first: it expects version {act.expected_version}, and the log has "
                f"{self.version}"
            )
        return self._against(act) or self.verify(act, appended_ms)

    def _against(self, act: RuleChange) -> str | None:
        if act.kind == "rolled_back":
            return self._against_rollback(act)
        proposal = self.proposals.get(act.rule_set)
        if act.kind == "proposed":
            if proposal is not None:
                return "the set is proposed already"
            return self._against_parent(act.parent)
        if proposal is None:
            return "the set is not proposed"
        return self._against_approval(act, proposal) if act.kind == "approved" else None

    def _against_rollback(self, act: RuleChange) -> str | None:
        if self.in_force is not None and act.rule_set == self.in_force.rule_set:
            return "the set is in force"
        return None if act.rule_set in self.past else "the set was never in force"

    def _against_approval(self, act: RuleChange, proposal: Proposal) -> str | None:
        if act.actor.ref == proposal.by.ref:
            return "who proposed a set cannot approve it"
        if not proposal.checked:
            return "the set is not checked" if proposal.checked is None else "the check of the set failed"
        return self._against_parent(proposal.parent)

    def _against_parent(self, parent: str | None) -> str | None:
        """Return what speaks against replacing `parent`: what was compared must be what is replaced."""
        now = None if self.in_force is None else self.in_force.rule_set
        if parent == now:
            return None
        return (
            f"the set was made to replace {short(parent)}, and {short(now)} is in force: make it anew of "
            "what is in force"
        )

    def _count(self, act: RuleChange, appended_ms: int) -> None:
        if act.kind == "proposed":
            self.proposals[act.rule_set] = Proposal(
                act.rule_set, act.parent, act.actor, act.reason, appended_ms
            )
        elif act.kind == "checked":
            known = self.proposals[act.rule_set]
            back_test = known.back_test if act.back_test is None else act.back_test
            self.proposals[act.rule_set] = replace(known, checked=act.passed, back_test=back_test)
        elif act.kind == "rejected":
            del self.proposals[act.rule_set]
        else:
            self.proposals.pop(act.rule_set, None)
            self.before = None if self.in_force is None else self.in_force.rule_set
            self.in_force = InForce(act.rule_set, self.version, act.actor, act.reason, appended_ms)
            if act.rule_set not in self.past:
                self.past.append(act.rule_set)


def short(rule_set: str | None) -> str:
    """Return how people call a set: the first 16 digits of its id, or `files` for those of installations."""
    return "files" if rule_set is None else rule_set[:16]
