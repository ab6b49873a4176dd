//! Whether a report changes an episode, as `_decide` in deciding/reports/apply.py and deciding/reports/escalation/policies.py find out.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::counts::{union_distinct, ChannelCounts};
use crate::store::{CountStore, Found};
use crate::sums::WindowCounts;
use crate::windows::Window;

const MILLION: i64 = 1_000_000;

type Read = fn(&WindowCounts) -> i64;

/// The measures that policies may have conditions on, and how they are read of reports without a stamp.
const MEASURES: &[(&str, Read)] = &[
    ("reports", |counts| counts.sums.reports),
    ("distinct_reporters", |counts| counts.distinct_reporters),
    ("risk", |counts| counts.sums.risk),
    ("trusted_flaggers", |counts| counts.sums.trusted_flaggers),
    ("automated", |counts| counts.sums.automated),
    ("anonymous_share", |counts| match counts.sums.reports {
        0 => 0,
        reports => counts.sums.anonymous * MILLION / reports,
    }),
    ("voices", |counts| counts.distinct_reporters * MILLION),
    ("linked_share", |_| 0),
    ("proven_voices", |_| 0),
];

/// The names of the measures that are known here.
pub fn measures() -> Vec<&'static str> {
    MEASURES.iter().map(|(name, _)| *name).collect()
}

/// A condition, as streams/counting/conditions.py has it.
struct Condition {
    read: Read,
    low: i64,
    high: i64,
}

impl Condition {
    /// None if it has a measure that is not known here.
    fn new((name, low, high): &ConditionRow) -> Option<Self> {
        let (_, read) = MEASURES.iter().find(|(known, _)| known == name)?;
        Some(Condition { read: *read, low: *low, high: *high })
    }

    fn holds(&self, counts: &WindowCounts) -> bool {
        (self.low..self.high).contains(&(self.read)(counts))
    }
}

struct Level {
    number: i64,
    when: Vec<Condition>,
    any_of: Vec<Condition>,
}

impl Level {
    fn holds(&self, counts: &WindowCounts) -> bool {
        let one_of = |any: &[Condition]| any.is_empty() || any.iter().any(|one| one.holds(counts));
        self.when.iter().all(|one| one.holds(counts)) && one_of(&self.any_of)
    }
}

pub struct Policy {
    /// The policy's id and mode: its key in the episodes of a channel.
    pub key: Py<PyAny>,
    /// The place of its window among the windows of the category.
    pub window: usize,
    pub spec: Window,
    pub least_reports: i64,
    /// The ends of the keys of its categories.
    pub suffixes: Vec<Vec<u8>>,
    pub needs_union: bool,
    /// More reporters never lower the level.
    grows: bool,
    /// The highest level first.
    levels: Vec<Level>,
    /// Level 1 is clear while none of these holds.
    lasting: Vec<Condition>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Verdict {
    level: i64,
    clear: bool,
}

impl Policy {
    fn judge(&self, counts: &WindowCounts) -> Verdict {
        match self.levels.iter().find(|level| level.holds(counts)) {
            Some(level) => Verdict { level: level.number, clear: false },
            None => Verdict { level: 0, clear: !self.lasting.iter().any(|one| one.holds(counts)) },
        }
    }

    /// Judge all categories together; None if only Python can, because it keeps the counts of one of them.
    fn judge_categories(&self, store: &mut CountStore, channel: &str, now: i64) -> Option<Verdict> {
        let mut key = Vec::with_capacity(160);
        let mut places = Vec::with_capacity(self.suffixes.len());
        for suffix in &self.suffixes {
            key.clear();
            key.push(b'K');
            key.extend_from_slice(channel.as_bytes());
            key.extend_from_slice(suffix);
            match store.look_up(&key) {
                Found::Nothing => (),
                Found::Foreign => return None,
                Found::Native(at) => places.push(at),
            }
        }
        let mut found: Vec<(&ChannelCounts, WindowCounts)> = Vec::with_capacity(places.len());
        for at in places {
            let counts = store.counts(at);
            let sums = counts.measure(self.spec, now);
            if sums.sums.reports > 0 {
                found.push((counts, sums));
            }
        }
        if found.len() < 2 {
            return Some(self.judge(&found.first().map_or_else(WindowCounts::default, |one| one.1)));
        }
        let mut sums = WindowCounts::default();
        let mut most_distinct = 0;
        for (_, one) in &found {
            sums.sums += one.sums;
            sums.distinct_reporters += one.distinct_reporters;
            most_distinct = most_distinct.max(one.distinct_reporters);
        }
        let most = self.judge(&sums);
        if !self.needs_union {
            return Some(most);
        }
        sums.distinct_reporters = most_distinct;
        if self.grows && most == self.judge(&sums) {
            return Some(most);
        }
        let counts: Vec<&ChannelCounts> = found.iter().map(|one| one.0).collect();
        sums.distinct_reporters = union_distinct(&counts, self.spec, now);
        Some(self.judge(&sums))
    }
}

/// Return whether Python must decide about a report that has been counted: some episode may open, rise or turn clear.
///
/// `windows` are the counts of the category's windows. `open` is the class of open episodes.
pub fn must_decide(
    policies: &[Policy],
    windows: &[WindowCounts],
    store: &mut CountStore,
    episodes: &Bound<PyDict>,
    open: &Bound<PyType>,
    channel: &str,
    now: i64,
) -> PyResult<bool> {
    let py = episodes.py();
    let of_channel = if policies.is_empty() || episodes.is_empty() {
        None
    } else {
        episodes.get_item(PyString::new(py, channel))?
    };
    for policy in policies {
        let episode = match &of_channel {
            None => None,
            Some(all) => all.downcast::<PyDict>()?.get_item(policy.key.bind(py))?,
        };
        let verdict = if policy.suffixes.len() == 1 {
            let counts = &windows[policy.window];
            if episode.is_none() && counts.sums.reports < policy.least_reports {
                continue;
            }
            policy.judge(counts)
        } else {
            match policy.judge_categories(store, channel, now) {
                None => return Ok(true),
                Some(verdict) => verdict,
            }
        };
        let changes = match episode {
            None => verdict.level > 0,
            Some(episode) if episode.is_instance(open)? => {
                let level: i64 = episode.getattr(intern!(py, "level"))?.extract()?;
                let is_clear = !episode.getattr(intern!(py, "clear_since"))?.is_none();
                verdict.level > level || is_clear != verdict.clear
            }
            Some(cooldown) => {
                let last: i64 = cooldown.getattr(intern!(py, "last_level"))?.extract()?;
                verdict.level > last
            }
        };
        if changes {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A condition as handed over: measure, and the steps of it from and below which it holds.
type ConditionRow = (String, i64, i64);

/// A level as handed over: number, conditions that must all hold, conditions of which one must.
type LevelRow = (i64, Vec<ConditionRow>, Vec<ConditionRow>);

/// Policies of a category as handed over: key, window, least reports, suffixes, whether it needs the union, whether it
/// grows, levels, and what must not hold while it is clear.
pub type PolicyRow<'py> =
    (Bound<'py, PyTuple>, usize, i64, Vec<Vec<u8>>, bool, bool, Vec<LevelRow>, Vec<ConditionRow>);

impl Policy {
    /// None if it has a measure that is not known here.
    pub fn new(row: PolicyRow, windows: &[Window]) -> Option<Self> {
        let (key, window, least_reports, suffixes, needs_union, grows, levels, lasting) = row;
        let known = |rows: &[ConditionRow]| rows.iter().map(Condition::new).collect::<Option<Vec<_>>>();
        let levels: Option<Vec<Level>> = levels
            .iter()
            .map(|(number, when, any_of)| {
                Some(Level { number: *number, when: known(when)?, any_of: known(any_of)? })
            })
            .collect();
        Some(Policy {
            key: key.into_any().unbind(),
            window,
            spec: windows[window],
            least_reports,
            suffixes,
            needs_union,
            grows,
            levels: levels?,
            lasting: known(&lasting)?,
        })
    }
}
