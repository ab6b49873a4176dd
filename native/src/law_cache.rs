//! The law of reports that are alike, found by Python once (`Resolver` of streams/deciding/law/resolution.py).

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::checked::Checked;
use crate::msgpack::write_str;
use crate::rest::Rest;
use crate::windows::DAY;

/// As `CACHED_REPORTS_BYTES` there; here texts are kept alone.
const MOST_BYTES: usize = 24 * 1024 * 1024;
/// The ordinal of the first day of 1970.
const EPOCH_ORDINAL: i64 = 719_163;

/// What a report's law is published as, and what else it decides.
pub struct Law {
    /// Of the first jurisdiction.
    pub country: String,
    pub protection: i64,
    pub jurisdictions: Vec<u8>,
    pub obligations: Vec<u8>,
    pub routing: Vec<u8>,
    pub rule_of_law: Vec<u8>,
}

type Found = (String, i64, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

pub struct LawCache {
    /// `find(entry)` returns the fields of Law; None for a report that is Python's.
    find: PyObject,
    /// The ordinals of the days on which the law of some report changes.
    days_of_change: Vec<i64>,
    known: HashMap<Vec<u8>, Arc<Law>>,
    bytes: usize,
    key: Vec<u8>,
}

impl LawCache {
    pub fn new(find: PyObject, days_of_change: Vec<i64>) -> Self {
        LawCache { find, days_of_change, known: HashMap::new(), bytes: 0, key: Vec::new() }
    }

    /// The law of a report, which may claim what it claims; None if it is Python's: it arms a clock, or is refused.
    pub fn of(&mut self, entry: &Bound<PyAny>, report: &Checked, rest: &Rest) -> PyResult<Option<Arc<Law>>> {
        self.set_key(report, rest);
        if let Some(law) = self.known.get(&self.key) {
            return Ok(Some(law.clone()));
        }
        let found: Option<Found> = self.find.bind(entry.py()).call1((entry,))?.extract()?;
        let Some((country, protection, jurisdictions, obligations, routing, rule_of_law)) = found else {
            return Ok(None);
        };
        let size =
            self.key.len() + jurisdictions.len() + obligations.len() + routing.len() + rule_of_law.len();
        if self.bytes + size > MOST_BYTES {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        let law = Arc::new(Law { country, protection, jurisdictions, obligations, routing, rule_of_law });
        self.known.insert(self.key.clone(), law.clone());
        Ok(Some(law))
    }

    /// All that the law depends on, and all that the claims do which a publisher may make.
    fn set_key(&mut self, report: &Checked, rest: &Rest) {
        let key = &mut self.key;
        key.clear();
        write_str(key, report.topic);
        write_str(key, report.source);
        write_str(key, report.category);
        let reporter = report.reporter_kind;
        // No country or language is empty.
        let texts = [reporter, rest.country, rest.language, rest.reporter_country];
        for text in texts.into_iter().chain([Some(rest.kind), Some(rest.visibility)]) {
            write_str(key, text.unwrap_or_default());
        }
        let day = report.received.unwrap_or(report.occurred).div_euclid(DAY) + EPOCH_ORDINAL;
        let era = self.days_of_change.partition_point(|&change| change <= day);
        key.extend_from_slice(&(era as u32).to_be_bytes());
        key.extend_from_slice(rest.evidence_bytes);
        key.extend_from_slice(rest.notice_bytes);
    }
}
