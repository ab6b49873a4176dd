"""What a batch leads to."""

from collections import Counter

from streams.wire.records import OutputRecord


class Outcome:
    """Records to write, changed state, and what there is to count of a batch.

    `outputs` are in order, with logical topic names. `changes` holds each changed state record once: key -> value,
    None to delete it. `counters`: applied, late, duplicates, rekeyed, ticks_honoured, ticks_ignored,
    dead_letter:<reason>, escalation:<policy>:<mode>:<type>:<level>, and raised:<policy>:<mode>:<level before> beside
    each that is `updated`; clock_outcomes, clock_outcomes_passed_on, and clock:<obligation>:<event> with armed, half,
    nine_tenths, lapsed, paused, resumed, fulfilled or withdrawn; what did not happen is absent. `event_times` holds occurred_at (ms since the epoch) of every
    report applied, in the order of application.
    """

    __slots__ = ("changes", "counters", "event_times", "outputs")

    def __init__(self) -> None:
        self.outputs: list[OutputRecord] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.counters: Counter[str] = Counter()
        self.event_times: list[int] = []
