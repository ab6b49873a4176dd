//! The days on which state records expire (streams/counting/expiry.py).

use std::collections::BTreeMap;

/// Places of entries by the day (days since the epoch) on which they expire.
///
/// A day that an expiry has emptied may remain, as it does in Python, where a generator that nobody asks for more
/// does not get to deleting it.
#[derive(Default)]
pub struct ExpiryDays {
    days: BTreeMap<u32, Vec<u32>>,
}

impl ExpiryDays {
    /// Make an entry expire on `day`; return its place among those of the day, which `remove` needs.
    pub fn add(&mut self, at: u32, day: u32) -> u32 {
        let entries = self.days.entry(day).or_default();
        entries.push(at);
        entries.len() as u32 - 1
    }

    /// Remove the entry in a place of a day; return the one that took over its place, if another did.
    pub fn remove(&mut self, day: u32, place: u32) -> Option<u32> {
        let entries = self.days.get_mut(&day)?;
        entries.swap_remove(place as usize);
        let moved = entries.get(place as usize).copied();
        if entries.is_empty() {
            self.days.remove(&day);
        }
        moved
    }

    pub fn earliest(&self) -> Option<u32> {
        self.days.keys().next().copied()
    }

    pub fn latest(&self) -> Option<u32> {
        self.days.keys().next_back().copied()
    }

    /// Remove and return so many of the entries that expire on day `until` or before.
    pub fn pop(&mut self, until: i64, at_most: usize) -> Vec<u32> {
        let mut popped = Vec::new();
        while popped.len() < at_most {
            let day = match self.earliest() {
                Some(day) if i64::from(day) <= until => day,
                _ => break,
            };
            match self.days.get_mut(&day).and_then(Vec::pop) {
                Some(at) => popped.push(at),
                None => {
                    self.days.remove(&day);
                }
            }
        }
        popped
    }
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

    pub fn earliest(&self) -> Option<u32> {
        self.days.keys().next().copied()
    }
}
