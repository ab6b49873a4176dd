//! The law of reports, which Python finds (deciding/law/resolution.py): what it publishes of it is kept for similar reports.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::report::Report;

/// Some 10,000 usual reports. When it is full, it is emptied: with few distinct reports it fills again at once.
const CACHED_BYTES: usize = 24 * 1024 * 1024;
/// Of an entry, besides its key and its text.
const ENTRY_BYTES: usize = 200;

/// `json` are the published fields from `jurisdictions` to `rule_of_law`. `country` is the place of the first jurisdiction in
/// `LawCache::countries`. With `armed`, clocks are to be armed, or the text holds for one report only: such reports are Python's.
pub struct Law {
    pub json: Vec<u8>,
    pub protection: i64,
    pub country: usize,
    pub armed: bool,
}

pub struct LawCache {
    resolve: Py<PyAny>,
    /// The days (since the epoch) on which the law changes.
    days: Vec<i64>,
    known: HashMap<Vec<u8>, Law>,
    bytes: usize,
    pub countries: Vec<Py<PyString>>,
    places: HashMap<String, usize>,
    key: Vec<u8>,
}

impl LawCache {
    pub fn new(resolve: Py<PyAny>, days: Vec<i64>) -> Self {
        LawCache {
            resolve,
            days,
            known: HashMap::new(),
            bytes: 0,
            countries: Vec::new(),
            places: HashMap::new(),
            key: Vec::new(),
        }
    }

    /// Return the law of a report, whose record's value is `value`.
    pub fn find(&mut self, report: &Report, value: &Bound<PyBytes>) -> PyResult<&Law> {
        self.write_key(report);
        if !self.known.contains_key(&self.key) {
            self.ask(value)?;
        }
        Ok(&self.known[&self.key])
    }

    fn ask(&mut self, value: &Bound<PyBytes>) -> PyResult<()> {
        let py = value.py();
        let (json, protection, country, armed): (Vec<u8>, i64, String, bool) =
            self.resolve.bind(py).call1((value,))?.extract()?;
        let place = match self.places.get(&country) {
            Some(&place) => place,
            None => {
                self.countries.push(PyString::new(py, &country).unbind());
                self.places.insert(country, self.countries.len() - 1);
                self.countries.len() - 1
            }
        };
        let size = json.len() + self.key.len() + ENTRY_BYTES;
        if self.bytes + size > CACHED_BYTES {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        self.known.insert(self.key.clone(), Law { json, protection, country: place, armed });
        Ok(())
    }

    /// Everything that decides the law of a report: what Resolver.resolve looks at, or more.
    fn write_key(&mut self, report: &Report) {
        let key = &mut self.key;
        key.clear();
        let received = report.received.unwrap_or(report.occurred).day();
        // The era: on how many of those days the law had changed by then.
        key.extend_from_slice(&(self.days.partition_point(|&day| day <= received) as u32).to_le_bytes());
        let reporter = report.reporter.as_ref();
        let kind = reporter.map_or(u8::MAX, |one| one.kind);
        key.extend_from_slice(&[report.category, report.kind, report.channel.visibility, kind]);
        for text in [report.channel.country, reporter.and_then(|one| one.country), report.channel.language] {
            let text = text.unwrap_or("");
            // No text is longer than 128.
            key.push(text.len() as u8);
            key.extend_from_slice(text.as_bytes());
        }
        if let Some(notice) = &report.notice {
            key.push(1);
            let declares = notice.declares.as_deref().unwrap_or(&[]);
            for words in [notice.elements.as_slice(), declares] {
                key.push(words.len() as u8);
                key.extend_from_slice(words);
            }
        } else {
            key.push(0);
        }
        for piece in &report.evidence {
            key.extend_from_slice(piece.country.as_bytes());
            key.push(piece.basis);
            key.extend_from_slice(&piece.confidence.to_bits().to_le_bytes());
        }
    }
}
