//! The panes of a channel: each report is counted in one, and old panes are folded into coarser ones
//! (streams/counting/panes.py).

use crate::counts::ReporterKind;
use crate::sums::Sums;
use crate::windows::{held_from, FINE_PER_PANE};

/// A sampled reporter of a pane represents `weight / UNIT` reporters.
pub const UNIT: i64 = 64;

/// One pane, from the fine index `start` on.
#[derive(Clone, Copy, Default)]
pub struct Pane {
    pub start: i64,
    pub sums: Sums,
    pub kept: i64,
    pub weight: i64,
    pub tier: i64,
}

impl Pane {
    fn new(start: i64, weight: i64) -> Self {
        Pane { start, weight, ..Pane::default() }
    }

    /// Count one report, but not its reporter.
    pub fn count(&mut self, kind: ReporterKind, has_reporter: bool, risk: i64, tier: i64) {
        self.sums.count(kind, has_reporter, risk);
        self.tier = self.tier.max(tier);
    }

    /// Take over what was counted in a newer pane. The weight stays: the older pane has the larger one.
    fn fold_in(&mut self, newer: &Pane) {
        self.sums += newer.sums;
        self.kept += newer.kept;
        self.tier = self.tier.max(newer.tier);
    }
}

/// The place of the first pane that begins at `start` or later.
pub fn first_from(panes: &[Pane], start: i64) -> usize {
    panes.partition_point(|pane| pane.start < start)
}

/// The place of the pane that now holds what was counted in the pane beginning at `seen`.
///
/// Folding only moves starts back, never past another pane.
pub fn place_of(panes: &[Pane], seen: i64) -> usize {
    panes.partition_point(|pane| pane.start <= seen).saturating_sub(1)
}

/// The place of the pane that begins at `start`; it is inserted if there is none.
pub fn find_or_insert(panes: &mut Vec<Pane>, start: i64) -> usize {
    let place = first_from(panes, start);
    if place == panes.len() {
        panes.push(Pane::new(start, UNIT));
    } else if panes[place].start != start {
        // It gets the weight of the next newer pane, which keeps weights in order.
        let weight = panes[place].weight;
        panes.insert(place, Pane::new(start, weight));
    }
    place
}

/// Fold the panes that left a ring between fine indexes `before` and `now` into panes of the next ring.
///
/// Returns None if there were none, else whether panes of unequal weights were folded together: their reporters must be
/// sampled again.
pub fn fold(panes: &mut Vec<Pane>, before: i64, now: i64) -> Option<bool> {
    let mut found = None;
    for (ring, &coarser) in FINE_PER_PANE[1..].iter().enumerate() {
        let (first, end) = (held_from(ring, before), held_from(ring, now));
        if first != end {
            if let Some(uneven) = fold_between(panes, first, end, coarser) {
                found = Some(uneven || found == Some(true));
            }
        }
    }
    found
}

fn fold_between(panes: &mut Vec<Pane>, first: i64, end: i64, fine_per_pane: i64) -> Option<bool> {
    let low = first_from(panes, first);
    let high = first_from(panes, end).max(low);
    if low == high {
        return None;
    }
    let mut uneven = false;
    // Panes before `folded` are done. The one before `low` may already be the coarse one.
    let mut folded = low;
    for place in low..high {
        let mut pane = panes[place];
        pane.start = pane.start.div_euclid(fine_per_pane) * fine_per_pane;
        if folded > 0 && panes[folded - 1].start == pane.start {
            uneven |= panes[folded - 1].weight != pane.weight;
            panes[folded - 1].fold_in(&pane);
        } else {
            panes[folded] = pane;
            folded += 1;
        }
    }
    panes.drain(folded..high);
    Some(uneven)
}
