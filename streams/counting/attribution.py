"""Who reported a message, so that a decision about it can be credited to each of them.

A record per message: keyed hashes of reporters, the time at which the platform received their first report,
and which report it was. It turns each outcome into one credit per reporter. What it gives in the end does not
depend on the order in which reports and outcomes arrive, as long as it does not sample: the first decision
sets who is eligible, the latest one what was decided. A decision about a single report concerns its reporter
alone.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from streams.contract.events.internal.findings import Finding
from streams.contract.events.report import Category
from streams.contract.events.transparency import NoticeSource
from streams.contract.wire.records import new_tuple
from streams.contract.wire.times import DAY
from streams.counting.confirmation import (
    MOST_PROOFS,
    SUPPORTED_BEFORE,
    UNSUPPORTED,
    Proof,
    Support,
    Witnesses,
)
from streams.counting.credit import Credit, too_late
from streams.counting.known_outcome import Counted, KnownOutcome, with_decision
from streams.counting.message_facts import FirstReport, MessageFacts
from streams.counting.notices import ReportRole

# The reporters kept per message. Trust needs no more: each of the others is as likely to be credited for the
# next message. 256 are 3 KB and the ids of their reports, and all but a few messages have fewer reporters.
KEPT: Final = 256

_NEW_ITEM: Final[tuple[NoticeSource, ...]] = ("any_notice",)

# As long as an outcome may be superseded: complaints are possible for at least six months (DSA art. 20(1)).
DECIDED_DAYS: Final = 180
# A message that nobody decided on for so long will not be decided.
UNDECIDED_DAYS: Final = 90


class ReportIdentity(NamedTuple):
    """Which report it was, as it was published."""

    ce_source: str
    report_id: str


class _Given(NamedTuple):
    """What counts for a reporter, None if the report came too late, and what supports it."""

    counted: Counted | None
    support: Support = UNSUPPORTED


_NOTHING: Final = _Given(None)


class _Known(NamedTuple):
    """The decisions that concern a reporter: when the first was made (s), and which one holds."""

    first_s: int
    standing: KnownOutcome

    def credited(self, received: int | None) -> Counted | None:
        """Return what counts for a report `received` then: nothing if it was after the first decision."""
        return self.standing.counted if received is not None and received < self.first_s else None


class MessageReporters(msgspec.Struct, array_like=True):
    """The reporters of one message, by hash, with the second at which the first report of each was received.

    `identities` has the report itself, and `found` what a detector's one names as its source. `reports`
    counts all first reports, also those that are not kept. `sampled`: not all reporters are kept, but those
    with the smallest hashes, which nobody can choose. `first_s`: when the message was first decided on. `own`
    are decisions about single reports, by reporter, as (first, the one that holds).

    What is counted for transparency reports is in `facts`. As long as that is a first notice and nothing
    else, as for most messages, it is `notice` alone: two objects less to fetch from memory for every further
    report.

    `expires` is the day (since the epoch) on which the record is dropped, None before it is stored. `proofs`
    are those of its reporters who were right elsewhere, None while there are none. `credited_before`: it was
    decided on before proofs were kept, and its outcomes count as they did then.
    """

    reporters: dict[int, int] = msgspec.field(default_factory=dict)
    reports: int = 0
    sampled: bool = False
    first_s: int | None = None
    standing: KnownOutcome | None = None
    identities: dict[int, ReportIdentity] = msgspec.field(default_factory=dict)
    own: dict[int, tuple[int, KnownOutcome]] = msgspec.field(default_factory=dict)
    notice: FirstReport | None = None
    facts: MessageFacts | None = None
    expires: int | None = None
    found: dict[int, Finding] = msgspec.field(default_factory=dict)
    # None while empty: an empty dict for each message would add up.
    proofs: dict[int, Proof] | None = None
    credited_before: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether there is a decision about the message, or about one of its reports."""
        return self.first_s is not None or bool(self.own)

    @property
    def is_reported(self) -> bool:
        """Whether there is a report of the message; otherwise there are only decisions about it."""
        facts = self.facts
        return (
            self.reports > 0
            or self.notice is not None
            or (facts is not None and (facts.notice or facts.detection) is not None)
        )

    def facts_to_change(self) -> MessageFacts:
        """Return the facts, in which from now on the first notice is as well."""
        if self.facts is None:
            self.facts = MessageFacts()
            if self.notice is not None:
                self.facts.add_report("notice", self.notice)
                self.notice = None
        return self.facts

    @property
    def has_decisions_counted(self) -> bool:
        """Whether there are decisions among the facts, of which what is counted may change."""
        return self.facts is not None and bool(self.facts.decisions)

    def add_to_facts(
        self, role: ReportRole, received_s: int, country: str, category: Category
    ) -> tuple[NoticeSource, ...] | None:
        """Note how the message was reported, with the most certain country.

        Returns in which counts of items the message is new with it; None if it changes nothing.
        """
        facts, notice = self.facts, self.notice
        if facts is not None:
            if facts.is_known(role, received_s, category):
                return None
        elif role == "notice":
            if notice is None:
                self.notice = new_tuple(FirstReport, (received_s, country, category))
                return _NEW_ITEM
            if category == notice.category and received_s > notice.received_s:
                return None
        return self.facts_to_change().add_report(role, FirstReport(received_s, country, category))

    @property
    def reported_as(self) -> tuple[Category, ...]:
        """The categories in which notices name the message, none if that is not known."""
        if self.notice is not None:
            return (self.notice.category,)
        return () if self.facts is None else self.facts.items

    def report_of(self, reporter: int) -> tuple[int, tuple[str, str]] | None:
        """Return when (s) the first report of somebody who is no detector was received, and its identity.

        None if there is none, or if it is not known which one it was.
        """
        received, identity = self.reporters.get(reporter), self.identities.get(reporter)
        if received is None or identity is None or reporter in self.found:
            return None
        return received, identity

    def has_found(self, root: int) -> bool:
        """Return whether a source or one of its parts has reported the message."""
        return root in self.reporters or any(kept.root == root for kept in self.found.values())

    def add_report(
        self,
        reporter: int,
        received_ms: int,
        identity: ReportIdentity | None = None,
        finding: Finding | None = None,
    ) -> list[Credit]:
        """Note a report, of a detector with its `finding`.

        Returns what changes if there is a decision already, first the reporter's own credit: it adds the
        decision if the report was received before the first one, and only arrived later. It may change what
        supports the outcomes of others then.
        """
        received = received_ms // 1000
        earlier = self.reporters.get(reporter)
        if earlier is not None and received >= earlier:
            return []
        known = self._known(reporter)
        # Of nearly all reports nothing is decided yet. One received after the decision changes nothing for
        # others: it is nobody's forerunner and confirms nobody. Hundreds of them may follow.
        is_late = earlier is None and not self.own and self.first_s is not None and received >= self.first_s
        given = self._given() if self.is_decided and not is_late else None
        if earlier is None:
            self.reports += 1
            if len(self.reporters) == KEPT:
                self.sampled = True
                # After a decision nobody is dropped: a credit was given, and must be reversible.
                if known is not None:
                    return [too_late(reporter, received, known.standing)]
                largest = max(self.reporters)
                if self.own or reporter > largest:
                    return []
                self._drop(largest)
        self.reporters[reporter] = received
        if identity is not None:
            self.identities[reporter] = identity
        if finding is not None:
            self.found[reporter] = finding
        if is_late and known is not None:
            return [too_late(reporter, received, known.standing)]
        return [] if given is None else self._changes_by_report(reporter, earlier, known, given)

    def _changes_by_report(
        self, reporter: int, earlier: int | None, known: _Known | None, given: Mapping[int, _Given]
    ) -> list[Credit]:
        changes = self._changes(given)
        own = [change._replace(anew=False, told=True) for change in changes if change.reporter == reporter]
        if known is not None and not own and known.credited(earlier) is None:
            own = [too_late(reporter, self.reporters[reporter], known.standing)]
        return own + [change for change in changes if change.reporter != reporter]

    def add_proof(self, reporter: int, proof: Proof) -> list[Credit]:
        """Note where a reporter of the message was right elsewhere, at their first report of it.

        Returns what it changes if there is a decision already: the report came late, and confirms others.
        """
        proofs = self.proofs
        if reporter not in self.reporters or (proofs is not None and len(proofs) >= MOST_PROOFS):
            return []
        given = self._given()
        if proofs is None:
            self.proofs = proofs = {}
        proofs.setdefault(reporter, proof)
        return self._changes(given)

    def _drop(self, reporter: int) -> None:
        del self.reporters[reporter]
        self.identities.pop(reporter, None)
        self.found.pop(reporter, None)
        if self.proofs is not None:
            self.proofs.pop(reporter, None)

    def rename(self, before: int, after: int) -> None:
        """Give a reporter the hash under another key. Nothing changes if none has the hash `before`."""
        received = self.reporters.pop(before, None)
        if received is None:
            return
        # With workers that use different keys, both hashes may be here for some minutes.
        self.reporters[after] = min(received, self.reporters.get(after, received))
        if (identity := self.identities.pop(before, None)) is not None:
            self.identities[after] = identity
        if (finding := self.found.pop(before, None)) is not None:
            self.found[after] = finding
        if (own := self.own.pop(before, None)) is not None:
            self.own[after] = own
        if self.proofs is not None and (proof := self.proofs.pop(before, None)) is not None:
            self.proofs[after] = proof

    def reporter_of(self, identity: ReportIdentity) -> int | None:
        """Return whose first report it is; None if it is not kept here."""
        return next((reporter for reporter, kept in self.identities.items() if kept == identity), None)

    def decided(self, identity: ReportIdentity) -> KnownOutcome | None:
        """Return the decision that holds for a report, or about its message if it is not kept here."""
        reporter = self.reporter_of(identity)
        if reporter is None:
            return self.standing
        known = self._known(reporter)
        return None if known is None else known.standing

    def add_outcome(self, decision: KnownOutcome, reporter: int | None = None) -> list[Credit]:
        """Note an outcome; return what changes for whom, in the order of hashes.

        The same one again changes nothing. With `reporter`, who must be among those kept, it is about the
        report of this one alone. The latest decision holds: an appeal is decided later than what it
        supersedes.
        """
        concerned, given = self._concerned(reporter), self._given()
        if reporter is None:
            self.first_s, self.standing = _with(decision, self.first_s, self.standing)
        else:
            self.own[reporter] = _with(decision, *self.own.get(reporter, (None, None)))
        after = self._given()
        changes = []
        for each, was in concerned:
            now = self._known(each)
            assert now is not None
            removed, added = given.get(each, _NOTHING), after.get(each, _NOTHING)
            if removed != added or was is None or was.standing != now.standing:
                told = was is None or _told(was.standing) != _told(now.standing)
                changes.append(self._credit(each, now, removed, added, anew=was is not None, told=told))
        return changes

    def second_opinion(
        self, decision: KnownOutcome, reporter: int | None = None
    ) -> Literal["agreed", "disputed"] | None:
        """Return what an outcome that was just noted says to an earlier one of another person."""
        standing = self.standing if reporter is None else self.own.get(reporter, (0, None))[1]
        if standing is None or standing.outcome_id != decision.outcome_id:
            return None
        agrees = standing.agrees()
        return None if agrees is None else "agreed" if agrees else "disputed"

    def notices_of(self, decision: KnownOutcome, reporter: int | None = None) -> list[Credit]:
        """Return whom an outcome that credits nobody concerns, in the order of hashes.

        The record stays as it is.
        With `reporter`, who must be among those kept, it is about the report of this one alone.
        """
        return [
            Credit(each, self.reporters[each], decision, None, None, anew=was is not None)
            for each, was in self._concerned(reporter)
        ]

    def needed_until(self, newest_ms: int) -> int:
        """Return when (ms) the record is no longer needed; `newest_ms` is the time of its newest report."""
        undecided = newest_ms + UNDECIDED_DAYS * DAY
        if self.first_s is not None:
            return self.first_s * 1000 + DECIDED_DAYS * DAY
        if not self.own:
            return undecided
        return max(undecided, min(first for first, _ in self.own.values()) * 1000 + DECIDED_DAYS * DAY)

    def _given(self) -> dict[int, _Given]:
        """Return what counts for each reporter, with what supports it; nothing without a decision."""
        if not self.is_decided:
            return {}
        witnesses = Witnesses(self.reporters, self.proofs or {})
        found = {}
        for reporter, received in self.reporters.items():
            known = self._known(reporter)
            counted = None if known is None else known.credited(received)
            if known is None or counted is None:
                continue
            support = UNSUPPORTED
            if counted.verdict == "upheld":
                before = self.credited_before
                support = SUPPORTED_BEFORE if before else witnesses.support(reporter, known.first_s)
            found[reporter] = _Given(counted, support)
        return found

    def _changes(self, given: Mapping[int, _Given]) -> list[Credit]:
        """Return what changes for whom since `given`, in the order of hashes; nobody need be told."""
        if not self.is_decided:
            return []
        after = self._given()
        changes = []
        for reporter in sorted(self.reporters):
            removed, added = given.get(reporter, _NOTHING), after.get(reporter, _NOTHING)
            known = self._known(reporter)
            if removed != added and known is not None:
                changes.append(self._credit(reporter, known, removed, added, anew=True, told=False))
        return changes

    def _credit(
        self, reporter: int, known: _Known, removed: _Given, added: _Given, *, anew: bool, told: bool
    ) -> Credit:
        return Credit(
            reporter,
            self.reporters[reporter],
            known.standing,
            removed.counted,
            added.counted,
            anew,
            told,
            removed.support,
            added.support,
        )

    def _concerned(self, reporter: int | None) -> list[tuple[int, _Known | None]]:
        """Return whom an outcome concerns, in the order of hashes, with the decisions so far."""
        reporters = sorted(self.reporters) if reporter is None else [reporter]
        return [(each, self._known(each)) for each in reporters]

    def _known(self, reporter: int) -> _Known | None:
        """Return the decisions about the message, and about this reporter's report, as one."""
        own = self.own.get(reporter)
        if self.first_s is None or self.standing is None:
            return None if own is None else _Known(*own)
        if own is None:
            return _Known(self.first_s, self.standing)
        return _Known(min(own[0], self.first_s), with_decision(own[1], self.standing))


def _with(
    decision: KnownOutcome, first: int | None, standing: KnownOutcome | None
) -> tuple[int, KnownOutcome]:
    first = decision.decided_s if first is None else min(first, decision.decided_s)
    return first, with_decision(standing, decision)


def _told(decision: KnownOutcome) -> tuple[object, ...]:
    """Return what a reporter is told of a decision: a correction always, and not that somebody agrees."""
    return decision.verdict, decision.ground, decision.outcome_id if decision.corrects else None
