"""A stage: a table of handlers by topic, its state, and the loop that applies records."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Generic

from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.failing import Place, place_of
from streams.contract.wire.forms.source_decision import decode_source_decision
from streams.contract.wire.forms.state_room import decode_state_room, encode_state_room
from streams.contract.wire.forms.tick import decode_tick, encode_tick
from streams.contract.wire.forms.time_correction import decode_time_correction
from streams.contract.wire.origin import Origin, own_place, own_type, read_origin
from streams.contract.wire.records import OutputRecord, SourceRecord
from streams.contract.wire.rules.rules_switch import decode_rules_switch, encode_rules_switch
from streams.contract.wire.state_records import RulesMissing, UnknownCategory
from streams.contract.wire.topics import SourceTopics, without_prefix
from streams.deciding.partition.admission.refusing import refuse_record
from streams.deciding.partition.batch import (
    Applies,
    Batch,
    Counters,
    Rules,
    State,
    StepsRemain,
)
from streams.deciding.partition.core import Core
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.limits import LIMITS, UNLIMITED, Limits
from streams.deciding.partition.moving import Moves
from streams.deciding.partition.reading import Cursor, bundled_in
from streams.deciding.partition.rules_in_force import (
    AWAITED_SET,
    FILES,
    RULES_IN_FORCE,
    Awaited,
    Ruling,
    Switched,
    ruling_of,
)

# Records whose keys are hashed together: enough that it pays, and less than a millisecond.
_HASHED_TOGETHER = 1_000

Handler = Callable[[Any, SourceRecord, Origin], None]
"""Applies one record in a batch, given its origin, or re-keys it. Raises Rejected if it is invalid."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage(Generic[State, Rules, Counters]):
    """A stage with its rules. The runtime runs it; tests and the back-test call it directly.

    `handlers` are by a record's original topic; the first one also takes records of topics that are not in
    the table. Records of topics in `handlers` but not in `sources` arrive through the internal topic only.
    `core` keeps the state and gets what is read before the handlers do.
    `rebound(state, rules)` makes of a state what that would be if it were restored with other rules; raises
    UnknownCategory, and then has changed nothing.
    `serve_due(batch, time, key)` takes the step due at `time`. `moves` says how state records move when the
    number of partitions changes.
    `aligned` are the sources that are read side by side with those of all other partitions, in event time;
    `relays` says whether what was read of them passes through the internal topic of this stage.
    `publishers` (ce_source) are told of their refused reports, by the topic to which each publishes.
    `ruling` says whose rules they are; `shelf` has the stages of the same name with other sets, by their ids.
    `tried_beside(rules, candidate, rule_set, share)` makes of `rules` those with a candidate beside them (see
    Ruling); None for a stage to which a candidate is nothing. `with_candidates` keeps what was made so, by
    candidate and share: a set never changes.
    """

    name: str
    rules: Rules
    sources: SourceTopics
    state_topic: str
    handlers: Mapping[str, Handler]
    new_counters: Callable[[], Counters]
    core: Core[State, Rules]
    rebound: Callable[[State, Rules], None]
    serve_due: Callable[[Any, int, DueKey], None]
    moves: Moves
    aligned: tuple[str, ...] = ()
    relays: bool = False
    publishers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ruling: Ruling = FILES
    shelf: "Mapping[str | None, Stage[State, Rules, Counters]]" = field(default_factory=dict)
    tried_beside: "Callable[[Rules, Rules, str, int], Rules] | None" = None
    with_candidates: "dict[tuple[str, int], Stage[State, Rules, Counters]]" = field(default_factory=dict)

    def with_rules(self, ruling: Ruling) -> "Stage[State, Rules, Counters]":
        """Return the stage with these rules. Raises RulesMissing if one of them is not on the shelf."""
        if ruling == self.ruling:
            return self
        rule_set, candidate, share = ruling
        alone = self if self.ruling == Ruling(rule_set) else self._on_shelf(rule_set)
        if candidate is None or self.tried_beside is None:
            return alone
        made = alone.with_candidates.get((candidate, share))
        if made is None:
            tried = self._on_shelf(candidate)
            rules = self.tried_beside(alone.rules, tried.rules, candidate, share)
            made = replace(alone, rules=rules, ruling=ruling)
            alone.with_candidates[candidate, share] = made
        return made

    def _on_shelf(self, rule_set: str | None) -> "Stage[State, Rules, Counters]":
        try:
            return self.shelf[rule_set]
        except KeyError:
            raise RulesMissing(rule_set or "") from None

    def for_entries(self, entries: Mapping[bytes, bytes]) -> "Stage[State, Rules, Counters]":
        """Return the stage by whose rules the partition with these state records is judged.

        Raises UnknownStateVersion and RulesMissing.
        """
        return self.with_rules(ruling_of(entries.get(RULES_IN_FORCE)))

    def for_state(self, state: State) -> "Stage[State, Rules, Counters]":
        """Return the stage by whose rules a partition is judged. Raises RulesMissing."""
        return self.with_rules(state.rules.ruling)

    def say_rules(self, state: State, switch: RulesSwitch) -> OutputRecord | None:
        """Return what to append to the internal topic so that `state` is judged as `switch` says, or None.

        None if it is so already, or by a later change.
        """
        if state.rules.change >= switch.change:
            return None
        value, headers = encode_rules_switch(switch)
        return OutputRecord(self.sources.internal, state.partition, None, value, headers)

    def restore(self, partition: int, partitions: int, entries: Iterable[tuple[bytes, bytes]] = ()) -> State:
        """Return the state of a partition from the last value of every key; without entries, an empty state.

        Raises UnknownStateVersion (a ValueError) for a record that this version cannot read.
        """
        return self.core.restore(partition, partitions, self.rules, entries)

    def tick(self, state: State, wall_clock_ms: int) -> OutputRecord | None:
        """Return the tick for the internal topic if something is due by `wall_clock_ms`, else None.

        A partition to which nothing has given a time honours no tick: a set that it awaits comes at once.
        """
        due = state.next_due()
        if due is None or due > state.time.after_tick(wall_clock_ms):
            return None
        awaited = state.rules.awaited
        if awaited is not None and not state.time.applied:
            said = RulesSwitch(awaited.rule_set, awaited.change, awaited.candidate, awaited.share)
            value, headers = encode_rules_switch(said)
        else:
            value, headers = encode_tick(state.time.applied, wall_clock_ms)
        return OutputRecord(self.sources.internal, state.partition, None, value, headers)

    def say_room(self, state: State, *, has_room: bool) -> OutputRecord | None:
        """Return what to append to the internal topic so that `state` takes newcomers, or none.

        None if it does so already, and for a stage that has none.
        """
        if not self.core.bundled or state.newcomers.has_room == has_room:
            return None
        value, headers = encode_state_room(has_room=has_room)
        return OutputRecord(self.sources.internal, state.partition, None, value, headers)

    def tripped(self, batch: Batch[State, Rules, Counters]) -> Mapping[str, int]:
        """Return how many records of which topics were unreadable, if the dead letter breaker slows them."""
        if not batch.state.settings.dead_letter_breaker:
            return {}
        # Never the internal topic: without it the partition has no ticks, and no re-keyed records.
        return {
            topic: refused
            for topic, refused in batch.tripped().items()
            if without_prefix(topic) != self.sources.internal
        }

    def paused_sources(self, state: State) -> frozenset[str]:
        """Return the sources (without prefix) that operators have paused."""
        return state.sources.paused()

    def skipped_below(self, state: State, topic: str) -> int:
        """Return the offset of a source (no prefix) below which records are skipped; 0 if none is."""
        control = state.sources.of(topic)
        return control.skip_below if control.skip_entry is None else 0

    def is_decision(self, record: SourceRecord) -> bool:
        """Return whether a record of the internal topic is an operator's decision about that topic itself."""
        decision = decode_source_decision(record)
        return decision is not None and decision.topic == self.sources.internal

    def obey(self, state: State, records: Iterable[SourceRecord]) -> None:
        """Put such decisions into force before what comes before them in the log is applied.

        Reading them again later, in their places, changes nothing.
        """
        for record in records:
            decision = decode_source_decision(record)
            if decision is not None:
                state.sources.decide(decision)

    def apply(self, state: State, records: Sequence[SourceRecord]) -> Batch[State, Rules, Counters]:
        """Apply all records in one batch; otherwise as `apply_in_slices`."""
        *_, batch = self.apply_in_slices(state, records, UNLIMITED)
        return batch

    def apply_in_slices(
        self,
        state: State,
        records: Sequence[SourceRecord],
        limits: Limits = LIMITS,
        until: Mapping[str, int] | None = None,
        last_entries: int | None = None,
    ) -> Iterator[Batch[State, Rules, Counters]]:
        """Apply records in their order, in slices: yields the batch after each, to let the caller work.

        Changes `state`, which must have been made with the same rules. Run the iterator to its end: only then
        is the batch complete. It ends before the last record if the batch is full, before a record of a
        source that `until` does not yet let read so far (see Batch), or after a record that puts other rules
        into force; `finished_records` tells where the next batch must begin, with the stage `for_state`.
        Outputs and state depend on the order of application alone, not on where it is cut, or where the state
        was restored in between.

        With `last_entries` the batch ends inside of the last record, if that is a bundle (see Cursor).

        Raises NotAtHome if the number of partitions was changed, and StageFailed if a handler fails. After
        that neither `state` nor the batch may be used.
        """
        # Nearly no partition waits for a set, and a call for each step takes longer.
        serve = self.serve_due if state.rules.awaited is None else self._serve_due
        batch = Batch(state, self.rules, self.new_counters(), serve, limits, until)
        cursor = Cursor(records, self.core.bundled, state.partly_read, state.partitions, last_entries)
        foreseen = 0
        while not cursor.is_at_end:
            batch.begin_slice()
            if entries := cursor.entries(limits):
                cursor.apply_entries(self._apply_entries(batch, entries, cursor))
            else:
                if cursor.record >= foreseen:
                    foreseen = cursor.record + _HASHED_TOGETHER
                    state.homes.hash_in_advance(records[cursor.record : foreseen])
                cursor.record += self._apply_plain(batch, cursor.plain(limits))
            batch.finished_records = cursor.record
            yield batch
            if batch.is_full() or batch.ahead is not None or batch.switched:
                break
        batch.finished_entries = cursor.stop()
        for _ in batch.finish():
            yield batch
        yield batch

    def _apply_plain(self, batch: Batch[State, Rules, Counters], records: Sequence[SourceRecord]) -> int:
        """Apply the records of a slice, or as many as its other limits allow; return their number."""

        def refuse(record: SourceRecord, rejected: Rejected) -> None:
            refuse_record(batch, self.publishers, record, record.topic, rejected)

        def place(number: int) -> Place:
            return place_of(records[number])

        return self.core.apply_records(batch, records, Applies(self._apply_record, refuse, place))

    def _apply_entries(
        self, batch: Batch[State, Rules, Counters], entries: Sequence[Any], cursor: Cursor
    ) -> int:
        """Apply the entries of a slice, or as many as its other limits allow; return their number."""
        bundled = cursor.bundled
        assert bundled is not None

        def refuse(entry: Any, rejected: Rejected) -> None:
            published = bundled.published(entry, cursor.bundle_of(entry))
            refuse_record(batch, self.publishers, published, bundled.form.topic, rejected)

        apply: Callable[[Any, Any], None] = bundled.handle
        sources = batch.state.sources
        if sources:
            numbers = count()

            def apply(batch: Any, entry: Any) -> None:
                place = cursor.place(next(numbers))
                sources.check(bundled.form.topic, place.offset, place.entry)
                bundled.handle(batch, entry)

        return bundled.apply(batch, entries, Applies(apply, refuse, cursor.place))

    def _apply_record(self, batch: Batch[State, Rules, Counters], record: SourceRecord) -> bool | None:
        """Apply a record; return True if it was Tocsin's own, so that it does not count as read."""
        topic = without_prefix(record.topic)
        sources = batch.state.sources
        if sources:
            sources.check(topic, record.offset)
        if topic == self.sources.internal:
            passed_on = read_origin(record.headers)
            if passed_on is None:
                if self._apply_control_record(batch, record):
                    return True
                if (bundled := bundled_in(self.core.bundled, record)) is not None:
                    # One that can be read does not come here.
                    bundled.form.read(record)
            origin = passed_on or own_place(record)
            topic = without_prefix(origin.topic)
        else:
            origin = own_place(record)
        handlers = self.handlers
        (handlers.get(topic) or next(iter(handlers.values())))(batch, record, origin)
        return None

    def _apply_control_record(self, batch: Batch[State, Rules, Counters], record: SourceRecord) -> bool:
        """Apply a tick, a correction of the time, an operator's decision or a change of rules.

        Return False for any other internal record.
        """
        if own_type(record) is None:
            return False
        if (tick := decode_tick(record)) is not None:
            batch.honour_tick(*tick)
        elif (correction := decode_time_correction(record)) is not None:
            batch.correct_time(correction, record.timestamp)
        elif (decision := decode_source_decision(record)) is not None:
            batch.state.sources.decide(decision)
        elif (room := decode_state_room(record)) is not None:
            batch.state.newcomers.say(has_room=room.has_room)
        elif (switch := decode_rules_switch(record)) is not None:
            self._switch_rules(batch, switch, record.offset)
        else:
            return False
        return True

    def _switch_rules(self, batch: Batch[State, Rules, Counters], switch: RulesSwitch, offset: int) -> None:
        """Let the state be judged by other rules, unless a later change is in force. Raises RulesMissing.

        Those that are to take effect later are awaited; what was awaited before is not any more.
        """
        state, awaited = batch.state, batch.state.rules.awaited
        state.time.read_switch()
        # Said by `tick`, unless something has given the partition a time since.
        is_awaited = awaited is not None and awaited.change == switch.change and switch.since_ms is None
        if switch.change <= state.rules.change and not (is_awaited and not state.time.applied):
            batch.counters.switches_ignored += 1
            return
        rule_set, change, candidate, share = switch.rule_set, switch.change, switch.candidate, switch.share
        if switch.since_ms is not None and state.time.now < switch.since_ms:
            state.await_rules(Awaited(rule_set, change, switch.since_ms, candidate, share))
            batch.switched = True
        else:
            switched = Switched(rule_set, change, offset, state.time.applied, candidate, share)
            self._judge_by(batch, switched)

    def _judge_by(self, batch: Batch[State, Rules, Counters], switched: Switched) -> None:
        state = batch.state
        stage, before = self.with_rules(switched.ruling), state.rules.switched
        # First, because what follows is due from then on.
        state.rules.switched = switched
        try:
            stage.rebound(state, stage.rules)
        except UnknownCategory:
            state.rules.switched = before
            batch.counters.switches_refused += 1
            return
        state.due.remove(AWAITED_SET)
        state.rules.switch(switched)
        batch.counters.rules_switched += 1
        batch.switched = True

    def _serve_due(self, batch: Batch[State, Rules, Counters], time: int, key: DueKey) -> None:
        """Take a step, or let the set take effect that was awaited: then what is read is judged by it.

        Raises StepsRemain in the second case: the batch ends before the record that moves time so far.
        """
        if key != AWAITED_SET:
            self.serve_due(batch, time, key)
            return
        state = batch.state
        awaited = state.rules.awaited
        assert awaited is not None
        self._judge_by(batch, awaited.in_effect(state.time.applied))
        if not batch.switched:
            # As if it had not been read: its owner says it again.
            state.rules.wait_for(None)
            batch.switched = True
        raise StepsRemain
