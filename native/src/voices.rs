//! What the reports of a channel that have a stamp, or no reporter, add up to, pane by pane (streams/counting/voices.py,
//! `StampedSums` of streams/counting/sums.py).

use std::collections::HashSet;

use crate::counts::{COUNT_LIMIT, SUM_LIMIT};
use crate::msgpack::{write_array, write_int, Reader};
use crate::panes::{place_of, Pane};

/// Numbers of a row after where its pane begins: stamped, four of ClusterSums, four of Doubtful, unnamed, two of Scattered.
pub const NUMBERS: usize = 12;
const UNNAMED: usize = 9;
/// So many at the front are numbers of reports, which measures.rs counts in millionths.
const COUNTS: usize = 4;
/// So many are in every row: those after them are left out as long as they end with zeros.
const FIRST: usize = 5;
/// Proven reporters kept of a channel and category.
const MOST_PROVEN: usize = 64;
const START_LIMIT: i64 = 1 << 32;

/// A tag of a reporter, and those of the channels in which the reporter was right.
pub type Proven = (u32, Vec<u32>);

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stamped {
    pub numbers: [i64; NUMBERS],
    pub proven: Vec<Proven>,
}

impl Stamped {
    pub fn unnamed(&self) -> i64 {
        self.numbers[UNNAMED]
    }

    pub fn add(&mut self, other: &Stamped) {
        for (place, (number, more)) in self.numbers.iter_mut().zip(other.numbers).enumerate() {
            // Nothing tells those without a name apart: the one that weighs most counts.
            *number = if place == UNNAMED { more.max(*number) } else { *number + more };
        }
        self.proven.extend_from_slice(&other.proven);
    }
}

/// The sums of each pane, by the fine index at which the pane begins, the oldest first.
#[derive(Default)]
pub struct Voices(Vec<(i64, Stamped)>);

impl Voices {
    /// Add a report to the pane that begins at `start`.
    pub fn add(&mut self, start: i64, mut one: Stamped) {
        if let [(_, proof)] = &one.proven[..] {
            if self.at(start).is_some_and(|there| there.proven.iter().any(|(_, known)| known == proof)) {
                // Who was right in the same channels is no further voice.
                one.proven.clear();
            } else if self.0.iter().map(|(_, pane)| pane.proven.len()).sum::<usize>() >= MOST_PROVEN {
                let oldest = self.0.iter_mut().find(|(_, pane)| !pane.proven.is_empty());
                oldest.into_iter().for_each(|(_, pane)| drop(pane.proven.remove(0)));
            }
        }
        match self.0.binary_search_by_key(&start, |pane| pane.0) {
            Ok(place) => self.0[place].1.add(&one),
            Err(place) => self.0.insert(place, (start, one)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn at(&self, start: i64) -> Option<&Stamped> {
        self.0.binary_search_by_key(&start, |pane| pane.0).ok().map(|place| &self.0[place].1)
    }

    /// The sums of the panes in [start, stop).
    pub fn between(&self, start: i64, stop: i64) -> Stamped {
        let mut total = Stamped::default();
        let first = self.0.partition_point(|pane| pane.0 < start);
        self.0[first..].iter().take_while(|pane| pane.0 < stop).for_each(|pane| total.add(&pane.1));
        total
    }

    /// Follow the panes of the counts, some of which were folded into longer ones.
    pub fn settle(&mut self, panes: &[Pane]) {
        for (start, sums) in std::mem::take(&mut self.0) {
            let now = panes[place_of(panes, start)].start;
            match self.0.last_mut() {
                Some((last, there)) if *last == now => there.add(&sums),
                _ => self.0.push((now, sums)),
            }
        }
    }

    /// Drop the panes that begin before the fine index `first` or after `last`.
    pub fn keep(&mut self, first: i64, last: i64) {
        self.0.retain(|pane| (first..=last).contains(&pane.0));
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        write_array(out, self.0.len());
        for (start, sums) in &self.0 {
            let last = sums.numbers.iter().rposition(|number| *number != 0).map_or(0, |place| place + 1);
            let numbers = if sums.proven.is_empty() { last.max(FIRST) } else { NUMBERS };
            let proven: usize = sums.proven.iter().map(|(_, proof)| 2 + proof.len()).sum();
            write_array(out, 1 + numbers + proven);
            write_int(out, *start);
            sums.numbers[..numbers].iter().for_each(|&number| write_int(out, number));
            for (reporter, proof) in &sums.proven {
                write_int(out, i64::from(*reporter));
                write_int(out, proof.len() as i64);
                proof.iter().for_each(|&tag| write_int(out, i64::from(tag)));
            }
        }
    }

    /// Read what `write` has written; None if it is anything else.
    pub fn read(reader: &mut Reader, panes: &[Pane]) -> Option<Self> {
        let starts: HashSet<i64> = panes.iter().map(|pane| pane.start).collect();
        let mut found: Vec<(i64, Stamped)> = Vec::new();
        for _ in 0..reader.array()? {
            let mut left = reader.array()?.checked_sub(1)?;
            let start = reader.int(START_LIMIT)?;
            let follows = found.last().is_none_or(|before| before.0 < start);
            if !follows || !starts.contains(&start) || left < FIRST {
                return None;
            }
            let mut sums = Stamped::default();
            for (place, number) in sums.numbers.iter_mut().take(left).enumerate() {
                *number = reader.signed(if place < COUNTS { COUNT_LIMIT } else { SUM_LIMIT })?;
            }
            left = left.saturating_sub(NUMBERS);
            while left > 0 {
                let reporter = u32::try_from(reader.uint()?).ok()?;
                let length = reader.uint()? as usize;
                left = left.checked_sub(length.checked_add(2)?)?;
                let proof = (0..length).map(|_| u32::try_from(reader.uint()?).ok()).collect::<Option<_>>()?;
                sums.proven.push((reporter, proof));
            }
            found.push((start, sums));
        }
        Some(Voices(found))
    }
}
