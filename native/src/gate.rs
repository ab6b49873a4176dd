//! Reads ordinary reports where they were published and writes the entries of the bundles in which they travel on, as
//! `report_handler` in deciding/reports/handle.py does.
//!
//! Whatever is out of the ordinary is left to Python: what matches a list, for example.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySequence, PyString};
use serde::Deserialize;

use crate::document;
use crate::hash::{home_partition, ReporterHash};
use crate::intake::{Intake, Source};
use crate::known_as::known_as;
use crate::msgpack::{
    write_array, write_bool, write_float, write_int, write_map, write_nil, write_str, write_time, write_uint,
};
use crate::record::{Reading, Record};
use crate::report::Report;
use crate::vocabulary::{Vocabulary, Words};

/// `_LONGEST_TRACEPARENT` of contract/wire/forms/checked_report.py.
const LONGEST_TRACEPARENT: usize = 128;

/// Times are written with 34 bits for the seconds.
const LATEST_MICROS: i64 = (1 << 34) * 1_000_000;

/// To whose home it goes; that partition; about how long the report is in a bundle (`_size` of deciding/reports/handle.py); and
/// its entry.
type Passed<'py> = (u8, u32, usize, Bound<'py, PyBytes>);

/// The first element of `Passed`.
const TO_CHANNEL: u8 = 0;
const TO_REPORTER: u8 = 1;
/// It is at home where it was published.
const HERE: u8 = 2;

/// The document of `streams/deciding/reports/native/gate_rules.py`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateRules {
    vocabulary: Vocabulary,
    event_type: String,
    max_ahead_ms: i64,
    sources: Vec<Source>,
    hash_key: ReporterHash,
    #[serde(deserialize_with = "Option::deserialize")]
    earlier_hash_key: Option<ReporterHash>,
}

/// Reads reports that are published.
#[pyclass(module = "tocsin_native")]
pub struct Gate {
    intake: Intake,
    automated: u8,
    reporter_hash: ReporterHash,
    /// By the key of before, if there is one.
    earlier_hash: Option<ReporterHash>,
    reading: Reading,
    out: Vec<u8>,
}

#[pymethods]
impl Gate {
    #[new]
    #[pyo3(signature = (rules, *, source_of))]
    fn new(rules: &[u8], source_of: PyObject) -> PyResult<Self> {
        let GateRules { vocabulary, event_type, max_ahead_ms, sources, hash_key, earlier_hash_key } =
            document::read(rules)?;
        let intake = Intake::new(vocabulary, event_type, max_ahead_ms, sources, source_of)?;
        Ok(Gate {
            automated: intake.vocabulary.reporters.required("automated").map_err(document::unfit)?,
            reporter_hash: hash_key,
            earlier_hash: earlier_hash_key,
            intake,
            reading: Reading::default(),
            out: Vec::new(),
        })
    }

    /// Read the records from `begin` on, as long as they are of its topic, until one is Python's, or of a time after `until`
    /// (ms), or behind one that is at home here. `place` is (partition, number of partitions). Returns the entries, and the
    /// latest event time.
    fn read<'py>(
        &mut self,
        py: Python<'py>,
        records: &Bound<'py, PySequence>,
        begin: usize,
        place: (u32, u32),
        until: Option<i64>,
    ) -> PyResult<(Vec<Passed<'py>>, i64)> {
        let mut passed = Vec::new();
        let mut latest = 0;
        let mut topic: Option<Bound<'py, PyString>> = None;
        for at in begin..records.len()? {
            let record = records.get_item(at)?;
            let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let Some(held) = self.reading.read(&record)? else { return Ok(None) };
                let Some(record) = held.record() else { return Ok(None) };
                if topic.get_or_insert_with(|| record.topic.clone()).to_str()? != record.topic.to_str()? {
                    return Ok(None);
                }
                self.read_one(py, &record, place, until)
            }))
            .unwrap_or_else(|_| {
                Err(PyRuntimeError::new_err("the native core panicked: its message is above"))
            });
            match read {
                Ok(Some((occurred, entry))) => {
                    latest = latest.max(occurred);
                    let is_here = entry.0 == HERE;
                    passed.push(entry);
                    if is_here {
                        break;
                    }
                }
                // It fails again when it is the first one: then the caller knows which one it is.
                Err(error) if passed.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok((passed, latest))
    }
}

impl Gate {
    fn read_one<'py>(
        &mut self,
        py: Python<'py>,
        record: &Record<'_, 'py>,
        place: (u32, u32),
        until: Option<i64>,
    ) -> PyResult<Option<(i64, Passed<'py>)>> {
        let Some((report, source)) = self.intake.read(record)? else { return Ok(None) };
        let occurred = report.occurred.millis();
        if until.is_some_and(|until| occurred > until)
            || report.occurred.micros.max(report.received.map_or(0, |at| at.micros)) >= LATEST_MICROS
        {
            return Ok(None);
        }
        let who = report.reporter.as_ref();
        let classifier =
            report.classifier.as_ref().filter(|_| who.is_some_and(|who| who.kind == self.automated));
        let names = classifier.map(|classifier| [classifier.name, classifier.version]);
        let known = known_as(who.and_then(|who| who.reference), names)
            .map(|(root, parts)| (self.reporter_hash.of(&root), root, parts));
        let home = match &known {
            Some((hash, _, _)) => home_partition(format!("{hash:016x}").as_bytes(), place.1),
            None => home_partition(report.channel.reference.as_bytes(), place.1),
        };

        let words = &self.intake.vocabulary;
        let out = &mut self.out;
        out.clear();
        // PassedReport or StampedReport, and CheckedReport, of contract/events/internal/passed_report.py.
        write_array(out, if known.is_some() { 4 } else { 2 });
        write_array(out, 16);
        write_str(out, record.topic.to_str()?);
        write_int(out, record.partition);
        write_int(out, record.offset);
        write_int(out, record.timestamp);
        write_int(out, occurred);
        match report.received {
            Some(received) => write_int(out, received.millis()),
            None => write_nil(out),
        }
        write_str(out, words.categories.word(report.category));
        let reporter = report.reporter.as_ref();
        write_text(out, reporter.map(|reporter| words.reporters.word(reporter.kind)));
        match reporter.and_then(|reporter| reporter.member) {
            Some(member) => write_bool(out, member),
            None => write_nil(out),
        }
        write_str(out, report.channel.reference);
        write_text(out, report.message);
        write_str(out, source);
        write_str(out, report.id);
        write_text(out, traceparent(record));
        // How often it was refused before: Python reads those that were.
        write_int(out, 0);
        write_rest(out, &report, words);
        match &known {
            Some((hash, root, parts)) => {
                write_uint(out, *hash);
                match &self.earlier_hash {
                    Some(earlier) => write_uint(out, earlier.of(root)),
                    None => write_nil(out),
                }
                write_array(out, parts.len());
                parts.iter().for_each(|&part| write_uint(out, part));
            }
            // No stamp.
            None => write_nil(out),
        }
        let size = record.value.len() + source.chars().count();
        let to = match &known {
            Some(_) => TO_REPORTER,
            None if home == place.0 => HERE,
            None => TO_CHANNEL,
        };
        Ok(Some((occurred, (to, home, size, PyBytes::new(py, out)))))
    }
}

/// RestOfReport.
fn write_rest(out: &mut Vec<u8>, report: &Report, words: &Vocabulary) {
    let reporter = report.reporter.as_ref();
    write_array(out, 15);
    write_str(out, words.kinds.word(report.kind));
    write_time(out, report.occurred.micros);
    match report.received {
        Some(received) => write_time(out, received.micros),
        None => write_nil(out),
    }
    write_str(out, words.visibilities.word(report.channel.visibility));
    write_text(out, report.channel.country);
    write_text(out, report.channel.language);
    write_text(out, reporter.and_then(|reporter| reporter.reference));
    write_text(out, reporter.and_then(|reporter| reporter.country));
    write_text(out, reporter.and_then(|reporter| reporter.age).map(|age| words.ages.word(age)));
    match &report.classifier {
        Some(classifier) => {
            write_map(out, 3);
            write_str(out, "name");
            write_str(out, classifier.name);
            write_str(out, "version");
            write_str(out, classifier.version);
            write_str(out, "score");
            write_float(out, classifier.score);
        }
        None => write_nil(out),
    }
    write_array(out, report.evidence.len());
    for evidence in &report.evidence {
        write_map(out, 3);
        write_str(out, "country");
        write_str(out, evidence.country);
        write_str(out, "basis");
        write_str(out, words.bases.word(evidence.basis));
        write_str(out, "confidence");
        write_float(out, evidence.confidence);
    }
    match &report.notice {
        Some(notice) => {
            write_map(out, 1 + usize::from(notice.declares.is_some()));
            write_str(out, "elements");
            write_words(out, &notice.elements, &words.elements);
            if let Some(declares) = &notice.declares {
                write_str(out, "declares");
                write_words(out, declares, &words.declarations);
            }
        }
        None => write_nil(out),
    }
    // Times of other zones, a match with a list and a version of the message: Python reads those that have one.
    write_nil(out);
    write_nil(out);
    write_nil(out);
}

fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_str(out, text),
        None => write_nil(out),
    }
}

fn write_words(out: &mut Vec<u8>, places: &[u8], words: &Words) {
    write_array(out, places.len());
    for &place in places {
        write_str(out, words.word(place));
    }
}

/// As `checked_report` takes it: the last of several, and none if it is too long to be one.
fn traceparent<'a>(record: &Record<'a, '_>) -> Option<&'a str> {
    let (_, content) = record.headers.iter().rev().find(|(name, _)| *name == "traceparent")?;
    let value = (*content)?;
    if !(1..=LONGEST_TRACEPARENT).contains(&value.len()) || !value.is_ascii() {
        return None;
    }
    std::str::from_utf8(value).ok()
}
