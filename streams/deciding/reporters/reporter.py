"""One reporter: what the stage remembers, what it says about a report, and how an outcome changes it."""

from typing import Final, NamedTuple

import msgspec

from streams.contract.events.internal.reporter_history import ReporterHistory
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import ReporterKind
from streams.contract.wire.times import DAY
from streams.counting.coordination.signature import evidence_needed
from streams.deciding.reporters.activity import DAYS_PER_WEEK, Activity, channels_of
from streams.deciding.reporters.misuse import Misuse, Numbers, find_misuse, keep_recent, note
from streams.deciding.reporters.proof import (
    BEFORE,
    ChannelProof,
    Proofs,
    is_earned,
    lapsed,
    right_in,
    together,
    trusted_before,
    until,
    with_outcome,
)
from streams.deciding.reporters.reviewers import note_reviewer
from streams.deciding.reporters.standing import DecidedStanding
from streams.deciding.reporters.tally import PERIOD_DAYS, Sums, change, code_of, include, move_back, move_on
from streams.deciding.reporters.targets import WEEK_S, Targets
from streams.deciding.reporters.trust import KnownOutcomes, Trust, trust_of
from streams.registry.reporter_rules import ReporterRules

REPORTER: Final = b"W"
"""State key type of a reporter.

The key is: type, hash (8 bytes, big-endian, as in the keys of their records).
"""

# What detectors and flaggers report together says nothing: several look at the same messages because that is
# their task.
WITHOUT_SIGNATURE: Final = frozenset({"automated", "trusted_flagger"})
"""Kinds of reporters who are linked to nobody."""


class ReportFacts(msgspec.Struct, frozen=True, gc=False):
    """What the stage needs to know of a report.

    `time_ms` is the partition's time, `received_s` the platform's. `target` and `channel` are keyed hashes of
    (channel, message) and of the channel; without a message see counting/coordination/channel_itself.py.
    `category` is its code. `member`: a member of the channel, or the publisher does not say. `floor`: the
    category is one whose weight no limit cuts.
    """

    kind: ReporterKind
    time_ms: int
    received_s: int
    category: int
    target: int
    channel: int
    member: bool
    floor: bool


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What the report carries to its channel. `factor` multiplies its weight; 0 beyond the limit of the day.

    `first_time`: no outcome is known yet. `many_channels`: a person should look at this reporter, said once a
    week, with the number of channels; None otherwise. `misuse`: figures for a person, if reports look misused
    (misuse.py); None otherwise. `needed` is the evidence that links this reporter to another one
    (counting/coordination/signature.py). `channels`: about how many the reporter has reported this week.
    `proof`: tags of channels in which the reporter was right (proof.py).
    """

    trust: Trust
    factor: float
    first_time: bool
    over_limit: bool
    signature: int
    needed: int
    many_channels: int | None
    misuse: Misuse | None
    channels: int
    proof: tuple[int, ...]


class Known(NamedTuple):
    """What outcomes say of a reporter: the fields of Standing with these names."""

    trust: Trust
    first_time: bool
    proof: tuple[int, ...]


class OutcomeFacts(NamedTuple):
    """An outcome, as it counts for a reporter.

    `day` is that of the decision, in days since the epoch; `category` is a code, the weight in per cent.
    `reviewer` is the tag of the person who alone decided so, 0 if two agree or nobody is known. `confirmed`
    and `first` say what supports it (counting/confirmation.py).
    """

    day: int
    verdict: OutcomeDecision
    category: int
    percent: int
    reviewer: int = 0
    confirmed: bool = False
    first: bool = False


class CreditFacts(NamedTuple):
    """A change of one report's outcome: `removed` no longer counts, `added` does (counting/attribution.py).

    `verdict` is the one that stands, also for who reported too late to be credited. `sure`: more than one
    person says so. `channel` is the keyed tag of the message's channel, and `earlier_channel` that under the
    previous key; 0 if not known.
    """

    time_ms: int
    received_s: int
    target: int
    verdict: OutcomeDecision
    removed: OutcomeFacts | None
    added: OutcomeFacts | None
    sure: bool = True
    channel: int = 0
    earlier_channel: int = 0


class Reporter(msgspec.Struct, array_like=True, gc=False):
    """The state of one reporter.

    `sums` are the outcomes as of `period` (tally.py), `numbers` those of late (misuse.py). `misuse_week`: the
    week in which a person was last asked whether reports are misused. After a change of the key
    (rehashing.py) `asked` is the earlier hash whose home was asked for what it knows, and `moved_to` the hash
    under which the reporter is known now; 0 otherwise. `by_reviewer` are the outcomes that one person alone
    decided (reviewers.py). `standing` is what people decided about the reporter, None if nothing is in force
    or watched. `unsupported` are those of the sums that were upheld and that nothing supports, and `proofs`
    the channels of the others (proof.py).
    """

    period: int = 0
    sums: Sums = msgspec.field(default_factory=dict)
    targets: Targets = msgspec.field(default_factory=Targets)
    activity: Activity = msgspec.field(default_factory=Activity)
    numbers: Numbers = msgspec.field(default_factory=dict)
    misuse_week: int = 0
    asked: int = 0
    moved_to: int = 0
    by_reviewer: Sums = msgspec.field(default_factory=dict)
    standing: DecidedStanding | None = None
    unsupported: Sums = msgspec.field(default_factory=dict)
    proofs: Proofs = ()

    def note_report(self, rules: ReporterRules, facts: ReportFacts) -> Standing:
        """Note a report, and return where its reporter stands.

        The signature is that of earlier reports, without this one.
        """
        now_s = facts.time_ms // 1000
        day = facts.time_ms // DAY
        self._move_on(day)
        trust, first_time, proof = self.known(rules, facts.kind, facts.category, day)
        bits = self.activity.note(facts.time_ms, facts.channel)
        over = self.activity.over_limit(rules.reports_per_day[facts.kind])
        signature = 0
        if facts.kind not in WITHOUT_SIGNATURE:
            self.targets.report(now_s, facts.received_s, facts.target, member=facts.member)
            signature = self.targets.signature(now_s)
        channels = channels_of(bits)
        show = self.activity.show_once(rules.channels_per_week[facts.kind], bits)
        return Standing(
            trust,
            0.0 if over and not facts.floor else trust.factor,
            first_time,
            over,
            signature,
            evidence_needed(member=facts.member, vouched=trust.vouched),
            channels if show else None,
            self._misuse(rules, day),
            channels,
            proof,
        )

    def known(self, rules: ReporterRules, kind: ReporterKind, category: int, day: int) -> Known:
        """Return what is known on `day`, of the period to which the reporter has moved on."""
        return Known(
            trust_of(rules, kind, self.outcomes(rules, day), day, category),
            not self.sums,
            right_in(lapsed(self.proofs, day), rules.proof) if self.proofs else (),
        )

    def find_misuse(self, rules: ReporterRules, day: int) -> Misuse | None:
        """Return figures that a person should weigh on `day`, unless one was asked this week."""
        if not self.numbers or day // DAYS_PER_WEEK <= self.misuse_week:
            return None
        return find_misuse(rules.misuse, self.numbers, self.period)

    def credit(self, facts: CreditFacts) -> bool:
        """Apply a change of an outcome. Returns False if it is too old to change trust any more.

        Taking back what an earlier credit added leaves the sums as if it had never been added.
        """
        changes = [
            (outcome, sign)
            for outcome, sign in ((facts.removed, -1), (facts.added, 1))
            if outcome is not None
        ]
        # A decision may be a little ahead of this partition's time: it was made elsewhere.
        self._move_on(max(facts.time_ms // DAY, *(outcome.day for outcome, _ in changes), 0))
        changed = True
        for outcome, sign in changes:
            code = code_of(outcome.category, outcome.verdict)
            changed &= change(self.sums, self.period, code, outcome.day, sign * outcome.percent)
            note(self.numbers, self.period, code, outcome.day, sign)
            if outcome.reviewer:
                percent = sign * outcome.percent
                note_reviewer(
                    self.by_reviewer, self.period, outcome.reviewer, outcome.verdict, outcome.day, percent
                )
            if outcome.verdict == "upheld":
                self._support(facts, outcome, code, sign)
        if self.proofs:
            self.proofs = lapsed(self.proofs, facts.time_ms // DAY)
        self.targets.decide(
            facts.time_ms // 1000,
            facts.received_s,
            facts.target,
            dismissed=facts.verdict != "upheld",
            sure=facts.sure,
        )
        return changed

    def outcomes(self, rules: ReporterRules, day: int) -> KnownOutcomes:
        """Return what trust is read from on `day` (since the epoch)."""
        earned = bool(self.proofs) and is_earned(lapsed(self.proofs, day), rules.proof)
        return KnownOutcomes(self.sums, self.by_reviewer, self.period, self.unsupported, earned)

    def take_history(self, history: ReporterHistory) -> None:
        """Add the outcomes that were known under an earlier hash."""
        period = max(self.period, history.period)
        self._move_on(period * PERIOD_DAYS)
        for own, others in (
            (self.sums, move_on(history.sums, history.period, period)),
            (self.numbers, keep_recent(history.numbers, history.period, period)),
            (self.by_reviewer, move_on(history.by_reviewer, history.period, period)),
            (self.unsupported, move_on(history.unsupported, history.period, period)),
        ):
            include(own, others)
        self.proofs = together(self.proofs, (ChannelProof(*each) for each in history.proofs))
        self.misuse_week = max(self.misuse_week, history.misuse_week)
        if history.standing is not None:
            before = DecidedStanding(*history.standing)
            self.standing = before if self.standing is None else self.standing.with_earlier(before)

    def turn_back(self, time_ms: int) -> bool:
        """Bring what was noted at later times back to `time_ms`, to which time was set back.

        Returns whether there was any.
        Activity and targets of later times are forgotten; outcomes stay.
        """
        day = time_ms // DAY
        period = day // PERIOD_DAYS
        changed = False
        if self.activity.day > day:
            self.activity = Activity()
            changed = True
        if self.targets.week > time_ms // 1000 // WEEK_S:
            self.targets = Targets()
            changed = True
        if self.period > period:
            self.sums = move_back(self.sums, self.period, period)
            self.numbers = keep_recent(self.numbers, self.period, period)
            self.by_reviewer = move_back(self.by_reviewer, self.period, period)
            self.unsupported = move_back(self.unsupported, self.period, period)
            self.period = period
            changed = True
        if self.misuse_week > day // DAYS_PER_WEEK:
            self.misuse_week = 0
            changed = True
        proofs = until(self.proofs, day)
        if proofs is not self.proofs:
            self.proofs = proofs
            changed = True
        return changed

    def _support(self, facts: CreditFacts, outcome: OutcomeFacts, code: int, sign: int) -> None:
        """Keep what supports an upheld outcome, its channel, or that nothing does; or take it back."""
        if not facts.channel:
            self.proofs = with_outcome(self.proofs, BEFORE, outcome.day, sign, confirmed=True)
        elif not outcome.confirmed and not outcome.first:
            change(self.unsupported, self.period, code, outcome.day, sign * outcome.percent)
        else:
            self.proofs = with_outcome(
                self.proofs,
                facts.channel,
                outcome.day,
                sign,
                confirmed=outcome.confirmed,
                earlier_tag=facts.earlier_channel,
            )

    def _move_on(self, day: int) -> None:
        period = day // PERIOD_DAYS
        if period > self.period:
            self.sums = move_on(self.sums, self.period, period)
            self.numbers = keep_recent(self.numbers, self.period, period)
            self.by_reviewer = move_on(self.by_reviewer, self.period, period)
            self.unsupported = move_on(self.unsupported, self.period, period)
            self.period = period

    def _misuse(self, rules: ReporterRules, day: int) -> Misuse | None:
        """Return the factors if a person should weigh them now: once a week at most."""
        found = self.find_misuse(rules, day)
        if found is not None:
            self.misuse_week = day // DAYS_PER_WEEK
        return found


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Reporter).decode
# The first byte of a record with proofs: an array of so many elements.
_WITH_PROOFS: Final = 0x9C


def encode_reporter(reporter: Reporter) -> bytes:
    """Return the state as bytes. Equal states give equal bytes."""
    sums, numbers = reporter.sums, reporter.numbers
    if len(sums) > 1 or len(numbers) > 1:
        sums, numbers = dict(sorted(sums.items())), dict(sorted(numbers.items()))
    stored = (reporter.period, sums, reporter.targets, reporter.activity, numbers, reporter.misuse_week)
    by_reviewer = dict(sorted(reporter.by_reviewer.items()))
    # What most reporters do not have takes no byte.
    if sums or reporter.proofs:
        unsupported = dict(sorted(reporter.unsupported.items()))
        later = (by_reviewer, reporter.standing, unsupported, reporter.proofs)
        return _encode((*stored, reporter.asked, reporter.moved_to, *later))
    if reporter.standing is not None:
        return _encode((*stored, reporter.asked, reporter.moved_to, by_reviewer, reporter.standing))
    if by_reviewer:
        return _encode((*stored, reporter.asked, reporter.moved_to, by_reviewer))
    if reporter.asked or reporter.moved_to:
        return _encode((*stored, reporter.asked, reporter.moved_to))
    return _encode(stored)


def decode_reporter(data: bytes | memoryview) -> Reporter:
    """Decode the bytes of `encode_reporter`. Raises msgspec.DecodeError for damaged bytes."""
    reporter = _decode(data)
    if reporter.sums and data[0] < _WITH_PROOFS:
        # Of a version that kept none.
        reporter.proofs = trusted_before(reporter.sums, reporter.numbers, reporter.period)
    return reporter
