//! What a report may claim in the topic to which it was published, as `check_claims` in deciding/reports/claims.py decides, and
//! which of its times are taken.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::handed_over::field;
use crate::report::Report;
use crate::times::Moment;

/// Kinds of reports and of reporters that are allowed, and the names of publishers if they are.
type RightsRow = (Vec<bool>, Vec<bool>, Option<HashSet<String>>);

/// What the reports of a source topic may claim (SourceRights), by place in the vocabulary.
struct Rights {
    kinds: Vec<bool>,
    reporters: Vec<bool>,
    ce_sources: Option<HashSet<String>>,
}

pub struct Claims {
    rights: Vec<Rights>,
    source_of: Py<PyAny>,
    /// Topics seen, as named in records, with the place of their rights; None if their records are Python's.
    topics: HashMap<String, Option<usize>>,
    max_ahead_ms: i64,
    anonymous: u8,
}

impl Claims {
    /// `anonymous` is the place of that kind of reporter in the vocabulary.
    pub fn new(rules: &Bound<PyDict>, anonymous: u8) -> PyResult<Self> {
        let rows: Vec<RightsRow> = field(rules, "sources")?;
        let rights = rows
            .into_iter()
            .map(|(kinds, reporters, ce_sources)| Rights { kinds, reporters, ce_sources })
            .collect();
        Ok(Claims {
            rights,
            source_of: field(rules, "source_of")?,
            topics: HashMap::new(),
            max_ahead_ms: field(rules, "max_ahead_ms")?,
            anonymous,
        })
    }

    /// The place of the rights of a topic, None if its records are Python's.
    pub fn rights_of(&mut self, topic: &Bound<PyString>) -> PyResult<Option<usize>> {
        let name = topic.to_str()?;
        if let Some(&place) = self.topics.get(name) {
            return Ok(place);
        }
        let place: Option<usize> = self.source_of.bind(topic.py()).call1((topic,))?.extract()?;
        self.topics.insert(name.to_owned(), place);
        Ok(place)
    }

    pub fn may_claim(&self, rights: usize, report: &Report, source: &str) -> bool {
        let rights = &self.rights[rights];
        let kind = report.reporter.as_ref().map_or(self.anonymous, |one| one.kind);
        rights.kinds[usize::from(report.kind)]
            && rights.reporters[usize::from(kind)]
            && rights.ce_sources.as_ref().is_none_or(|names| names.contains(source))
    }

    /// Whether the times of a report that was appended at some time (ms) are no further ahead than `read_report` takes.
    pub fn is_timely(&self, report: &Report, appended: i64) -> bool {
        let latest = appended.saturating_add(self.max_ahead_ms);
        let timely = |moment: Moment| (0..=latest).contains(&moment.millis());
        timely(report.occurred) && report.received.is_none_or(timely)
    }
}
