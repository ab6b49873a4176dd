"""The panes in which counts are kept, and the panes that make up a window.

Here a time is the index of its finest pane, `t_ms // FINE_MS` (a "fine" index). Every pane of every ring
begins at a fine index, so one number orders all of them.
"""

from typing import NamedTuple

from streams.contract.wire.times import DAY, HOUR, MINUTE


class Ring(NamedTuple):
    """The newest panes of `pane_ms` ms each, aligned to UTC: pane index = t_ms // pane_ms.

    A window has at most `panes` of them. `late` more are held, so that a window that ended so many panes ago
    can still be measured. Older ones are folded into panes of the next ring, `together` of them at a time;
    those of the last ring are dropped.
    """

    name: str
    pane_ms: int
    panes: int
    late: int
    together: int


# Three resolutions cover windows from five minutes to thirty days. A window consists of whole panes: an hour
# of five-minute panes, a week of panes of a day.
#
# A late report is judged in the windows of its own time, up to twelve hours back. A source partition that is
# set aside in the evening is back by then, and more would not fit: with those that wait to be folded there
# are up to 245 panes, and the state has one byte for the place of one. Only panes with reports exist, so a
# quiet channel has no more than before.
#
# Panes are folded an hour and half a day at a time, because a fold into a pane of another weight samples all
# reporters again (distinct.py). With more than 2,048 reporters in 13 hours each fold is one, and pane by pane
# that would be work on thousands of reporters each five minutes, for as few as 13 reports.
RINGS: tuple[Ring, ...] = (
    Ring("5m", 5 * MINUTE, 12, 144, 12),
    Ring("1h", HOUR, 24, 12, 12),
    Ring("1d", DAY, 30, 1, 1),
)
FINE_MS = RINGS[0].pane_ms
FINE_PER_PANE: tuple[int, ...] = tuple(ring.pane_ms // FINE_MS for ring in RINGS)
FINE_FOLDED: tuple[int, ...] = tuple(ring.together * ring.pane_ms // FINE_MS for ring in RINGS)

# By ring: fine indexes of a pane, panes held before that of now, fine indexes of panes that are folded
# together. For each late report `held_from` is asked several times.
_HELD = tuple(
    (fine, ring.panes + ring.late - 1, together)
    for ring, fine, together in zip(RINGS, FINE_PER_PANE, FINE_FOLDED, strict=True)
)


class WindowSpec(NamedTuple):
    """A window: the last `panes` panes of RINGS[ring], including the current one; `text` is as written."""

    ring: int
    panes: int
    text: str


def window_spec(duration_ms: int, text: str) -> WindowSpec:
    """Return the window of that length in the finest ring that holds it.

    Raises ValueError, naming the possible lengths, if no ring holds it or it is not a multiple of that ring's
    pane.
    """
    ring = window_ring(duration_ms)
    return WindowSpec(ring, duration_ms // RINGS[ring].pane_ms, text)


def window_ring(window_ms: int) -> int:
    """Return the index in RINGS of the finest ring that holds a window. Raises ValueError if none does.

    A window must be a whole number of that ring's panes: counts are kept per pane and cannot be split.
    """
    for index, ring in enumerate(RINGS):
        if 0 < window_ms <= ring.pane_ms * ring.panes:
            if window_ms % ring.pane_ms:
                break
            return index
    raise ValueError(
        "must be a multiple of PT5M up to PT1H, of PT1H up to PT24H, or of P1D up to P30D, because counts "
        "are kept in panes of these lengths"
    )


def window_start(ring: int, panes: int, now: int) -> int:
    """Return the fine index at which the last `panes` panes of a ring begin; `now` is a fine index too."""
    fine = FINE_PER_PANE[ring]
    return (now // fine - panes + 1) * fine


def held_from(ring: int, now: int) -> int:
    """Return the first fine index that a ring holds at `now`: what is needed, and what waits to be folded."""
    fine, before, together = _HELD[ring]
    return (now // fine - before) * fine // together * together


def latest_start(ring: int, now: int) -> int:
    """Return the fine index of the first pane with which a window may end that is still held at `now`."""
    return window_start(ring, RINGS[ring].late + 1, now)


def earliest_end(now: int) -> int:
    """Return the fine index before which no window of any ring ends that is still held at `now`."""
    return min(latest_start(ring, now) for ring in range(len(RINGS)))


def window_stop(ring: int, end: int) -> int:
    """Return the fine index after the pane of a ring that has the fine index `end`: where a window stops."""
    fine = FINE_PER_PANE[ring]
    return (end // fine + 1) * fine


def last_ended_stop(spec: WindowSpec, fine: int, now: int) -> int:
    """Return where the last window stops that has the fine index `fine` and ended before that of `now`."""
    per_pane = FINE_PER_PANE[spec.ring]
    return min(fine // per_pane + spec.panes, now // per_pane) * per_pane


def pane_start(fine: int, now: int) -> int | None:
    """Return the start of the pane in which a report of `fine` is counted at `now`; None if no ring holds it.

    It is the pane of the finest ring that holds it. Coarser panes need no copy of the counts: a window of a
    ring reaches back no further than the ring, so it is the sum of whole panes of that ring and of finer
    ones.
    """
    for ring, fine_per_pane in enumerate(FINE_PER_PANE):
        if fine >= held_from(ring, now):
            return fine // fine_per_pane * fine_per_pane
    return None
