//! The measures of a window, and conditions on them (streams/counting/measures.py, streams/counting/conditions.py).

use std::collections::HashSet;

use crate::clusters::{linked_of, voices_millionths, ClusterSums};
use crate::counts::ChannelCounts;
use crate::sums::WindowCounts;
use crate::voices::{Proven, Stamped};
use crate::windows::Window;

pub const MILLION: i64 = 1_000_000;
/// `PROOF_CHANNELS` of streams/counting/confirmation.py.
pub const PROOF_CHANNELS: usize = 2;

/// What a window adds up to, with what its stamped reports do.
pub struct Measured {
    pub counts: WindowCounts,
    pub stamped: Stamped,
}

impl Measured {
    /// The window of counts that ends with the pane of `end`.
    pub fn of(counts: &ChannelCounts, window: Window, end_ms: i64) -> Self {
        Measured { counts: counts.measure(window, end_ms), stamped: counts.measure_stamped(window, end_ms) }
    }

    /// As Python's: with the risk of that report without a name which weighs most.
    pub fn risk(&self) -> i64 {
        self.counts.sums.risk + self.stamped.unnamed()
    }

    pub fn clusters(&self) -> ClusterSums {
        let [_, reports, linked, known, squares, ..] = self.stamped.numbers;
        ClusterSums { reports, linked, known, squares }
    }
}

/// Those that the counts of a channel have by themselves.
#[derive(Clone, Copy)]
pub enum Measure {
    Reports,
    DistinctReporters,
    Risk,
    TrustedFlaggers,
    Automated,
    AnonymousShare,
    Voices,
    LinkedShare,
    ProvenVoices,
}

impl Measure {
    /// The measure of this name; None for one that is compared with something else.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "reports" => Measure::Reports,
            "distinct_reporters" => Measure::DistinctReporters,
            "risk" => Measure::Risk,
            "trusted_flaggers" => Measure::TrustedFlaggers,
            "automated" => Measure::Automated,
            "anonymous_share" => Measure::AnonymousShare,
            "voices" => Measure::Voices,
            "linked_share" => Measure::LinkedShare,
            "proven_voices" => Measure::ProvenVoices,
            _ => return None,
        })
    }

    /// The value in whole steps.
    pub fn read(self, window: &Measured) -> i64 {
        let sums = &window.counts.sums;
        match self {
            Measure::Reports => sums.reports,
            Measure::DistinctReporters => window.counts.distinct_reporters,
            Measure::Risk => window.risk(),
            Measure::TrustedFlaggers => sums.trusted_flaggers,
            Measure::Automated => sums.automated,
            Measure::AnonymousShare => share(sums.anonymous, sums.reports),
            Measure::Voices => voices(window),
            Measure::LinkedShare => {
                let clusters = window.clusters();
                share(linked_of(&clusters), clusters.reports)
            }
            Measure::ProvenVoices => proven_voices(&window.stamped.proven),
        }
    }
}

fn share(part: i64, all: i64) -> i64 {
    if all == 0 {
        0
    } else {
        (part * MILLION).div_euclid(all)
    }
}

fn voices(window: &Measured) -> i64 {
    let heads = window.counts.distinct_reporters * MILLION;
    let stamped = window.stamped.numbers[0];
    if stamped == 0 {
        return heads;
    }
    let others = window.counts.sums.reports - window.counts.sums.without_ref - stamped;
    heads.min(voices_millionths(&window.clusters()) + others * MILLION)
}

fn proven_voices(proofs: &[Proven]) -> i64 {
    let (mut taken, mut seen): (HashSet<u32>, HashSet<u32>) = Default::default();
    for (reporter, proof) in proofs {
        let free: Vec<u32> = proof.iter().copied().filter(|tag| !taken.contains(tag)).collect();
        if !seen.contains(reporter) && free.len() >= PROOF_CHANNELS {
            seen.insert(*reporter);
            taken.extend(&free[..PROOF_CHANNELS]);
        }
    }
    seen.len() as i64
}

/// Holds from `low` whole steps of the measure on, and below `high`.
pub struct Condition {
    pub measure: Measure,
    pub low: i64,
    pub high: i64,
}

impl Condition {
    pub fn holds(&self, window: &Measured) -> bool {
        (self.low..self.high).contains(&self.measure.read(window))
    }
}
