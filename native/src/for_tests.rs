//! What the tests call to compare the reading of reports with Python's. A worker calls none of it.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::PyTuple;

use crate::envelope::Envelope;
use crate::report::{read_report, Report};
use crate::vocabulary::{Vocabulary, Words};

/// For the tests: the fields of a report in the order of `Report`, or None if Python has to read it.
///
/// Objects are tuples. Times are in microseconds since the epoch.
#[pyfunction]
pub fn read_report_fields<'py>(
    python: Python<'py>,
    value: &[u8],
    lists: HashMap<String, Vec<String>>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let words = Vocabulary::new(&lists).map_err(PyValueError::new_err)?;
    read_report(value, &words).map(|report| fields(&report, &words, python)).transpose()
}

/// For the tests: the `source` of a record with these headers, or None if Python has to look.
#[pyfunction]
pub fn read_source(headers: Vec<(PyBackedStr, Option<PyBackedBytes>)>, event_type: &[u8]) -> Option<String> {
    let mut envelope = Envelope::new();
    for (name, value) in &headers {
        envelope.header(name, value.as_deref());
    }
    envelope.source(event_type).map(str::to_owned)
}

fn fields<'py>(report: &Report, words: &Vocabulary, python: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
    let channel = &report.channel;
    (
        report.id,
        words.kinds.word(report.kind),
        report.occurred.micros,
        report.received.map(|moment| moment.micros),
        (channel.reference, words.visibilities.word(channel.visibility), channel.country, channel.language),
        words.categories.word(report.category),
        report.message,
        report.reporter.as_ref().map(|reporter| {
            let age = reporter.age.map(|age| words.ages.word(age));
            (words.reporters.word(reporter.kind), reporter.reference, reporter.country, reporter.member, age)
        }),
        report.classifier.as_ref().map(|classifier| (classifier.name, classifier.version, classifier.score)),
        report
            .evidence
            .iter()
            .map(|evidence| (evidence.country, words.bases.word(evidence.basis), evidence.confidence))
            .collect::<Vec<_>>(),
        report.notice.as_ref().map(|notice| {
            let declares = notice.declares.as_deref();
            (
                listed(&notice.elements, &words.elements),
                declares.map(|places| listed(places, &words.declarations)),
            )
        }),
    )
        .into_pyobject(python)
}

fn listed<'a>(places: &[u8], words: &'a Words) -> Vec<&'a str> {
    places.iter().map(|place| words.word(*place)).collect()
}
