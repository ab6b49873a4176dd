//! Reads a published report from its record, as `read_report` does, and checks what it claims, as `check_claims` in
//! deciding/reports/claims.py does.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::Deserialize;

use crate::document::unfit;
use crate::envelope::Envelope;
use crate::record::Record;
use crate::report::{read_report, Report};
use crate::times::Moment;
use crate::vocabulary::{Vocabulary, Words};

/// What the reports of a source topic may claim (SourceRights).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    topic: String,
    kinds: Vec<String>,
    reporters: Vec<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    ce_sources: Option<HashSet<String>>,
}

/// The same, by place in the vocabulary.
struct Rights {
    topic: String,
    kinds: Vec<bool>,
    reporters: Vec<bool>,
    ce_sources: Option<HashSet<String>>,
}

/// Takes reports as publishers write them.
pub struct Intake {
    pub vocabulary: Vocabulary,
    event_type: Vec<u8>,
    rights: Vec<Rights>,
    /// Returns the name that a record's topic has among the rights; None if its records are Python's.
    source_of: PyObject,
    /// Topics seen, as named in records, with the place of their rights; None if their records are Python's.
    topics: HashMap<String, Option<usize>>,
    max_ahead_ms: i64,
    anonymous: u8,
}

impl Intake {
    pub fn new(
        vocabulary: Vocabulary,
        event_type: String,
        max_ahead_ms: i64,
        sources: Vec<Source>,
        source_of: PyObject,
    ) -> PyResult<Self> {
        let rights = sources.into_iter().map(|source| {
            Ok(Rights {
                topic: source.topic,
                kinds: allowed(&vocabulary.kinds, &source.kinds)?,
                reporters: allowed(&vocabulary.reporters, &source.reporters)?,
                ce_sources: source.ce_sources,
            })
        });
        Ok(Intake {
            event_type: event_type.into_bytes(),
            rights: rights.collect::<PyResult<_>>()?,
            source_of,
            topics: HashMap::new(),
            max_ahead_ms,
            anonymous: vocabulary.reporters.required("anonymous").map_err(unfit)?,
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
        let source: Option<String> = self.source_of.bind(topic.py()).call1((topic,))?.extract()?;
        let place = source.map(|source| self.place_of(&source)).transpose()?;
        self.topics.insert(name.to_owned(), place);
        Ok(place)
    }

    fn place_of(&self, source: &str) -> PyResult<usize> {
        let place = self.rights.iter().position(|rights| rights.topic == source);
        place.ok_or_else(|| unfit(format!("`sources` lacks {source}")))
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

/// For each word whether it is among those that are allowed.
fn allowed(words: &Words, names: &[String]) -> PyResult<Vec<bool>> {
    let mut row = vec![false; words.len()];
    for name in names {
        row[usize::from(words.required(name).map_err(unfit)?)] = true;
    }
    Ok(row)
}
