//! Whether a report changes an episode, as `_decide` in reports/apply.py and reports/policies.py find out.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::counts::{union_distinct, ChannelCounts, WindowCounts};
use crate::store::{CountStore, Found};
use crate::windows::Window;

const MILLION: i64 = 1_000_000;

/// The measures that policies may have conditions on, of reports without a stamp.
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
}

impl Measure {
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
            _ => return None,
        })
    }

    fn read(self, counts: &WindowCounts) -> i64 {
        match self {
            Measure::Reports => counts.reports,
            Measure::DistinctReporters => counts.distinct_reporters,
            Measure::Risk => counts.risk_millionths,
            Measure::TrustedFlaggers => counts.trusted_flaggers,
            Measure::Automated => counts.automated,
            Measure::AnonymousShare if counts.reports == 0 => 0,
            Measure::AnonymousShare => counts.anonymous * MILLION / counts.reports,
            Measure::Voices => counts.distinct_reporters * MILLION,
            Measure::LinkedShare => 0,
        }
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
    /// The highest level first; all bounds of a level must be reached.
    pub levels: Vec<(i64, Vec<(Measure, i64)>)>,
    pub clear: Vec<(Measure, f64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Verdict {
    level: i64,
    clear: bool,
}

impl Policy {
    fn judge(&self, counts: &WindowCounts) -> Verdict {
        for (level, conditions) in &self.levels {
            if conditions.iter().all(|&(measure, bound)| measure.read(counts) >= bound) {
                return Verdict { level: *level, clear: false };
            }
        }
        let clear = self.clear.iter().all(|&(measure, bound)| (measure.read(counts) as f64) < bound);
        Verdict { level: 0, clear }
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
            if sums.reports > 0 {
                found.push((counts, sums));
            }
        }
        if found.len() < 2 {
            return Some(self.judge(&found.first().map_or_else(WindowCounts::default, |one| one.1)));
        }
        let mut sums = WindowCounts::default();
        let mut most_distinct = 0;
        for (_, one) in &found {
            sums.reports += one.reports;
            sums.distinct_reporters += one.distinct_reporters;
            sums.risk_millionths += one.risk_millionths;
            sums.trusted_flaggers += one.trusted_flaggers;
            sums.automated += one.automated;
            sums.state_actors += one.state_actors;
            sums.anonymous += one.anonymous;
            sums.without_ref += one.without_ref;
            most_distinct = most_distinct.max(one.distinct_reporters);
        }
        let most = self.judge(&sums);
        if !self.needs_union {
            return Some(most);
        }
        sums.distinct_reporters = most_distinct;
        if most == self.judge(&sums) {
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
            if episode.is_none() && counts.reports < policy.least_reports {
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

/// Policies of a category as handed over: key, window, least reports, suffixes, whether it needs the union, levels, clear.
pub type PolicyRow<'py> =
    (Bound<'py, PyTuple>, usize, i64, Vec<Vec<u8>>, bool, Vec<(i64, Vec<(String, i64)>)>, Vec<(String, f64)>);

impl Policy {
    /// None if it has a measure that is not known here.
    pub fn new(row: PolicyRow, windows: &[Window]) -> Option<Self> {
        let (key, window, least_reports, suffixes, needs_union, levels, clear) = row;
        let mut known = Vec::with_capacity(levels.len());
        for (level, conditions) in levels {
            let bounds: Option<Vec<_>> = conditions
                .iter()
                .map(|(name, bound)| Measure::named(name).map(|measure| (measure, *bound)))
                .collect();
            known.push((level, bounds?));
        }
        let clear: Option<Vec<_>> =
            clear.iter().map(|(name, bound)| Measure::named(name).map(|measure| (measure, *bound))).collect();
        Some(Policy {
            key: key.into_any().unbind(),
            window,
            spec: windows[window],
            least_reports,
            suffixes,
            needs_union,
            levels: known,
            clear: clear?,
        })
    }
}
