//! Policies, as far as they say that nothing follows from a report: Python judges where something may
//! (streams/deciding/reports/escalation/policies.py, `_decide` and `_judge` of streams/deciding/reports/apply.py).

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::measures::{Condition, Measure, Measured, MILLION};
use crate::sums::{Sums, WindowCounts};
use crate::voices::Stamped;
use crate::windows::{fine_of, Window, FINE_PER_PANE};

/// The highest level that no person has to look for.
pub const REVIEW: i64 = 1;

/// `level`: the highest whose conditions all hold, 0 for none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub level: i64,
    pub clear: bool,
}

struct Level {
    level: i64,
    least_reports: i64,
    when: Vec<Condition>,
    any_of: Vec<Condition>,
}

impl Level {
    fn holds(&self, window: &Measured) -> bool {
        self.when.iter().all(|condition| condition.holds(window))
            && (self.any_of.is_empty() || self.any_of.iter().any(|condition| condition.holds(window)))
    }
}

/// A policy that is evaluated, live or in shadow.
pub struct Policy {
    /// Its key among the episodes of a channel: id and mode.
    pub key: Py<PyTuple>,
    pub window: Window,
    /// The place of that window among those of the category.
    pub shown_at: usize,
    /// The ends of the state keys of its categories, in their order; None if it has but the one of the report.
    pub suffixes: Option<Vec<Vec<u8>>>,
    pub channel_kind: Option<String>,
    levels: Vec<Level>,
    lasting: Vec<Condition>,
    least_reports: i64,
    needs_union: bool,
    grows: bool,
    /// Whether a desk is asked before a crowd raises it.
    pub is_asked_about: bool,
}

type ConditionRow = (String, i64, i64);
type LevelRow = (i64, i64, Vec<ConditionRow>, Vec<ConditionRow>);

/// What is handed over of a policy, in the order of the fields; of each level the highest first.
#[derive(FromPyObject)]
pub struct PolicyRow {
    #[pyo3(item)]
    key: Py<PyTuple>,
    #[pyo3(item)]
    window: (usize, i64),
    #[pyo3(item)]
    shown_at: usize,
    #[pyo3(item)]
    suffixes: Option<Vec<Vec<u8>>>,
    #[pyo3(item)]
    channel_kind: Option<String>,
    #[pyo3(item)]
    levels: Vec<LevelRow>,
    #[pyo3(item)]
    lasting: Vec<ConditionRow>,
    #[pyo3(item)]
    least_reports: i64,
    #[pyo3(item)]
    needs_union: bool,
    #[pyo3(item)]
    grows: bool,
    #[pyo3(item)]
    is_asked_about: bool,
}

impl Policy {
    /// None if it has a measure that only Python reads.
    pub fn of(row: PolicyRow) -> Option<Self> {
        let levels = row.levels.into_iter().map(|(level, least_reports, when, any_of)| {
            Some(Level { level, least_reports, when: conditions(when)?, any_of: conditions(any_of)? })
        });
        Some(Policy {
            key: row.key,
            window: Window { ring: row.window.0, panes: row.window.1 },
            shown_at: row.shown_at,
            suffixes: row.suffixes,
            channel_kind: row.channel_kind,
            levels: levels.collect::<Option<_>>()?,
            lasting: conditions(row.lasting)?,
            least_reports: row.least_reports,
            needs_union: row.needs_union,
            grows: row.grows,
            is_asked_about: row.is_asked_about,
        })
    }

    /// The level that is left of `level` as long as no person has looked (`_level_without_asking` of
    /// streams/deciding/reports/escalation/asking.py): REVIEW at least.
    pub fn level_without_asking(&self, level: i64, shares: &[Measured], proven_voices: i64) -> i64 {
        if level <= REVIEW || !self.is_asked_about {
            return level;
        }
        let window = summed(shares, shares.iter().map(|share| share.counts.distinct_reporters).sum());
        if Measure::ProvenVoices.read(&window) >= proven_voices {
            return level;
        }
        level.min(self.judge(&findings(&window)).level.max(REVIEW))
    }

    /// With fewer reports no level holds.
    pub fn least_reports(&self) -> i64 {
        self.least_reports
    }

    /// The highest level.
    pub fn top_level(&self) -> i64 {
        self.levels.first().map_or(0, |level| level.level)
    }

    /// With how many reports a level above `number` may hold; None if there is no such level.
    pub fn least_reports_above(&self, number: i64) -> Option<i64> {
        if number == 0 {
            return Some(self.least_reports);
        }
        self.levels.iter().filter(|level| level.level > number).map(|level| level.least_reports).min()
    }

    /// Whether a window with a report of `occurred` ended before `now`.
    pub fn is_late(&self, occurred_ms: i64, now_ms: i64) -> bool {
        let fine = FINE_PER_PANE[self.window.ring];
        fine_of(occurred_ms).div_euclid(fine) < fine_of(now_ms).div_euclid(fine)
    }

    pub fn judge(&self, window: &Measured) -> Verdict {
        let reports = window.counts.sums.reports;
        for level in &self.levels {
            if reports >= level.least_reports && level.holds(window) {
                return Verdict { level: level.level, clear: false };
            }
        }
        Verdict { level: 0, clear: !self.lasting.iter().any(|condition| condition.holds(window)) }
    }

    /// The verdict over the shares of several categories, each with reports; None if only the union of their reporters says.
    pub fn judge_shares(&self, shares: &[Measured]) -> Option<Verdict> {
        match shares {
            [] => {
                Some(self.judge(&Measured { counts: WindowCounts::default(), stamped: Stamped::default() }))
            }
            [one] => Some(self.judge(one)),
            _ => {
                let distinct = shares.iter().map(|share| share.counts.distinct_reporters);
                let mut total = summed(shares, distinct.clone().sum());
                let most = self.judge(&total);
                if self.needs_union {
                    total.counts.distinct_reporters = distinct.max().unwrap_or(0);
                    if !self.grows || self.judge(&total) != most {
                        return None;
                    }
                }
                Some(most)
            }
        }
    }
}

/// At most what trusted flaggers and detectors add to a window: each a risk of up to 1.
fn findings(window: &Measured) -> Measured {
    let Sums { trusted_flaggers, automated, .. } = window.counts.sums;
    let reports = trusted_flaggers + automated;
    let risk = window.risk().min(reports * MILLION);
    Measured {
        counts: WindowCounts {
            sums: Sums { reports, risk, trusted_flaggers, automated, ..Sums::default() },
            distinct_reporters: window.counts.distinct_reporters.min(reports),
        },
        stamped: Stamped::default(),
    }
}

fn conditions(rows: Vec<ConditionRow>) -> Option<Vec<Condition>> {
    let condition =
        |(name, low, high): ConditionRow| Some(Condition { measure: Measure::named(&name)?, low, high });
    rows.into_iter().map(condition).collect()
}

/// The sums over several categories.
pub fn summed(shares: &[Measured], distinct_reporters: i64) -> Measured {
    let mut total = Measured {
        counts: WindowCounts { distinct_reporters, ..WindowCounts::default() },
        stamped: Stamped::default(),
    };
    for share in shares {
        total.counts.sums += share.counts.sums;
        total.stamped.add(&share.stamped);
    }
    total
}
