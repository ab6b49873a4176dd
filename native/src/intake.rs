//! Reads a published report from its record, as `read_report` does, and checks what it claims, as `check_claims` in
//! deciding/reports/claims.py does.

use std::collections::{HashMap, HashSet};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::envelope::Envelope;
use crate::handed_over::{field, place_of};
use crate::record::Record;
use crate::report::{read_report, Report};
use crate::times::Moment;
use crate::vocabulary::Vocabulary;

/// Kinds of reports and of reporters that are allowed, and the names of publishers if they are.
type RightsRow = (Vec<bool>, Vec<bool>, Option<HashSet<String>>);

/// What the reports of a source topic may claim (SourceRights), by place in the vocabulary.
struct Rights {
    kinds: Vec<bool>,
    reporters: Vec<bool>,
    ce_sources: Option<HashSet<String>>,
}

/// Takes reports as publishers write them.
pub struct Intake {
    pub vocabulary: Vocabulary,
    event_type: Vec<u8>,
    rights: Vec<Rights>,
    source_of: Py<PyAny>,
    /// Topics seen, as named in records, with the place of their rights; None if their records are Python's.
    topics: HashMap<String, Option<usize>>,
    max_ahead_ms: i64,
    anonymous: u8,
}

impl Intake {
    /// `rules` are those of `streams/deciding/reports/native/reading_rules.py`.
    pub fn new(rules: &Bound<PyDict>) -> PyResult<Self> {
        let lists: HashMap<String, Vec<String>> = field(rules, "vocabulary")?;
        let vocabulary = Vocabulary::new(&lists).map_err(PyValueError::new_err)?;
        let rows: Vec<RightsRow> = field(rules, "sources")?;
        let rights = rows
            .into_iter()
            .map(|(kinds, reporters, ce_sources)| Rights { kinds, reporters, ce_sources })
            .collect();
        Ok(Intake {
            event_type: field(rules, "event_type")?,
            rights,
            source_of: field(rules, "source_of")?,
            topics: HashMap::new(),
            max_ahead_ms: field(rules, "max_ahead_ms")?,
            anonymous: place_of(&vocabulary.reporters, "anonymous")?,
            vocabulary,
        })
    }

    /// The report in a record, and the source of its event; None if Python has to read it.
    pub fn read<'a>(&mut self, record: &Record<'a, '_>) -> PyResult<Option<(Report<'a>, &'a str)>> {
        let Some(rights) = self.rights_of(record.topic)? else { return Ok(None) };
        let mut envelope = Envelope::new();
        for (name, content) in &record.headers {
            envelope.header(name, *content);
        }
        let Some(source) = envelope.source(&self.event_type) else { return Ok(None) };
        let report = read_report(record.value, &self.vocabulary).filter(|report| {
            self.is_timely(report, record.timestamp) && self.may_claim(rights, report, source)
        });
        Ok(report.map(|report| (report, source)))
    }

    /// The place of the rights of a topic, None if its records are Python's.
    fn rights_of(&mut self, topic: &Bound<PyString>) -> PyResult<Option<usize>> {
        let name = topic.to_str()?;
        if let Some(&place) = self.topics.get(name) {
            return Ok(place);
        }
        let place: Option<usize> = self.source_of.bind(topic.py()).call1((topic,))?.extract()?;
        self.topics.insert(name.to_owned(), place);
        Ok(place)
    }

    fn may_claim(&self, rights: usize, report: &Report, source: &str) -> bool {
        let rights = &self.rights[rights];
        let kind = report.reporter.as_ref().map_or(self.anonymous, |one| one.kind);
        rights.kinds[usize::from(report.kind)]
            && rights.reporters[usize::from(kind)]
            && rights.ce_sources.as_ref().is_none_or(|names| names.contains(source))
    }

    /// Whether the times of a report that was appended at some time (ms) are no further ahead than `read_report` takes.
    fn is_timely(&self, report: &Report, appended: i64) -> bool {
        let latest = appended.saturating_add(self.max_ahead_ms);
        let timely = |moment: Moment| (0..=latest).contains(&moment.millis());
        timely(report.occurred) && report.received.is_none_or(timely)
    }
}
