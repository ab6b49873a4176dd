//! Who had already reported before they were last seen (streams/counting/earlier.py, which argues it).

use std::collections::HashMap;

use crate::distinct::{in_sample, LastSeen};
use crate::panes::{place_of, Pane};

/// Beyond this many pairs the older half is forgotten.
const MOST_EARLIER: usize = 4096;

/// Pairs (fine index at which a pane begins, hash of a reporter seen in it and in a later one), in order.
#[derive(Default)]
pub struct Earlier(Vec<(i64, u64)>);

impl Earlier {
    /// Return the pairs; None if they are not in order, each once.
    pub fn from_pairs(pairs: Vec<(i64, u64)>) -> Option<Self> {
        if pairs.windows(2).all(|two| two[0] < two[1]) {
            Some(Earlier(pairs))
        } else {
            None
        }
    }

    pub fn pairs(&self) -> &[(i64, u64)] {
        &self.0
    }

    pub fn note(&mut self, start: i64, reporter: u64) {
        if let Err(place) = self.0.binary_search(&(start, reporter)) {
            self.0.insert(place, (start, reporter));
            if self.0.len() > MOST_EARLIER {
                self.0.drain(..self.0.len() / 2);
            }
        }
    }

    /// Give a reporter the hash under another key.
    pub fn rename(&mut self, before: u64, after: u64) {
        for pair in &mut self.0 {
            if pair.1 == before {
                pair.1 = after;
            }
        }
        self.0.sort_unstable();
        self.0.dedup();
    }

    pub fn forget_after(&mut self, fine: i64) {
        self.0.retain(|&(start, _)| start <= fine);
    }

    /// Keep the pairs that still say something after panes were folded, or reporters left the sample.
    ///
    /// No window of the past ends before the fine index `reach`.
    pub fn settle(&mut self, last_seen: &LastSeen, panes: &[Pane], reach: i64) {
        if self.0.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(self.0.len());
        let mut newest_before: HashMap<u64, i64> = HashMap::new();
        for &(start, reporter) in &self.0 {
            let seen = match last_seen.find(reporter) {
                Some(at) => last_seen.rows()[at].fine,
                None => continue,
            };
            if seen < reach || panes.first().is_none_or(|oldest| start < oldest.start) {
                continue;
            }
            let pane = &panes[place_of(panes, start)];
            if pane.start >= panes[place_of(panes, seen)].start || !in_sample(reporter, pane.weight) {
                continue;
            }
            if pane.start >= reach {
                kept.push((pane.start, reporter));
            } else {
                let newest = newest_before.entry(reporter).or_insert(pane.start);
                *newest = pane.start.max(*newest);
            }
        }
        kept.extend(newest_before.into_iter().map(|(reporter, start)| (start, reporter)));
        kept.sort_unstable();
        kept.dedup();
        self.0 = kept;
    }

    /// The reporters seen in [start, stop) who were last seen later, each with the newest pane of that time.
    pub fn seen_between(&self, last_seen: &LastSeen, start: i64, stop: i64) -> HashMap<u64, i64> {
        let first = self.0.partition_point(|&(pane, _)| pane < start);
        let inside = self.0[first..].iter().take_while(|&&(pane, _)| pane < stop);
        // In order, so that the newest pane comes last.
        inside
            .filter(|&&(_, reporter)| {
                last_seen.find(reporter).is_some_and(|at| last_seen.rows()[at].fine >= stop)
            })
            .map(|&(pane, reporter)| (reporter, pane))
            .collect()
    }
}
