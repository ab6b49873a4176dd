"""What a batch leads to."""

from collections import Counter

from streams.events.record import OutputRecord


class Outcome:
    """Records to write, changed state, and what there is to count of a batch.

    `outputs` are in order, with logical topic names. `changes` holds each changed state record once: key -> value,
    None to delete it. `counters`: applied, late, duplicates, rekeyed, ticks_honoured, ticks_ignored,
    dead_letter:<reason>, escalation:<policy>:<mode>:<type>:<level>; what did not happen is absent.
    """

    __slots__ = ("changes", "counters", "outputs")

    def __init__(self) -> None:
        self.outputs: list[OutputRecord] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.counters: Counter[str] = Counter()
