//! What the tests call to compare the reading of reports with Python's. A worker calls none of it.

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyTuple};

use crate::document;
use crate::enriched::{Enriched, Shown, Trust};
use crate::envelope::Envelope;
use crate::json;
use crate::report::{read_report, Report};
use crate::rest::{Rest, Time};
use crate::risk::{Risk, RiskModel};
use crate::vocabulary::{Vocabulary, Words};

/// For the tests: the fields of a report in the order of `Report`, or None if Python has to read it.
///
/// Objects are tuples. Times are in microseconds since the epoch. `vocabulary` is that of the gate's document.
#[pyfunction]
pub fn read_report_fields<'py>(
    python: Python<'py>,
    value: &[u8],
    vocabulary: &[u8],
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let words: Vocabulary = document::read(vocabulary)?;
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

/// For the tests: the fields of a rest in the order of `Rest`, or None if Python has to read it.
///
/// Objects are tuples. Times are seconds since the epoch and microseconds.
#[pyfunction]
pub fn read_rest<'py>(python: Python<'py>, bytes: &[u8]) -> PyResult<Option<Bound<'py, PyTuple>>> {
    Rest::read(bytes).map(|rest| rest_fields(&rest, python)).transpose()
}

fn rest_fields<'py>(rest: &Rest, python: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
    let time = |time: Time| (time.seconds, time.micros);
    let evidence: Vec<_> = rest
        .evidence
        .iter()
        .map(|evidence| (evidence.country, evidence.basis, evidence.confidence))
        .collect();
    let fields = [
        rest.kind.into_pyobject(python)?.into_any(),
        time(rest.occurred).into_pyobject(python)?.into_any(),
        rest.received.map(time).into_pyobject(python)?,
        rest.visibility.into_pyobject(python)?.into_any(),
        rest.country.into_pyobject(python)?,
        rest.language.into_pyobject(python)?,
        rest.reporter_ref.into_pyobject(python)?,
        rest.reporter_country.into_pyobject(python)?,
        rest.account_age.into_pyobject(python)?,
        rest.classifier
            .as_ref()
            .map(|classifier| (classifier.name, classifier.version, classifier.score))
            .into_pyobject(python)?,
        evidence.into_pyobject(python)?,
        PyBytes::new(python, rest.evidence_bytes).into_any(),
        rest.notice.as_ref().map(|notice| (&notice.elements, &notice.declares)).into_pyobject(python)?,
        PyBytes::new(python, rest.notice_bytes).into_any(),
        rest.has_times.into_pyobject(python)?.to_owned().into_any(),
        rest.has_match.into_pyobject(python)?.to_owned().into_any(),
        rest.message_version.into_pyobject(python)?,
        rest.members.into_pyobject(python)?,
        rest.channel_kind.into_pyobject(python)?.into_any(),
    ];
    PyTuple::new(python, fields)
}

/// What to score: category, kind, membership and age, factor, score of a classifier.
type Question = (PyBackedStr, PyBackedStr, Option<bool>, Option<PyBackedStr>, f64, Option<f64>);

/// A risk as JSON, and in millionths.
type Scored<'py> = (Bound<'py, PyBytes>, i64);

/// For the tests: the risk of each report; None if there is no such cohort. `risk` is that of the document for channels.
#[pyfunction]
pub fn score_reports<'py>(
    python: Python<'py>,
    risk: &[u8],
    questions: Vec<Question>,
) -> PyResult<Vec<Option<Scored<'py>>>> {
    let model: RiskModel = document::read(risk)?;
    let answer = |(category, kind, member, age, factor, classifier): &Question| {
        let risk = model.score(category, kind, *member, age.as_deref(), *factor, *classifier)?;
        let mut text = Vec::new();
        risk.write(&mut text);
        Some((PyBytes::new(python, &text), risk.millionths()))
    };
    Ok(questions.iter().map(answer).collect())
}

/// For the tests: texts, floats, integers and times (seconds since the epoch, microseconds), each written as JSON, a line each.
#[pyfunction]
pub fn write_json<'py>(
    python: Python<'py>,
    texts: Vec<PyBackedStr>,
    floats: Vec<f64>,
    ints: Vec<i64>,
    times: Vec<(i64, u32)>,
) -> Bound<'py, PyBytes> {
    let mut out = Vec::new();
    for text in &texts {
        json::write_text(&mut out, text);
        out.push(b'\n');
    }
    for number in floats {
        json::write_float(&mut out, number);
        out.push(b'\n');
    }
    for number in ints {
        json::write_int(&mut out, number);
        out.push(b'\n');
    }
    for (seconds, micros) in times {
        json::write_time(&mut out, seconds, micros);
        out.push(b'\n');
    }
    PyBytes::new(python, &out)
}

/// `Enriched`, with `rest` as bytes and objects as tuples.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Parts {
    report_id: PyBackedStr,
    channel: PyBackedStr,
    category: PyBackedStr,
    message: Option<PyBackedStr>,
    reporter_kind: Option<PyBackedStr>,
    member: Option<bool>,
    rest: PyBackedBytes,
    jurisdictions: PyBackedBytes,
    obligations: PyBackedBytes,
    routing: PyBackedBytes,
    rule_of_law: PyBackedBytes,
    dsa: PyBackedBytes,
    factor: f64,
    windows: Vec<(PyBackedStr, i64, i64, i64, i64, i64)>,
    counted: bool,
    versions: PyBackedBytes,
    topic: PyBackedStr,
    partition: i64,
    offset: i64,
    trust: Option<(PyBackedStr, f64, f64, f64, bool)>,
    finding: Option<PyBackedBytes>,
    possible_repeat: bool,
}

impl Parts {
    fn risk(&self, rest: &Rest, model: &RiskModel) -> Option<Risk> {
        let kind = self.reporter_kind.as_deref().unwrap_or("anonymous");
        let classifier = rest.classifier.as_ref().map(|classifier| classifier.score);
        model.score(&self.category, kind, self.member, rest.account_age, self.factor, classifier)
    }

    fn write(&self, model: &RiskModel, out: &mut Vec<u8>) -> Option<()> {
        let rest = Rest::read(&self.rest)?;
        let risk = self.risk(&rest, model)?;
        let windows: Vec<Shown> = self
            .windows
            .iter()
            .map(|(text, reports, distinct_reporters, trusted_flaggers, automated, risk)| Shown {
                text,
                reports: *reports,
                distinct_reporters: *distinct_reporters,
                trusted_flaggers: *trusted_flaggers,
                automated: *automated,
                risk: *risk,
            })
            .collect();
        let enriched = Enriched {
            report_id: &self.report_id,
            channel: &self.channel,
            category: &self.category,
            message: self.message.as_deref(),
            reporter_kind: self.reporter_kind.as_deref(),
            member: self.member,
            rest: &rest,
            jurisdictions: &self.jurisdictions,
            obligations: &self.obligations,
            routing: &self.routing,
            rule_of_law: &self.rule_of_law,
            dsa: &self.dsa,
            risk: &risk,
            windows: &windows,
            counted: self.counted,
            versions: &self.versions,
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            trust: self.trust.as_ref().map(|(class, mean, lower, outcomes, over_limit)| Trust {
                trust_class: class,
                mean: *mean,
                lower: *lower,
                outcomes: *outcomes,
                over_limit: *over_limit,
            }),
            finding: self.finding.as_deref(),
            possible_repeat: self.possible_repeat,
        };
        enriched.write(out);
        Some(())
    }
}

/// For the tests: each enriched report, or None if Python has to write it.
#[pyfunction]
pub fn write_enriched<'py>(
    python: Python<'py>,
    risk: &[u8],
    reports: Vec<Parts>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let model: RiskModel = document::read(risk)?;
    let write = |parts: &Parts| {
        let mut out = Vec::new();
        parts.write(&model, &mut out).map(|_| PyBytes::new(python, &out))
    };
    Ok(reports.iter().map(write).collect())
}
