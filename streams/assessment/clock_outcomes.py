"""Applying what a desk says became of a clock."""

from streams.assessment.due import ClockKey
from streams.assessment.duplicates import outcome_hash
from streams.assessment.law.clock_state import LegalClock
from streams.assessment.law.clocks import apply_outcome, check_outcome
from streams.assessment.law.report_clocks import Cause, publish_outcome
from streams.assessment.outcome import Outcome
from streams.assessment.partition_memory import PartitionMemory
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CompiledRules
from streams.assessment.replay import outcome_headers
from streams.assessment.transitions import advance
from streams.events.dead_letter import Rejected
from streams.events.origin import Origin
from streams.events.outcome_decoding import DecodedOutcome


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
