"""What transparency counters add up to, from the last value of each key."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from streams.contract.wire.records import OutputRecord

LISTS = ("reports", "requests", "items", "decisions", "action_times", "complaints", "orders", "suspensions")

Totals = dict[tuple[Any, ...], int]


def totals(outputs: Iterable[OutputRecord]) -> Totals:
    """The sum over all keys by date, country, category, list, and the fields of the list but the count."""
    last = {output.key: output.value for output in outputs if output.topic == "transparency-counters"}
    found: Counter[tuple[Any, ...]] = Counter()
    for value in last.values():
        counter = msgspec.json.decode(value or b"")
        place = counter["date"], counter["country"], counter["category"]
        for name in LISTS:
            for row in counter.get(name, ()):
                count = row.pop("count")
                found[(*place, name, *row.values())] += count
    return {cell: number for cell, number in found.items() if number}
