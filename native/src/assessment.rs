//! Whether a crowd may be a brigade (streams/counting/coordination/assessment.py, which argues it). The score and the
//! sentence are Python's.

use crate::arrivals::Signs;
use crate::clusters::{linked_of, ClusterSums};

const FEWEST_REPORTS: i64 = 10;
const SUSPICIOUS_LINKED: f64 = 0.5;
const BURST: f64 = 8.0;
/// A sign must hold for more than this share of the reports.
pub const MOST: f64 = 0.5;
const SIGNS_NEEDED: usize = 2;

/// Whether levels above review need a person: `suspected` of what `assess` returns.
pub fn suspected(sums: &ClusterSums, signs: &Signs) -> bool {
    let share = if sums.reports == 0 { 0.0 } else { linked_of(sums) as f64 / sums.reports as f64 };
    let fresh = [signs.young, signs.outsiders, signs.repeating].iter().filter(|&&sign| sign > MOST).count();
    (sums.reports >= FEWEST_REPORTS && share >= SUSPICIOUS_LINKED)
        || (is_burst(signs.reporters, signs.usual) && fresh >= SIGNS_NEEDED)
}

/// Whether the last hours had many reporters, for this channel.
pub fn is_burst(reporters: i64, usual: f64) -> bool {
    reporters >= FEWEST_REPORTS && reporters as f64 >= BURST * usual
}
