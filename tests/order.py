"""The order in which the files of the suite run."""

from collections.abc import Iterable, Mapping

# Their tests wait for other processes most of the time, and leave a processor to others.
WAITING = ("tests/kafka/", "tests/browser/", "tests/drills/")


def in_order(files: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """The files, the longest first, and beside those that mostly wait always some that compute: all of them
    end at the same time.
    """
    # Those that take less than a second in the order of their names.
    longest_first = sorted(files, key=lambda file: (-seconds.get(file, 0), file))
    left: list[list[str]] = [
        [file for file in longest_first if file.startswith(WAITING) is waits] for waits in (True, False)
    ]
    sums = [sum(seconds.get(file, 0) for file in kind) + 1 for kind in left]
    begun = [0.0, 0.0]
    order = []
    while any(left):
        kind = min((kind for kind in (0, 1) if left[kind]), key=lambda kind: begun[kind] / sums[kind])
        order.append(left[kind].pop(0))
        begun[kind] += seconds.get(order[-1], 0)
    return order
