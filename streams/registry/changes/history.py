"""Which set of rules is in force: a function of the log of rule changes and of the keys that are listed.

Workers, commands and the console read the log with this module, so none of them can think otherwise.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from streams.contract.events.rules.back_test import BackTest
from streams.contract.events.rules.rule_change import RuleActor, RuleChange, RuleChangeKind
from streams.contract.wire.times import epoch_ms

# A change a day for ten years.
_MOST_ACTS = 10_000

# More acts than people ever sign. Of two histories of one log, whose beginnings were deleted, the one that
# begins later then has the greater versions throughout.
_MORE_THAN_ACTS: Final = 1_000_000

# Unless the list of keys says otherwise: what judges live cases, also a share. Nothing of a set in shadow
# decides, so whoever may propose may watch it; what ends a trial only restores what two people have approved.
JUDGES_CASES: Final[frozenset[Literal["approved", "scheduled"]]] = frozenset({"approved", "scheduled"})

Verify = Callable[[RuleChange, int], str | None]
"""Says why the signature of an act, appended at a time (ms), does not hold; None if it does."""


@dataclass(frozen=True, slots=True)
class WhoMayAct:
    """Whose acts count, and which acts (`two_people`) another person must do than who proposed the set."""

    verify: Verify
    two_people: frozenset[RuleChangeKind] = JUDGES_CASES


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
    """The set in force, `version` of the log that put it there, who did, why, and since when (ms).

    `from_ms`: partitions are judged by it from that event time on, and by the one before until then.
    """

    rule_set: str
    version: int
    by: RuleActor
    reason: str
    since_ms: int
    from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OnTrial:
    """The candidate beside the set in force: in shadow (0), or for a share of channels in percent.

    `after` is the version since which partitions were judged as they were before.
    """

    rule_set: str
    share: int
    after: int
    version: int
    by: RuleActor
    reason: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Halted:
    """A trial that a worker has halted, why, and since when (ms)."""

    rule_set: str
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

    `version` is the number of acts that counted, and `judged_since` the last of them that changed how
    partitions are judged. `proposals` are open; one of them may be on `trial`, and `halted` is one that was,
    until somebody rejects it, or puts a set into force or on trial. `past` are all sets that have ever been
    in force, in the order in which they first were, and `before` is the one that was in force last before the
    one that is. `acts` are the last ones, those that do not count too: whoever may write to the
    log could fill the memory of every reader with these. Acts below the offset `lost_below` are gone; 0 if
    none is.
    """

    may_act: WhoMayAct
    version: int = 0
    judged_since: int = 0
    in_force: InForce | None = None
    trial: OnTrial | None = None
    halted: Halted | None = None
    proposals: dict[str, Proposal] = field(default_factory=dict)
    past: list[str] = field(default_factory=list)
    before: str | None = None
    acts: deque[Told] = field(default_factory=lambda: deque(maxlen=_MOST_ACTS))
    lost_below: int = 0

    def copy(self) -> "RuleHistory":
        """Return a history that says the same, to look ahead: what it reads, this one does not know."""
        return replace(self, proposals=dict(self.proposals), past=list(self.past), acts=self.acts.copy())

    def begin_at(self, offset: int) -> None:
        """Forget everything: what was below an offset of the log was deleted, and nobody can read it again.

        Versions go on above all that there were, whatever was deleted when: so no act from before counts, and
        partitions take what is approved from here on for later than what they know.
        """
        self.version = self.judged_since = offset * _MORE_THAN_ACTS
        self.in_force = self.trial = self.halted = self.before = None
        self.proposals, self.past = {}, []
        self.acts.clear()
        self.lost_below = offset

    def why_unknown(self) -> str | None:
        """Return why nobody can say which set is in force; None if the log says it."""
        if not self.lost_below or self.in_force is not None:
            return None
        return (
            f"acts below offset {self.lost_below} were deleted, so nobody can say which rules are in force. "
            "Partitions go on by those that they have; propose the rules that you want, and let them be "
            "approved"
        )

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
        return self._against(act, appended_ms) or self.may_act.verify(act, appended_ms)

    def _against(self, act: RuleChange, appended_ms: int) -> str | None:
        if act.kind == "rolled_back":
            return self._against_rollback(act)
        if act.kind in ("ended", "halted"):
            return None if self._is_on_trial(act.rule_set) else "the set is not on trial"
        return self._against_step(act, appended_ms)

    def _is_on_trial(self, rule_set: str) -> bool:
        return self.trial is not None and self.trial.rule_set == rule_set

    def _against_step(self, act: RuleChange, appended_ms: int) -> str | None:
        """Return what speaks against proposing a set, or against a step of one that is proposed."""
        proposal = self.proposals.get(act.rule_set)
        if act.kind == "proposed":
            if proposal is not None:
                return "the set is proposed already"
            return self._against_parent(act.parent)
        if proposal is None:
            return "the set is not proposed"
        if act.kind in ("checked", "rejected"):
            return None
        problem = self._against_approval(act, proposal)
        if problem is None and (act.kind == "shadowed" or act.share is not None):
            problem = self._against_trial(act, appended_ms)
        return problem

    def _against_rollback(self, act: RuleChange) -> str | None:
        if self.in_force is not None and act.rule_set == self.in_force.rule_set:
            return "the set is in force"
        return None if act.rule_set in self.past else "the set was never in force"

    def _against_approval(self, act: RuleChange, proposal: Proposal) -> str | None:
        if act.kind in self.may_act.two_people and act.actor.ref == proposal.by.ref:
            what = "put it on trial" if act.kind == "shadowed" else "approve it"
            return f"who proposed a set cannot {what}"
        if not proposal.checked:
            return "the set is not checked" if proposal.checked is None else "the check of the set failed"
        return self._against_parent(proposal.parent)

    def _against_trial(self, act: RuleChange, appended_ms: int) -> str | None:
        now, trial = self.in_force, self.trial
        if now is None:
            return "the files of installations are in force: a trial needs a set beside which it runs"
        if now.from_ms is not None and appended_ms < now.from_ms:
            return f"the set {short(now.rule_set)} is not yet in force"
        if trial is None:
            return None
        if trial.rule_set != act.rule_set:
            return f"the set {short(trial.rule_set)} is on trial: end that first"
        if (act.share or 0) == trial.share or act.share is None:
            return "the set is on trial already"
        return None

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
            if self._is_on_trial(act.rule_set):
                self._try(None)
            if self.halted is not None and self.halted.rule_set == act.rule_set:
                self.halted = None
        elif act.kind in ("ended", "halted"):
            self._try(None)
            if act.kind == "halted":
                self.halted = Halted(act.rule_set, act.reason, appended_ms)
        elif act.kind == "shadowed" or act.share is not None:
            share = act.share or 0
            self._try(
                OnTrial(
                    act.rule_set, share, self.judged_since, self.version, act.actor, act.reason, appended_ms
                )
            )
        else:
            self.proposals.pop(act.rule_set, None)
            self._try(None)
            self.before = None if self.in_force is None else self.in_force.rule_set
            start = None if act.since is None else epoch_ms(act.since)
            self.in_force = InForce(act.rule_set, self.version, act.actor, act.reason, appended_ms, start)
            if act.rule_set not in self.past:
                self.past.append(act.rule_set)

    def _try(self, trial: OnTrial | None) -> None:
        self.trial, self.halted = trial, None
        self.judged_since = self.version


def short(rule_set: str | None) -> str:
    """Return how people call a set: the first 16 digits of its id, or `files` for those of installations."""
    return "files" if rule_set is None else rule_set[:16]
