"""What a line in the log says of a batch's dead letters."""

from collections.abc import Sequence

Headers = Sequence[tuple[str, bytes]]


def first_of(written: Sequence[Headers]) -> dict[str, object]:
    """Place and reason of the first of a batch's dead letters, by the headers of each, and how many they are."""
    told = dict(written[0])
    return {
        "partition": int(told["tocsin-partition"]),
        "offset": int(told["tocsin-offset"]),
        "topic": told["tocsin-topic"].decode(),
        "reason": told["tocsin-reason"].decode(),
        "field": told["tocsin-field"].decode(),
        "in_this_batch": len(written),
    }
