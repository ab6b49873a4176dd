"""Counts for transparency reports about orders (Regulation (EU) 2022/2065, art. 15(1)(a))."""

from collections.abc import Iterable
from typing import Final

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.clock import ClockView
from streams.contract.events.report import UNSPECIFIED
from streams.contract.events.transparency import OrderStep
from streams.contract.wire.times import DAY
from streams.counting.rounded_times import rounded_time
from streams.deciding.clocks.life import ClockChange
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.rules import RequestRules, country_of
from streams.registry.obligation import Action
from streams.registry.obligations import FROM_ITS_CONTENT

# Targets with an electronic location. Persons and a whole service are no items of information.
_ITEMS: Final = frozenset({"message", "channel", "account"})

_STEPS: Final[dict[Action, OrderStep]] = {
    "acknowledge": "informed",
    "notify_authority": "informed",
    "remove": "effected",
    "geo_disable": "effected",
    "restrict_account": "effected",
    "produce_data": "effected",
}


def count_item(batch: RequestBatch, request: AuthorityRequest, received_ms: int) -> None:
    """Count the item that a request names, if it names one."""
    if request.target.kind in _ITEMS:
        state = batch.state
        state.daily.count_for(
            received_ms // DAY,
            state.time.now,
            country_of(request.authority.country),
            request.category or UNSPECIFIED,
            ("orders", request.kind, "item", None),
        )


def count_fulfilled(
    batch: RequestBatch, key: ClockKey, kept: LegalClock, opening: AuthorityRouting, change: ClockChange
) -> None:
    """Count that a clock was fulfilled, if it is the one by which its request's step is timed.

    Several laws may set a deadline for the same step. The first one of the judgement counts, so each step
    counts once.
    """
    step = _step(batch.rules, kept.obligation)
    if step is None or key.clock_id != _timed_by(batch.rules, opening.clocks, step):
        return
    state = batch.state
    state.daily.count_for(
        change.at // DAY,
        state.time.now,
        country_of(opening.authority.country),
        opening.category or UNSPECIFIED,
        ("orders", opening.kind, step, rounded_time((change.at - kept.clock.started) // 1000)),
    )


def _timed_by(rules: RequestRules, clocks: Iterable[ClockView], step: OrderStep) -> str | None:
    """Return the id of the clock by which a step is timed: a deadline, or else a wait."""
    fitting = [clock for clock in clocks if _step(rules, clock.obligation) == step]
    fitting.sort(key=lambda clock: clock.not_before is not None)
    return fitting[0].clock_id if fitting else None


def _step(rules: RequestRules, obligation: str) -> OrderStep | None:
    # A law that was changed may have dropped the duty of a clock that still runs.
    duty = rules.obligations.get(obligation)
    # Telling an authority that its order lacks something is not what a transparency report counts.
    return None if duty is None or duty.trigger in FROM_ITS_CONTENT else _STEPS.get(duty.action)
