//! The days on which state records expire (streams/counting/expiry.py).

use std::collections::BTreeMap;

use crate::windows::DAY;

/// How many entries a call looks at for those that have expired. One after the other in memory they take less than a
/// millisecond, and a day begins with a look at all of them, since lists of them by day would take twelve bytes for each.
pub const SEEN_AT_ONCE: usize = 1 << 16;

/// The day that begins with or after a time.
pub fn day_after(time_ms: i64) -> u32 {
    (time_ms + DAY - 1).div_euclid(DAY) as u32
}

/// The number of records that expire on each day (days since the epoch).
#[derive(Default)]
pub struct DayNumbers {
    days: BTreeMap<u32, usize>,
}

impl DayNumbers {
    /// Count that a record of day `old` expires on day `new`; None if it did not exist, or is removed.
    pub fn change(&mut self, old: Option<u32>, new: Option<u32>) {
        if let Some(new) = new {
            *self.days.entry(new).or_default() += 1;
        }
        if let Some(old) = old {
            let number = self.days.entry(old).or_default();
            *number = number.saturating_sub(1);
            if *number == 0 {
                self.days.remove(&old);
            }
        }
    }

    /// When (ms) the first record expires.
    pub fn earliest_ms(&self) -> Option<i64> {
        self.days.keys().next().map(|&day| i64::from(day) * DAY)
    }

    /// When (ms) the last record expires.
    pub fn latest_ms(&self) -> Option<i64> {
        self.days.keys().next_back().map(|&day| i64::from(day) * DAY)
    }

    /// Whether a record expires on a day (days since the epoch) or before.
    pub fn has_expired(&self, today: i64) -> bool {
        self.days.keys().next().is_some_and(|&day| i64::from(day) <= today)
    }
}
