//! Applies ordinary reports, as `report_handler` in deciding/reports/handle.py and `apply_report` in deciding/reports/apply.py do.
//!
//! Whatever is out of the ordinary is left to Python, which reads it again and is the judge. Nothing is changed for a report
//! before it is certain that it is ordinary.

use std::collections::HashSet;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySequence, PyString, PyTuple, PyType};

use crate::counts::ReporterKind;
use crate::daily::{CountedRow, DailyCells};
use crate::enriched::{write_report, write_windows};
use crate::handed_over::{field, place_of};
use crate::hash::{event_hash, home_partition, ReporterHash};
use crate::intake::Intake;
use crate::json::{write_integer, write_string};
use crate::judge::{must_decide, Policy, PolicyRow};
use crate::law::LawCache;
use crate::record::Reading;
use crate::risk::{CohortRow, RiskModel};
use crate::store::{CountStore, Found};
use crate::sums::WindowCounts;
use crate::times::Moment;
use crate::windows::{fine_of, Window};

/// What to compute for a report of a category (CategoryPlan).
struct Plan {
    suffix: Vec<u8>,
    windows: Vec<Window>,
    /// Their names as JSON.
    names: Vec<Vec<u8>>,
    policies: Vec<Policy>,
    /// The published fields between the law and the risk.
    dsa: Vec<u8>,
}

/// How far one call has come.
struct Progress {
    now: i64,
    newest_append: i64,
    /// From this time (ms) on Python has to act before a report is applied: a step is due, or a day begins.
    limit: i64,
    hashes: Vec<u64>,
}

/// How a record was left.
enum Done {
    /// Applied; if `decide`, Python must judge it.
    Applied { decide: bool },
    /// Nothing was changed.
    Python,
}

#[pyclass(module = "tocsin_native")]
pub struct Kernel {
    intake: Intake,
    anonymous: u8,
    automated: u8,
    automated_detection: u8,
    reporter_kinds: Vec<ReporterKind>,
    reporter_hash: ReporterHash,
    law: LawCache,
    risk: RiskModel,
    /// By category; None if its policies have a measure that is not known here.
    plans: Vec<Option<Plan>>,
    tail: Vec<u8>,
    /// Where enriched reports are written to.
    topic: Py<PyString>,
    /// The headers of an enriched report; those with its id and time are exchanged.
    headers: Vec<Py<PyTuple>>,
    id_header: usize,
    time_header: usize,
    open: Py<PyType>,
    category_names: Vec<Py<PyString>>,
    kind_names: Vec<Py<PyString>>,
    reporter_names: Vec<Py<PyString>>,
    reading: Reading,
    daily: DailyCells,
    fresh: HashSet<u64>,
    key: Vec<u8>,
    text: Vec<u8>,
    out: Vec<u8>,
}

/// The windows of a category as (ring, panes, name), its policies, and the texts.
type PlanRow<'py> = (Vec<u8>, Vec<(usize, i64, String)>, Vec<PolicyRow<'py>>, Vec<u8>);

fn plan(row: PlanRow) -> Option<Plan> {
    let (suffix, rows, policies, dsa) = row;
    let windows: Vec<Window> = rows.iter().map(|&(ring, panes, _)| Window { ring, panes }).collect();
    let names = rows
        .iter()
        .map(|(_, _, name)| {
            let mut text = Vec::new();
            write_string(&mut text, name);
            text
        })
        .collect();
    let policies: Option<Vec<Policy>> = policies.into_iter().map(|row| Policy::new(row, &windows)).collect();
    Some(Plan { suffix, windows, names, policies: policies?, dsa })
}

fn interned(py: Python, words: &crate::vocabulary::Words) -> Vec<Py<PyString>> {
    (0..words.len()).map(|place| PyString::intern(py, words.word(place as u8)).unbind()).collect()
}

#[pymethods]
impl Kernel {
    /// `rules` are those of `streams/deciding/reports/native/direct.py`.
    #[new]
    fn new(rules: &Bound<PyDict>) -> PyResult<Self> {
        let py = rules.py();
        let intake = Intake::new(rules)?;
        let vocabulary = &intake.vocabulary;
        let anonymous = place_of(&vocabulary.reporters, "anonymous")?;
        let automated = place_of(&vocabulary.reporters, "automated")?;
        let automated_detection = place_of(&vocabulary.kinds, "automated_detection")?;
        let mut reporter_kinds = Vec::new();
        for number in 0..vocabulary.reporters.len() {
            reporter_kinds.push(match vocabulary.reporters.word(number as u8) {
                "user" => ReporterKind::User,
                "trusted_flagger" => ReporterKind::TrustedFlagger,
                "automated" => ReporterKind::Automated,
                "state_actor" => ReporterKind::StateActor,
                "anonymous" => ReporterKind::Anonymous,
                other => return Err(PyValueError::new_err(format!("unknown kind of reporter: {other}"))),
            });
        }
        let rows: Vec<CohortRow> = field(rules, "cohorts")?;
        let risk = RiskModel::new(
            rows,
            vocabulary.categories.len(),
            vocabulary.reporters.len(),
            vocabulary.ages.len(),
            anonymous.into(),
            field(rules, "classifier_limit")?,
        );
        let rows: Vec<PlanRow> = field(rules, "plans")?;
        let plans = rows.into_iter().map(plan).collect();
        let headers: Vec<Py<PyTuple>> = field(rules, "headers")?;
        let names: Vec<String> =
            headers.iter().map(|header| header.bind(py).get_item(0)?.extract()).collect::<PyResult<_>>()?;
        let header = |name: &str| {
            names
                .iter()
                .position(|one| one == name)
                .ok_or_else(|| PyValueError::new_err(format!("no {name}")))
        };
        Ok(Kernel {
            anonymous,
            automated,
            automated_detection,
            reporter_kinds,
            reporter_hash: ReporterHash::new(&field::<Vec<u8>>(rules, "hash_key")?),
            law: LawCache::new(field(rules, "resolve")?, field(rules, "days")?),
            risk,
            plans,
            tail: field(rules, "tail")?,
            topic: field(rules, "topic")?,
            id_header: header("ce_id")?,
            time_header: header("ce_time")?,
            headers,
            open: field(rules, "open_episode")?,
            category_names: interned(py, &vocabulary.categories),
            kind_names: interned(py, &vocabulary.kinds),
            reporter_names: interned(py, &vocabulary.reporters),
            intake,
            reading: Reading::default(),
            daily: DailyCells::default(),
            fresh: HashSet::new(),
            key: Vec::new(),
            text: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Apply the records from `begin` on, until one is Python's.
    ///
    /// `place` is (partition, number of partitions); `time` is (now, newest append time, limit), in ms. `recent` has the hashes
    /// of known reports, `episodes` those of the partition's channels. Appends to `rows` what to write, as the fields of
    /// OutputRecord, and to `event_times`.
    ///
    /// Returns how many records were applied, whether Python must judge the last of them, now, the newest append time,
    /// the hashes to remember, and what was counted for the day.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        mut store: PyRefMut<'py, CountStore>,
        place: (i32, u32),
        records: &Bound<'py, PySequence>,
        begin: usize,
        time: (i64, i64, i64),
        recent: &Bound<'py, PyAny>,
        episodes: &Bound<'py, PyDict>,
        rows: &Bound<'py, PyList>,
        event_times: &Bound<'py, PyList>,
    ) -> PyResult<(usize, bool, i64, i64, Vec<u64>, Vec<CountedRow<'py>>)> {
        self.daily.clear();
        self.fresh.clear();
        let (now, newest_append, limit) = time;
        let mut progress = Progress { now, newest_append, limit, hashes: Vec::new() };
        let end = records.len()?;
        let mut at = begin;
        let mut decide = false;
        while at < end && !decide {
            let record = records.get_item(at)?;
            let applied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.apply_one(&mut store, place, &record, &mut progress, recent, episodes, rows, event_times)
            }))
            .unwrap_or_else(|_| {
                Err(PyRuntimeError::new_err("the native core panicked: its message is above"))
            })
            .map_err(|error| with_place(error, &record))?;
            match applied {
                Done::Python => break,
                Done::Applied { decide: judge } => decide = judge,
            }
            at += 1;
        }
        let counted = self.counted(py)?;
        Ok((at - begin, decide, progress.now, progress.newest_append, progress.hashes, counted))
    }
}

impl Kernel {
    #[allow(clippy::too_many_arguments)]
    fn apply_one<'py>(
        &mut self,
        store: &mut CountStore,
        place: (i32, u32),
        record: &Bound<'py, PyAny>,
        progress: &mut Progress,
        recent: &Bound<'py, PyAny>,
        episodes: &Bound<'py, PyDict>,
        rows: &Bound<'py, PyList>,
        event_times: &Bound<'py, PyList>,
    ) -> PyResult<Done> {
        let py = record.py();
        let record = match self.reading.read(record)? {
            Some(record) => record,
            None => return Ok(Done::Python),
        };
        let (report, source) = match self.intake.read(&record)? {
            Some(read) => read,
            None => return Ok(Done::Python),
        };
        let channel = report.channel.reference;
        if home_partition(channel.as_bytes(), place.1) != place.0 as u32 {
            return Ok(Done::Python);
        }
        let hashed = event_hash(source, report.id, channel, &mut self.text);
        if self.fresh.contains(&hashed) || recent.contains(hashed)? {
            return Ok(Done::Python);
        }
        let occurred = report.occurred.millis();
        let now = progress.now.max(occurred);
        // A late report is judged in the windows of its own time too.
        if now >= progress.limit || fine_of(occurred) < fine_of(now) {
            return Ok(Done::Python);
        }
        let plan = match &self.plans[usize::from(report.category)] {
            Some(plan) => plan,
            None => return Ok(Done::Python),
        };
        let cohort = match self.risk.cohort(&report) {
            Some(cohort) => cohort,
            None => return Ok(Done::Python),
        };
        self.key.clear();
        self.key.push(b'K');
        self.key.extend_from_slice(channel.as_bytes());
        self.key.extend_from_slice(&plan.suffix);
        let known = match store.look_up(&self.key) {
            Found::Foreign => return Ok(Done::Python),
            Found::Native(at) => Some(at),
            Found::Nothing => None,
        };
        let law = self.law.find(&report, &record.value)?;
        if law.armed {
            return Ok(Done::Python);
        }

        // From here on nothing is left to Python.
        let out = &mut self.out;
        out.clear();
        write_report(out, &report, &self.intake.vocabulary);
        out.extend_from_slice(&law.json);
        out.extend_from_slice(&plan.dsa);
        let risk = self.risk.write(cohort, &report, out);
        let kind = report.reporter.as_ref().map_or(self.anonymous, |one| one.kind);
        let reference = report.reporter.as_ref().and_then(|one| one.reference);
        let at = known.unwrap_or_else(|| store.begin(&self.key));
        store.counts_mut(at).add(
            occurred,
            now,
            self.reporter_kinds[usize::from(kind)],
            reference.map(|reference| self.reporter_hash.of(reference)),
            risk,
            report.message,
            law.protection,
        );
        store.note_counted(at, occurred);
        let counts = store.counts(at);
        let windows: Vec<WindowCounts> = plan.windows.iter().map(|&spec| counts.measure(spec, now)).collect();
        write_windows(out, &plan.names, &windows);
        out.extend_from_slice(&self.tail);
        out.extend_from_slice(b"{\"topic\":");
        write_string(out, record.topic.to_str()?);
        out.extend_from_slice(b",\"partition\":");
        write_integer(out, record.partition);
        out.extend_from_slice(b",\"offset\":");
        write_integer(out, record.offset);
        out.extend_from_slice(b"}}");

        self.fresh.insert(hashed);
        progress.hashes.push(hashed);
        progress.advance(occurred, record.timestamp);
        let decide =
            must_decide(&plan.policies, &windows, store, episodes, self.open.bind(py), channel, now)?;
        if !decide {
            self.daily.count((law.country, report.category, kind, report.kind), now);
        }
        let key = match &record.key {
            Some(key) if key.as_bytes() == channel.as_bytes() => key.clone(),
            _ => PyBytes::new(py, channel.as_bytes()),
        };
        let headers = self.headers_of(py, report.id, report.occurred)?;
        let topic = self.topic.bind(py);
        rows.append((topic, place.0, key, PyBytes::new(py, &self.out), headers))?;
        event_times.append(occurred)?;
        Ok(Done::Applied { decide })
    }

    fn headers_of<'py>(
        &mut self,
        py: Python<'py>,
        id: &str,
        occurred: Moment,
    ) -> PyResult<Bound<'py, PyList>> {
        self.text.clear();
        occurred.write_milliseconds(&mut self.text);
        let id = (intern!(py, "ce_id"), PyBytes::new(py, id.as_bytes())).into_pyobject(py)?;
        let time = (intern!(py, "ce_time"), PyBytes::new(py, &self.text)).into_pyobject(py)?;
        let headers = self.headers.iter().enumerate().map(|(number, header)| {
            if number == self.id_header {
                id.clone()
            } else if number == self.time_header {
                time.clone()
            } else {
                header.bind(py).clone()
            }
        });
        PyList::new(py, headers.collect::<Vec<_>>())
    }

    fn counted<'py>(&self, py: Python<'py>) -> PyResult<Vec<CountedRow<'py>>> {
        self.daily
            .rows()
            .map(|((country, category, reporter, kind), number, at)| {
                let is_automated = reporter == self.automated || kind == self.automated_detection;
                let cell = (
                    self.reporter_names[usize::from(reporter)].bind(py),
                    self.kind_names[usize::from(kind)].bind(py),
                    is_automated,
                    false,
                    false,
                );
                Ok((
                    self.law.countries[country].bind(py).clone().into_any(),
                    self.category_names[usize::from(category)].bind(py).clone().into_any(),
                    cell.into_pyobject(py)?,
                    number,
                    at,
                ))
            })
            .collect()
    }
}

impl Progress {
    /// Move time on as EventTime.after does.
    fn advance(&mut self, moment: i64, appended: i64) {
        let time = self.now.max(moment);
        if self.newest_append == 0 {
            self.newest_append = appended;
        } else if appended > self.newest_append {
            self.newest_append += (time - self.now).min(appended - self.newest_append);
        }
        self.now = time;
    }
}

/// Name the record at which an error happened, as `name_record` in deciding/partition/stage.py does.
fn with_place(error: PyErr, record: &Bound<PyAny>) -> PyErr {
    let py = record.py();
    let name =
        |attribute: &str| record.getattr(attribute).map_or_else(|_| "?".to_owned(), |it| it.to_string());
    let note =
        format!("while applying {} partition {} offset {}", name("topic"), name("partition"), name("offset"));
    // An error without this note is still the error.
    let _ = error.value(py).call_method1("add_note", (note,));
    error
}
