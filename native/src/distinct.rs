//! The number of different reporters in a window, in bounded space (streams/counting/seen/distinct.py, which argues it).

use hashbrown::HashTable;

use crate::panes::{place_of, Pane, UNIT};

/// Beyond this many reporters the map is a sample.
pub const SAMPLE: i64 = 2048;

/// A reporter belongs to the sample of a pane when hash * weight is below this.
const ALL_HASHES: u128 = (UNIT as u128) << 64;

/// Up to this many reporters a search of all is as fast as an index, which takes more memory.
const FEW: usize = 24;

/// A reporter's hash, and the fine index of the pane in which the reporter was last seen.
#[derive(Clone, Copy)]
pub struct Seen {
    pub reporter: u64,
    pub fine: i64,
}

/// Python's dict {reporter hash: fine index}. The order is that of insertion: it is part of the encoding.
pub struct LastSeen {
    rows: Vec<Seen>,
    /// Places in `rows`, only for more than FEW.
    index: Option<Box<HashTable<u32>>>,
}

/// Sampled hashes are small numbers, so their upper bits are equal. The table uses the lowest and the highest bits.
fn spread(reporter: u64) -> u64 {
    reporter.rotate_left(40)
}

pub fn in_sample(reporter: u64, weight: i64) -> bool {
    u128::from(reporter) * (weight as u128) < ALL_HASHES
}

impl LastSeen {
    pub fn new() -> Self {
        LastSeen { rows: Vec::with_capacity(1), index: None }
    }

    /// Return the map of these rows; None if a reporter is there twice.
    pub fn from_rows(rows: Vec<Seen>) -> Option<Self> {
        let mut map = LastSeen { rows, index: None };
        let unique = if map.rows.len() > FEW {
            map.build_index()
        } else {
            let rows = &map.rows;
            (1..rows.len()).all(|at| rows[..at].iter().all(|one| one.reporter != rows[at].reporter))
        };
        if unique {
            Some(map)
        } else {
            None
        }
    }

    pub fn rows(&self) -> &[Seen] {
        &self.rows
    }

    pub fn find(&self, reporter: u64) -> Option<usize> {
        match &self.index {
            None => self.rows.iter().position(|row| row.reporter == reporter),
            Some(index) => index
                .find(spread(reporter), |&at| self.rows[at as usize].reporter == reporter)
                .map(|&at| at as usize),
        }
    }

    /// Add a reporter that is not in the map.
    fn push(&mut self, reporter: u64, fine: i64) {
        let at = self.rows.len() as u32;
        self.rows.push(Seen { reporter, fine });
        match &mut self.index {
            Some(index) => {
                let rows = &self.rows;
                index.insert_unique(spread(reporter), at, |&at| spread(rows[at as usize].reporter));
            }
            None if self.rows.len() > FEW => {
                self.build_index();
            }
            None => {}
        }
    }

    fn remove(&mut self, at: usize) -> Seen {
        if let Some(index) = &mut self.index {
            let place = at as u32;
            if let Ok(found) = index.find_entry(spread(self.rows[at].reporter), |&other| other == place) {
                found.remove();
            }
            for other in index.iter_mut() {
                if *other > place {
                    *other -= 1;
                }
            }
        }
        self.rows.remove(at)
    }

    /// Keep the rows for which `keep` is true, in the same order.
    pub fn retain(&mut self, keep: impl FnMut(&Seen) -> bool) {
        let before = self.rows.len();
        self.rows.retain(keep);
        if self.rows.len() < before && self.index.take().is_some() && self.rows.len() > FEW {
            self.build_index();
        }
    }

    /// Index all rows; return false if a reporter is there twice.
    fn build_index(&mut self) -> bool {
        let rows = &self.rows;
        let mut index = HashTable::with_capacity(rows.len());
        let mut unique = true;
        for (at, row) in rows.iter().enumerate() {
            let hash = spread(row.reporter);
            unique &=
                index.find(hash, |&other: &u32| rows[other as usize].reporter == row.reporter).is_none();
            index.insert_unique(hash, at as u32, |&other| spread(rows[other as usize].reporter));
        }
        self.index = Some(Box::new(index));
        unique
    }
}

/// Where a reporter was before.
pub enum Before {
    /// In no pane.
    Nowhere,
    /// In an older pane, which begins at this fine index.
    Pane(i64),
    /// In the same pane or a later one, or the reporter is not in the sample.
    Unchanged,
}

/// Record that a reporter was seen in the pane at `place`.
pub fn see(last_seen: &mut LastSeen, panes: &mut [Pane], place: usize, reporter: u64) -> Before {
    let pane = panes[place];
    match last_seen.find(reporter) {
        None => {
            if !in_sample(reporter, pane.weight) {
                return Before::Unchanged;
            }
            last_seen.push(reporter, pane.start);
            panes[place].kept += 1;
            Before::Nowhere
        }
        Some(at) => {
            let seen = last_seen.rows[at].fine;
            if seen >= pane.start {
                return Before::Unchanged;
            }
            let left = place_of(panes, seen);
            panes[left].kept -= 1;
            last_seen.rows[at].fine = pane.start;
            panes[place].kept += 1;
            Before::Pane(panes[left].start)
        }
    }
}

/// Replace the hash `before` by the reporter's hash under another key; return false if `before` is not in the map.
pub fn rename(last_seen: &mut LastSeen, panes: &mut [Pane], before: u64, after: u64) -> bool {
    let at = match last_seen.find(before) {
        None => return false,
        Some(at) => at,
    };
    let seen = last_seen.remove(at).fine;
    let pane = &mut panes[place_of(panes, seen)];
    if last_seen.find(after).is_some() || !in_sample(after, pane.weight) {
        pane.kept -= 1;
    } else {
        last_seen.push(after, seen);
    }
    true
}

/// Raise the weights of panes up to the error bound, and keep the reporters that remain in the sample.
pub fn thin_out(last_seen: &mut LastSeen, panes: &mut [Pane]) {
    let mut total = 0;
    for pane in panes.iter_mut().rev() {
        total += pane.kept * pane.weight;
        pane.weight = pane.weight.max(total / SAMPLE);
    }
    resample(last_seen, panes);
}

/// Keep the reporters in the sample of their pane, and update each `kept`.
pub fn resample(last_seen: &mut LastSeen, panes: &mut [Pane]) {
    settle(last_seen, panes);
    for pane in panes.iter_mut() {
        pane.kept = 0;
    }
    last_seen.retain(|row| {
        let pane = &mut panes[place_of(panes, row.fine)];
        let stays = in_sample(row.reporter, pane.weight);
        if stays {
            pane.kept += 1;
        }
        stays
    });
}

/// Point the rows of panes that were folded since at the panes into which they were folded.
pub fn settle(last_seen: &mut LastSeen, panes: &[Pane]) {
    for row in &mut last_seen.rows {
        row.fine = panes[place_of(panes, row.fine)].start;
    }
}

/// The size at which the map is next thinned out.
pub fn next_limit(size: usize) -> i64 {
    SAMPLE.max(2 * size as i64)
}
