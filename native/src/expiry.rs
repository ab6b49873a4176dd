//! The days on which the counts under each key expire (streams/counting/expiry.py).

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
