"""Applying what a desk says became of a clock."""

from streams.clocks.clock import apply_outcome, check_outcome
from streams.clocks.store import LegalClock
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey
from streams.partition.duplicates import outcome_hash
from streams.partition.replay import outcome_headers
from streams.partition.state import PartitionMemory
from streams.reports.clock_events import Cause, publish_outcome
from streams.reports.rules import CompiledRules
from streams.reports.state import PartitionState
from streams.reports.transitions import advance
from streams.wire.dead_letter import Rejected
from streams.wire.origin import Origin
from streams.wire.outcome_decoding import DecodedOutcome


def apply_clock_outcome(
    state: PartitionState, rules: CompiledRules, origin: Origin, decoded: DecodedOutcome, outcome: Outcome
) -> None:
    """Apply an outcome whose `key` is at home here; one that was applied before has no effect.

    Raises Rejected, with nothing changed, when it names no open clock or one that may not stand still or go on. Moves
    the partition's time on as a report does. What an outcome refused would have moved on stays where it is: a replay
    does not see it.
    """
    claimed = claim_clock(state, decoded, outcome)
    if claimed is None:
        return
    key, kept = claimed
    word = decoded.outcome
    time = max(state.now, decoded.occurred_ms)
    headers = outcome_headers(state.applied, state.ticks)
    state.note_append_time(time, origin.timestamp)
    advance(state, rules, time, outcome)
    outcome.counters["clock_outcomes"] += 1
    effective = apply_outcome(kept.clock, word.outcome, word.reason, at=decoded.occurred_ms, now=time)
    cause = Cause(word.outcome, f"{origin.topic}/{origin.partition}", origin.offset, headers)
    publish_outcome(state, key, kept, effective, cause, outcome)
    # A clock that went on some time ago may have steps due since.
    advance(state, rules, time, outcome)


def claim_clock(
    state: PartitionMemory, decoded: DecodedOutcome, outcome: Outcome
) -> tuple[ClockKey, LegalClock] | None:
    """The clock that an outcome names, if it fits: from now on the outcome counts as applied. None if it did before.

    Raises Rejected, with nothing changed, when it names no open clock or one that may not stand still or go on.
    """
    word = decoded.outcome
    hashed = outcome_hash(decoded.ce_source, word.outcome_id)
    if hashed in state.recent:
        outcome.counters["duplicates"] += 1
        return None
    key = ClockKey(word.key, word.clock_id)
    kept = state.clocks.find(key)
    if kept is None:
        where = "in the channel" if word.subject == "report" else "for the request"
        raise Rejected("clock_not_running", "clock_id", f"Must name a clock that is open {where} of `key`.")
    at = decoded.occurred_ms
    check_outcome(kept.clock, word.outcome, word.reason, at=at, now=max(state.now, at))
    state.recent.add(hashed)
    return key, kept
