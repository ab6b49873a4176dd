//! Notes ordinary reports at the home of their reporter and writes the entries in which they travel on to their channel,
//! as `handle_passed_report` in deciding/reporters/handle.py does.
//!
//! A report is Python's if its reporter was warned or is known under an earlier key, if it may be a duplicate, if it is a
//! detector's first one in an hour or beyond what it usually finds, and if a person should look at its reporter. What outcomes
//! say of a reporter is Python's too, once for a reporter, category and day.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySequence, PySet};

use crate::checked::Passed;
use crate::counts::STATE_VERSION;
use crate::document;
use crate::entry_bytes::bytes_of;
use crate::event_time::EventTime;
use crate::hash::{event_hash, home_partition, ReporterHash};
use crate::id_table::IdTable;
use crate::msgpack::{write_array, write_bin, write_bool, write_float, write_int, write_str, write_uint};
use crate::part::Part;
use crate::record_store::RecordStore;
use crate::reporter::{Reporter, PERIOD_DAYS};
use crate::reporter_rules::{Kind, Known, ReporterHomeRules};
use crate::targets::{write_signature, LATEST_S, SIGNATURE_BYTES};
use crate::windows::{DAY, HOUR};

/// `REPORTER` of deciding/reporters/reporter.py.
const REPORTER: u8 = b'W';
/// `PART` and `WHOLE` of deciding/reporters/part.py, and `_LATE_MS` of deciding/reporters/findings.py.
const PART: u8 = b'F';
const WHOLE: u64 = 0;
const LATE_MS: i64 = HOUR;
/// `QUIET_DAYS` of deciding/reporters/store.py.
const QUIET_DAYS: i64 = 22;
/// Of EXPIRY_DAY in counting/expiry.py.
const EXPIRY_DAY: usize = 4;
/// `SILENT_DAYS` of deciding/reporters/store.py.
const SILENT_DAYS: i64 = 360;
/// What Python said of so many reporters is kept: some 300 bytes each. A busy partition sees as many with outcomes in a minute.
const MOST_KNOWN: usize = 10_000;
/// `_ENTRY_BYTES` of deciding/reporters/handle.py.
const ENTRY_BYTES: usize = 300;
/// Most records are shorter, so that writing one seldom moves it.
const USUAL_BYTES: usize = 256;

/// Notes reports by one set of rules.
#[pyclass(module = "tocsin_native")]
pub struct ReporterHome {
    kinds: HashMap<String, Kind>,
    /// Whether no limit cuts the weight of a report, by category.
    floor: HashMap<String, bool>,
    /// By the number of bits.
    channels: Vec<i64>,
    hash: ReporterHash,
    /// `known_of` of deciding/reporters/native/known.py: what is known of a reporter, given kind, category, day, record, and
    /// the records of the parts that found the message; None if the report is Python's.
    known_of: PyObject,
    /// Its answers, by all that they follow from.
    known: HashMap<Vec<u8>, Option<Known>>,
    text: Vec<u8>,
}

/// The hashes of known reports: those of the current slot, and all others.
type Recent<'py> = (Bound<'py, PySet>, Bound<'py, IdTable>);

/// Home, size and bytes of an entry.
type Bundled<'py> = (u32, usize, Bound<'py, PyBytes>);

/// What a call has done.
#[pyclass(module = "tocsin_native", get_all)]
pub struct Noted {
    now: i64,
    newest_append: i64,
    over_limit: usize,
    /// The number of stamps by class of trust.
    stamped: HashMap<String, usize>,
    /// The hashes to remember.
    hashes: Vec<u64>,
    event_times: Vec<i64>,
    entries: Vec<(u32, usize, Py<PyBytes>)>,
    /// The mean of trust of each finding of a detector.
    findings: Vec<f64>,
}

/// What a call has noted so far.
struct Progress<'py> {
    time: EventTime,
    /// Before which time all reports must be.
    limit: i64,
    fresh: HashSet<u64>,
    hashes: Vec<u64>,
    event_times: Vec<i64>,
    over_limit: usize,
    stamped: HashMap<String, usize>,
    entries: Vec<Bundled<'py>>,
    findings: Vec<f64>,
}

#[pymethods]
impl ReporterHome {
    #[new]
    #[pyo3(signature = (rules, *, known_of))]
    fn new(rules: &[u8], known_of: PyObject) -> PyResult<Self> {
        let rules: ReporterHomeRules = document::read(rules)?;
        Ok(ReporterHome {
            kinds: rules.reporters.into_iter().map(Kind::of).collect(),
            floor: rules.categories.into_iter().map(|row| (row.category, row.floor)).collect(),
            channels: rules.channels,
            hash: rules.hash_key,
            known_of,
            known: HashMap::new(),
            text: Vec::new(),
        })
    }

    /// Note the entries from `begin` on and before `end`, until one is Python's.
    ///
    /// `time` is (now, newest append time, limit), in ms. `recent` has the hashes of known reports, `stores` the records of
    /// reporters and of parts of detectors, and `newcomers` those that publishers bring.
    #[allow(clippy::too_many_arguments)]
    fn apply<'py>(
        &mut self,
        entries: &Bound<'py, PySequence>,
        begin: usize,
        end: usize,
        partitions: u32,
        time: (i64, i64, i64),
        recent: Recent<'py>,
        stores: (Bound<'py, RecordStore>, Bound<'py, RecordStore>),
        newcomers: &Bound<'py, PyAny>,
    ) -> PyResult<Noted> {
        let mut progress = Progress {
            time: EventTime { now: time.0, newest_append: time.1 },
            limit: time.2,
            fresh: HashSet::new(),
            hashes: Vec::new(),
            event_times: Vec::new(),
            over_limit: 0,
            stamped: HashMap::new(),
            entries: Vec::new(),
            findings: Vec::new(),
        };
        for at in begin..end {
            let noted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.note(&entries.get_item(at)?, partitions, &mut progress, &recent, &stores, newcomers)
            }))
            .unwrap_or_else(|_| {
                Err(PyRuntimeError::new_err("the native core panicked: its message is above"))
            });
            match noted {
                Ok(Some(())) => {}
                // It fails again when it is the first one: then the caller knows which one it is.
                Err(error) if progress.hashes.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Noted {
            now: progress.time.now,
            newest_append: progress.time.newest_append,
            over_limit: progress.over_limit,
            stamped: progress.stamped,
            hashes: progress.hashes,
            event_times: progress.event_times,
            entries: progress
                .entries
                .into_iter()
                .map(|(home, size, entry)| (home, size, entry.unbind()))
                .collect(),
            findings: progress.findings,
        })
    }
}

impl ReporterHome {
    /// Note a report that was passed on; None if it is Python's, with nothing changed.
    fn note<'py>(
        &mut self,
        entry: &Bound<'py, PyAny>,
        partitions: u32,
        progress: &mut Progress<'py>,
        recent: &Recent<'py>,
        (store, parts_store): &(Bound<'py, RecordStore>, Bound<'py, RecordStore>),
        newcomers: &Bound<'py, PyAny>,
    ) -> PyResult<Option<()>> {
        let py = entry.py();
        let bytes = bytes_of(entry)?;
        let Some(passed) = Passed::read(&bytes).filter(|passed| !passed.has_earlier) else { return Ok(None) };
        let Passed { report, report_bytes, reporter: hashed, .. } = passed;
        let Some(name) = report.reporter_kind else { return Ok(None) };
        let (Some(kind), Some(&floor)) = (self.kinds.get(name), self.floor.get(report.category)) else {
            return Ok(None);
        };
        let occurred = report.occurred;
        let received = report.received.unwrap_or(occurred);
        let now = progress.time.now.max(occurred);
        if now >= progress.limit || occurred < 0 || !(0..LATEST_S * 1_000).contains(&received) {
            return Ok(None);
        }
        let (source, channel) = (report.source, report.channel);
        let event = event_hash(source, report.id, channel, &mut self.text);
        if progress.fresh.contains(&event) || recent.1.borrow().contains(event) || recent.0.contains(event)? {
            return Ok(None);
        }
        let key = state_key(hashed);
        let stored = store.borrow().bytes_of(py, &key)?;
        let is_new = stored.is_none();
        let read =
            stored.as_ref().map_or_else(|| Some(Reporter::default()), |record| Reporter::read(body(record)));
        let day = now / DAY;
        let Some(mut reporter) = read.filter(|reporter| !reporter.fades(day)) else { return Ok(None) };

        let mut records = Vec::new();
        let mut parts = Vec::new();
        if let Some(band) = &kind.band {
            if is_new || occurred < now - LATE_MS {
                return Ok(None);
            }
            let keys = [WHOLE].iter().chain(&passed.parts).map(|&part| part_key(hashed, part));
            for key in keys {
                let Some(record) = parts_store.borrow().bytes_of(py, &key)? else { return Ok(None) };
                records.push((key, record));
            }
            for (_, record) in &records {
                let Some(part) = Part::read(body(record), now / HOUR, band) else { return Ok(None) };
                parts.push(part);
            }
            // What is known of a part fades, too.
            if parts.iter().skip(1).any(|part| part.period != day / PERIOD_DAYS) {
                return Ok(None);
            }
        }
        let known = match stored.filter(|_| reporter.outcomes.is_some() || parts.len() > 1) {
            Some(record) => {
                let mut place = Vec::new();
                place.extend_from_slice(&day.to_le_bytes());
                place.extend_from_slice(format!("{name}\0{}\0", report.category).as_bytes());
                parts.iter().skip(1).for_each(|part| place.extend_from_slice(part.sums));
                reporter.write_known(&mut place);
                let ask = || {
                    let found = records.iter().skip(1).map(|(_, record)| PyBytes::new(py, body(record)));
                    let found = PyList::new(py, found)?;
                    let asked = (name, report.category, day, PyBytes::new(py, body(&record)), found);
                    self.known_of.bind(py).call1(asked)?.extract()
                };
                match answer(&mut self.known, place, ask)? {
                    Some(known) => known,
                    None => return Ok(None),
                }
            }
            None => &kind.untried,
        };
        let bits = reporter.note(day, self.hash.of(&format!("{channel}\0")));
        if kind.many_channels.is_some_and(|many| bits >= many && !reporter.activity.shown) {
            return Ok(None);
        }
        let is_over = kind.reports_per_day.is_some_and(|most| reporter.activity.reports > most);
        let member = report.member != Some(false);
        let mut signature = None;
        if kind.has_signature {
            let target = match report.message {
                Some(message) => self.hash.of(&format!("{channel}\0{message}")),
                None => self.hash.of(&format!("{channel}\0\0{}", received / DAY)),
            };
            let now_s = now / 1_000;
            reporter.targets.report(now_s, received / 1_000, target, member);
            signature =
                Some(reporter.targets.signature(now_s)).filter(|found| found.iter().any(|bin| *bin != 0));
        }
        if is_new {
            let newcomer = ("reporters", report.topic, source, now);
            if newcomers.call_method1(intern!(py, "admit"), newcomer).is_err() {
                // Python is told so again, and refuses the report.
                return Ok(None);
            }
        }

        // From here on nothing is left to Python.
        let mut out = Vec::with_capacity(ENTRY_BYTES + report_bytes.len());
        write_array(&mut out, 2);
        out.extend_from_slice(report_bytes);
        // StoredStamp.
        write_array(&mut out, 13);
        let trust = &known.trust;
        write_str(&mut out, &trust.trust_class);
        [trust.mean, trust.lower, trust.outcomes]
            .into_iter()
            .for_each(|number| write_float(&mut out, number));
        write_float(&mut out, if is_over && !floor { 0.0 } else { trust.factor });
        write_bool(&mut out, known.first_time);
        write_bool(&mut out, is_over);
        write_bin(&mut out, signature.map_or(0, |_| SIGNATURE_BYTES));
        signature.iter().for_each(|signature| write_signature(&mut out, signature));
        // `evidence_needed` of counting/coordination/signature.py.
        write_int(&mut out, 1 + i64::from(member) + i64::from(trust.vouched));
        write_array(&mut out, known.proof.len());
        known.proof.iter().for_each(|&tag| write_uint(&mut out, tag));
        // Neither paused nor watched.
        write_bool(&mut out, false);
        write_bool(&mut out, false);
        write_int(&mut out, self.channels[bits]);
        let size = ENTRY_BYTES + source.chars().count() + report.rest.len();
        progress.entries.push((home_partition(channel.as_bytes(), partitions), size, PyBytes::new(py, &out)));

        let mut record = Vec::with_capacity(USUAL_BYTES);
        record.push(STATE_VERSION);
        reporter.write(&mut record);
        let kept_days = if reporter.is_tried() { SILENT_DAYS } else { QUIET_DAYS };
        record.extend_from_slice(&((day + kept_days) as u32).to_be_bytes());
        store.borrow_mut().put_bytes(&key, &record);
        for ((key, _), part) in records.iter().zip(&parts) {
            record.clear();
            record.push(STATE_VERSION);
            part.write_found(&mut record);
            let kept_days = if part.has_outcomes() { SILENT_DAYS } else { QUIET_DAYS };
            record.extend_from_slice(&((day + kept_days) as u32).to_be_bytes());
            parts_store.borrow_mut().put_bytes(key, &record);
        }
        if kind.band.is_some() {
            progress.findings.push(trust.mean);
        }
        progress.time.advance(occurred, report.appended);
        progress.fresh.insert(event);
        progress.hashes.push(event);
        progress.event_times.push(occurred);
        progress.over_limit += usize::from(is_over);
        match progress.stamped.get_mut(&trust.trust_class) {
            Some(number) => *number += 1,
            None => drop(progress.stamped.insert(trust.trust_class.clone(), 1)),
        }
        Ok(Some(()))
    }
}

/// What Python said before, or says now.
fn answer(
    known: &mut HashMap<Vec<u8>, Option<Known>>,
    place: Vec<u8>,
    ask: impl FnOnce() -> PyResult<Option<Known>>,
) -> PyResult<Option<&Known>> {
    if known.len() >= MOST_KNOWN && !known.contains_key(&place) {
        known.clear();
    }
    Ok(match known.entry(place) {
        Entry::Occupied(held) => held.into_mut(),
        Entry::Vacant(free) => free.insert(ask()?),
    }
    .as_ref())
}

/// The state key of a part of the source with this hash.
fn part_key(source: u64, part: u64) -> [u8; 17] {
    let mut key = [PART; 17];
    key[1..9].copy_from_slice(&source.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The state key of a reporter.
fn state_key(reporter: u64) -> [u8; 9] {
    let mut key = [REPORTER; 9];
    key[1..].copy_from_slice(&reporter.to_be_bytes());
    key
}

/// A state record without version and day of expiry.
fn body(record: &[u8]) -> &[u8] {
    record.get(1..record.len().saturating_sub(EXPIRY_DAY)).unwrap_or_default()
}
