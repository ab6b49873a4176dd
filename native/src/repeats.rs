//! Reporters who reported a channel again without adding risk, and when their risk was last counted
//! (streams/counting/seen/repeats.py).

use std::collections::HashSet;

use crate::distinct::{LastSeen, Seen};
use crate::msgpack::{write_int, write_map, write_uint, Reader};

/// Whoever was noted first of more is forgotten.
const MOST_REPEATS: usize = 512;
const TIME_LIMIT: i64 = 1 << 32;

/// Pairs (hash of a reporter, fine index of the pane in which the risk was last counted), in the order of noting.
#[derive(Default)]
pub struct Repeats(Vec<(u64, i64)>);

impl Repeats {
    pub fn get(&self, reporter: u64) -> Option<i64> {
        self.0.iter().find(|pair| pair.0 == reporter).map(|pair| pair.1)
    }

    /// Note a reporter again, or forget one (None).
    pub fn note(&mut self, reporter: u64, counted_at: Option<i64>) {
        let known = self.0.iter().position(|pair| pair.0 == reporter);
        match (known, counted_at) {
            (Some(place), Some(at)) => self.0[place].1 = at,
            (None, Some(at)) => {
                self.0.push((reporter, at));
                if self.0.len() > MOST_REPEATS {
                    self.0.remove(0);
                }
            }
            (Some(place), None) => drop(self.0.remove(place)),
            (None, None) => {}
        }
    }

    /// Give a reporter the hash under another key.
    pub fn rename(&mut self, before: u64, after: u64) {
        if let Some(place) = self.0.iter().position(|pair| pair.0 == before) {
            let at = self.0.remove(place).1;
            match self.0.iter_mut().find(|pair| pair.0 == after) {
                Some(pair) => pair.1 = at,
                None => self.0.push((after, at)),
            }
        }
    }

    /// Keep those who are among the reporters that were seen.
    pub fn keep(&mut self, last_seen: &LastSeen) {
        self.0.retain(|pair| last_seen.find(pair.0).is_some());
    }

    /// Follow a time that was set back to the fine index `now`; `last_seen` is from before that.
    pub fn turn_back(&mut self, last_seen: &[Seen], now: i64) {
        self.0.iter_mut().for_each(|pair| pair.1 = pair.1.min(now));
        for row in last_seen {
            if row.fine > now && self.get(row.reporter).is_none() {
                self.note(row.reporter, Some(now));
            }
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        write_map(out, self.0.len());
        for &(reporter, at) in &self.0 {
            write_uint(out, reporter);
            write_int(out, at);
        }
    }

    /// Read what `write` has written; None if it is anything else.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let length = reader.map()?;
        if length > MOST_REPEATS {
            return None;
        }
        let mut pairs = Vec::with_capacity(length);
        for _ in 0..length {
            pairs.push((reader.uint()?, reader.int(TIME_LIMIT)?));
        }
        let known: HashSet<u64> = pairs.iter().map(|pair| pair.0).collect();
        (known.len() == length).then_some(Repeats(pairs))
    }
}
