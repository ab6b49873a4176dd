//! Who had already reported before they were last seen (streams/counting/seen/earlier.py, which argues it).

use std::collections::{HashMap, HashSet};

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

    /// Follow panes that were folded or dropped, and reporters that left the sample.
    ///
    /// A pair goes whose pane is now the one in which the reporter was last seen, or no longer has the reporter in its
    /// sample.
    pub fn settle(&mut self, last_seen: &LastSeen, panes: &[Pane]) {
        if self.0.is_empty() {
            return;
        }
        let oldest = panes.first().map_or(i64::MAX, |pane| pane.start);
        self.0.retain_mut(|(start, reporter)| {
            let at = match last_seen.find(*reporter) {
                Some(at) if *start >= oldest => at,
                _ => return false,
            };
            let pane = &panes[place_of(panes, *start)];
            *start = pane.start;
            let last = panes[place_of(panes, last_seen.rows()[at].fine)].start;
            pane.start < last && in_sample(*reporter, pane.weight)
        });
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Keep what windows need that end with the fine index `reach` or later.
    ///
    /// Of the panes before it that is a reporter's newest, and none if the reporter was last seen before it.
    pub fn forget_before(&mut self, reach: i64, last_seen: &LastSeen) {
        let later = self.0.split_off(self.0.partition_point(|&(start, _)| start < reach));
        let mut known = HashSet::new();
        let mut kept: Vec<(i64, u64)> = self
            .0
            .iter()
            .rev()
            .filter(|&&(_, reporter)| {
                let last = last_seen.find(reporter).map_or(0, |at| last_seen.rows()[at].fine);
                last >= reach && known.insert(reporter)
            })
            .copied()
            .collect();
        kept.reverse();
        kept.extend(later);
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
