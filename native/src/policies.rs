//! Policies, as far as they say that nothing follows from a report: Python judges where something may
//! (streams/deciding/reports/escalation/policies.py, `_decide` and `_judge` of streams/deciding/reports/apply.py).

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde::Deserialize;

use crate::document::unfit;
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
    /// The highest first.
    levels: Vec<Level>,
    lasting: Vec<Condition>,
    least_reports: i64,
    needs_union: bool,
    grows: bool,
    /// Whether a desk is asked before a crowd raises it.
    pub is_asked_about: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionRules {
    measure: String,
    low: i64,
    high: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelRules {
    level: i64,
    least_reports: i64,
    when: Vec<ConditionRules>,
    any_of: Vec<ConditionRules>,
}

/// `PolicyRules` of streams/deciding/reports/native/plan_rules.py.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRules {
    id: String,
    mode: String,
    window: usize,
    #[serde(deserialize_with = "Option::deserialize")]
    suffixes: Option<Vec<String>>,
    #[serde(deserialize_with = "Option::deserialize")]
    channel_kind: Option<String>,
    levels: Vec<LevelRules>,
    lasting: Vec<ConditionRules>,
    least_reports: i64,
    needs_union: bool,
    grows: bool,
    is_asked_about: bool,
}

impl Policy {
    /// One of a category with these windows; None if it has a measure that only Python reads.
    pub fn of(py: Python, rules: PolicyRules, windows: &[(Window, String)]) -> PyResult<Option<Self>> {
        let Some(&(window, _)) = windows.get(rules.window) else {
            return Err(unfit(format!("the category of the policy {} lacks its `window`", rules.id)));
        };
        let levels = rules.levels.into_iter().map(|level| {
            Some(Level {
                level: level.level,
                least_reports: level.least_reports,
                when: conditions(level.when)?,
                any_of: conditions(level.any_of)?,
            })
        });
        let (Some(levels), Some(lasting)) = (levels.collect(), conditions(rules.lasting)) else {
            return Ok(None);
        };
        Ok(Some(Policy {
            key: PyTuple::new(py, [rules.id, rules.mode])?.unbind(),
            window,
            shown_at: rules.window,
            suffixes: rules.suffixes.map(|suffixes| suffixes.into_iter().map(String::into_bytes).collect()),
            channel_kind: rules.channel_kind,
            levels,
            lasting,
            least_reports: rules.least_reports,
            needs_union: rules.needs_union,
            grows: rules.grows,
            is_asked_about: rules.is_asked_about,
        }))
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

fn conditions(rules: Vec<ConditionRules>) -> Option<Vec<Condition>> {
    let condition = |ConditionRules { measure, low, high }| {
        Some(Condition { measure: Measure::named(&measure)?, low, high })
    };
    rules.into_iter().map(condition).collect()
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
