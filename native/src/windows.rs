//! The panes in which counts are kept, and the panes that make up a window (streams/counting/windows.py).
//!
//! A time is the "fine" index of its finest pane, `t_ms / FINE_MS` rounded down.

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
/// Far later than any time that is read (the year 10889).
pub const LATEST_MS: i64 = 1 << 48;

/// The newest panes of `pane_ms` each: a window has up to `panes`, and `late` more are held. Older ones are folded,
/// `together` at a time.
pub struct Ring {
    pub pane_ms: i64,
    pub panes: i64,
    pub late: i64,
    pub together: i64,
}

pub const RINGS: [Ring; 3] = [
    Ring { pane_ms: 5 * MINUTE, panes: 12, late: 144, together: 12 },
    Ring { pane_ms: HOUR, panes: 24, late: 12, together: 12 },
    Ring { pane_ms: DAY, panes: 30, late: 1, together: 1 },
];
pub const LONGEST: usize = RINGS.len() - 1;
pub const FINE_MS: i64 = RINGS[0].pane_ms;
pub const FINE_PER_PANE: [i64; 3] = [1, RINGS[1].pane_ms / FINE_MS, RINGS[2].pane_ms / FINE_MS];
pub const DAYS_HELD: i64 = RINGS[LONGEST].panes + RINGS[LONGEST].late;

/// The last `panes` panes of RINGS[ring], including the current one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub ring: usize,
    pub panes: i64,
}

impl Window {
    /// The fine index at which the window begins that ends with the pane of the fine index `now`.
    pub fn start(self, now: i64) -> i64 {
        let fine = FINE_PER_PANE[self.ring];
        (now.div_euclid(fine) - self.panes + 1) * fine
    }

    /// The fine index after the pane in which the window ends.
    pub fn stop(self, end: i64) -> i64 {
        let fine = FINE_PER_PANE[self.ring];
        (end.div_euclid(fine) + 1) * fine
    }
}

/// The fine index of a time in ms.
pub fn fine_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(FINE_MS)
}

/// The first fine index that a ring holds at `now`: all that is needed, and what waits to be folded.
pub fn held_from(ring: usize, now: i64) -> i64 {
    let together = RINGS[ring].together * FINE_PER_PANE[ring];
    let needed = Window { ring, panes: RINGS[ring].panes + RINGS[ring].late }.start(now);
    needed.div_euclid(together) * together
}

/// The fine index of the first pane with which a window may end that is still held at `now`.
pub fn latest_start(ring: usize, now: i64) -> i64 {
    Window { ring, panes: RINGS[ring].late + 1 }.start(now)
}

/// The fine index before which no window of any ring ends that is still held at `now`.
pub fn earliest_end(now: i64) -> i64 {
    (0..RINGS.len()).map(|ring| latest_start(ring, now)).min().unwrap_or(now)
}

/// The start of the pane in which a report of `fine` is counted at `now`; None if no ring holds it.
pub fn pane_start(fine: i64, now: i64) -> Option<i64> {
    (0..RINGS.len())
        .find(|&ring| fine >= held_from(ring, now))
        .map(|ring| fine.div_euclid(FINE_PER_PANE[ring]) * FINE_PER_PANE[ring])
}
