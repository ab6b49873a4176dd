//! An entry of the store, as Python code is given it.

use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::counts::{ChannelCounts, ReporterKind};
use crate::store::{CountStore, Decoded};
use crate::windows::{Window, RINGS};

/// Where the counts of an entry are. An entry that has counted nothing yet is in no store.
pub(crate) enum Held {
    Loose(Box<ChannelCounts>),
    LooseForeign(PyObject),
    Stored { at: usize, serial: u32 },
}

/// `streams.counting.store.CountEntry`, and its ChannelCounts too: `counts` is the entry itself.
///
/// It must not be used after the store has removed it: RuntimeError then.
#[pyclass(module = "tocsin_native")]
pub struct CountEntry {
    store: Py<CountStore>,
    held: Held,
}

impl CountEntry {
    pub(crate) fn new(store: Py<CountStore>, held: Held) -> Self {
        CountEntry { store, held }
    }

    /// Take the counts out if they are in no store; `store_at` must follow.
    pub(crate) fn take_loose(&mut self) -> Option<Decoded> {
        let gone = Held::Stored { at: usize::MAX, serial: 0 };
        match std::mem::replace(&mut self.held, gone) {
            Held::Loose(counts) => Some(Decoded::Native(counts)),
            Held::LooseForeign(foreign) => Some(Decoded::Foreign(foreign)),
            stored => {
                self.held = stored;
                None
            }
        }
    }

    pub(crate) fn store_at(&mut self, at: usize, serial: u32) {
        self.held = Held::Stored { at, serial };
    }

    /// The place in the store. Raises RuntimeError if the entry was removed.
    pub(crate) fn place(&self, store: &CountStore) -> PyResult<usize> {
        let place = match self.held {
            Held::Stored { at, serial } => store.place_with(at, serial),
            _ => None,
        };
        place.ok_or_else(|| PyRuntimeError::new_err("the store has removed this entry"))
    }

    /// Python's ChannelCounts, if the counts are foreign.
    fn foreign<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let entry = match &self.held {
            Held::Loose(_) => return Ok(None),
            Held::LooseForeign(foreign) => foreign.clone_ref(py),
            Held::Stored { .. } => {
                let mut store = self.store.bind(py).borrow_mut();
                let at = self.place(&store)?;
                if store.native(at).is_some() {
                    return Ok(None);
                }
                store.make_foreign(py, at)?
            }
        };
        entry.bind(py).getattr("counts").map(Some)
    }

    /// Call `with` with the counts, which are not foreign.
    fn native<R>(&mut self, py: Python, with: impl FnOnce(&mut ChannelCounts) -> R) -> PyResult<R> {
        if let Held::Loose(counts) = &mut self.held {
            return Ok(with(counts));
        }
        let mut store = self.store.bind(py).borrow_mut();
        let at = self.place(&store)?;
        Ok(with(store.counts_mut(at)))
    }

    /// Python's ChannelCounts, which the counts become if they are not: what few reports need is Python's.
    fn in_python<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut store = self.store.bind(py).borrow_mut();
        let entry = match &self.held {
            Held::LooseForeign(foreign) => foreign.clone_ref(py),
            Held::Loose(counts) => {
                let foreign = store.foreign_of(py, counts)?;
                self.held = Held::LooseForeign(foreign.clone_ref(py));
                foreign
            }
            Held::Stored { .. } => {
                let at = self.place(&store)?;
                store.make_foreign(py, at)?
            }
        };
        entry.bind(py).getattr("counts")
    }
}

/// Read Python's WindowSpec.
fn window_of(spec: &Bound<PyAny>) -> PyResult<Window> {
    let ring: usize = spec.get_item(0)?.extract()?;
    if ring >= RINGS.len() {
        return Err(PyIndexError::new_err("there is no such ring"));
    }
    Ok(Window { ring, panes: spec.get_item(1)?.extract()? })
}

pub(crate) fn kind_of(name: &str) -> ReporterKind {
    match name {
        "anonymous" => ReporterKind::Anonymous,
        "automated" => ReporterKind::Automated,
        "trusted_flagger" => ReporterKind::TrustedFlagger,
        "state_actor" => ReporterKind::StateActor,
        _ => ReporterKind::User,
    }
}

#[pymethods]
impl CountEntry {
    #[getter]
    fn counts(slf: Bound<Self>) -> Bound<Self> {
        slf
    }

    #[getter]
    fn expires(&self, py: Python) -> PyResult<Option<u32>> {
        match self.held {
            Held::Stored { .. } => {
                let store = self.store.bind(py).borrow();
                Ok(store.expires(self.place(&store)?))
            }
            _ => Ok(None),
        }
    }

    #[allow(clippy::too_many_arguments)] // As in Python.
    #[pyo3(signature = (occurred_ms, now_ms, reporter_kind, reporter_hash, risk_millionths, message_ref, tier=0))]
    fn add(
        &mut self,
        py: Python,
        occurred_ms: i64,
        now_ms: i64,
        reporter_kind: &str,
        reporter_hash: Option<u64>,
        risk_millionths: i64,
        message_ref: Option<&str>,
        tier: i64,
    ) -> PyResult<bool> {
        if let Some(foreign) = self.foreign(py)? {
            let report =
                (occurred_ms, now_ms, reporter_kind, reporter_hash, risk_millionths, message_ref, tier);
            return foreign.call_method1("add", report)?.extract();
        }
        let kind = kind_of(reporter_kind);
        self.native(py, |counts| {
            counts.add(occurred_ms, now_ms, kind, reporter_hash, risk_millionths, message_ref, tier)
        })
    }

    #[pyo3(signature = (occurred_ms, now_ms, tier=0))]
    fn add_for_review(&mut self, py: Python, occurred_ms: i64, now_ms: i64, tier: i64) -> PyResult<bool> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("add_for_review", (occurred_ms, now_ms, tier))?.extract();
        }
        self.native(py, |counts| counts.add_for_review(occurred_ms, now_ms, tier))
    }

    fn risk_counted_at(&mut self, py: Python, reporter_hash: u64) -> PyResult<Option<i64>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("risk_counted_at", (reporter_hash,))?.extract();
        }
        self.native(py, |counts| counts.risk_counted_at(reporter_hash))
    }

    #[pyo3(signature = (reporter_hash, counted_at))]
    fn note_risk(&mut self, py: Python, reporter_hash: u64, counted_at: Option<i64>) -> PyResult<()> {
        if let Some(foreign) = self.foreign(py)? {
            foreign.call_method1("note_risk", (reporter_hash, counted_at))?;
            return Ok(());
        }
        self.native(py, |counts| counts.note_risk(reporter_hash, counted_at))
    }

    fn add_stamped(&mut self, py: Python, occurred_ms: i64, added: &Bound<PyAny>) -> PyResult<()> {
        if let Some(foreign) = self.foreign(py)? {
            foreign.call_method1("add_stamped", (occurred_ms, added))?;
            return Ok(());
        }
        let stamped = self.store.bind(py).borrow().sums().read(added)?;
        if !self.native(py, |counts| counts.add_stamped(occurred_ms, stamped))? {
            return Err(PyValueError::new_err("no pane holds the report"));
        }
        Ok(())
    }

    fn at<'py>(&mut self, py: Python<'py>, occurred_ms: i64, now_ms: i64) -> PyResult<Bound<'py, PyAny>> {
        self.in_python(py)?.call_method1("at", (occurred_ms, now_ms))
    }

    fn sightings<'py>(&mut self, py: Python<'py>, reporter_hash: u64) -> PyResult<Bound<'py, PyAny>> {
        self.in_python(py)?.call_method1("sightings", (reporter_hash,))
    }

    fn withdraw(
        &mut self,
        py: Python,
        reporter_hash: u64,
        before: &Bound<PyAny>,
        added: &Bound<PyAny>,
    ) -> PyResult<()> {
        self.in_python(py)?.call_method1("withdraw", (reporter_hash, before, added))?;
        Ok(())
    }

    fn measure<'py>(
        &mut self,
        py: Python<'py>,
        spec: &Bound<'py, PyAny>,
        now_ms: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("measure", (spec, now_ms));
        }
        let window = window_of(spec)?;
        let (found, stamped) = self
            .native(py, |counts| (counts.measure(window, now_ms), counts.measure_stamped(window, now_ms)))?;
        self.store.bind(py).borrow().sums().window(py, &found, &stamped)
    }

    fn messages(&mut self, py: Python, spec: &Bound<PyAny>, now_ms: i64) -> PyResult<Vec<(String, i64)>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("messages", (spec, now_ms))?.extract();
        }
        let window = window_of(spec)?;
        self.native(py, |counts| {
            let found = counts.messages(window, now_ms);
            found.into_iter().map(|(message, count)| (message.to_owned(), count)).collect()
        })
    }

    fn tier(&mut self, py: Python, spec: &Bound<PyAny>, now_ms: i64) -> PyResult<i64> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("tier", (spec, now_ms))?.extract();
        }
        let window = window_of(spec)?;
        self.native(py, |counts| counts.tier(window, now_ms))
    }

    fn sample<'py>(&mut self, py: Python<'py>, start: i64, stop: i64) -> PyResult<Bound<'py, PyAny>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("sample", (start, stop));
        }
        let found = self.native(py, |counts| counts.sample(start, stop))?;
        let sample = found.ok_or_else(|| PyIndexError::new_err("no pane begins so late"))?;
        Ok(sample.into_pyobject(py)?.into_any())
    }

    fn is_whole(&mut self, py: Python, spec: &Bound<PyAny>, end_ms: i64) -> PyResult<bool> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("is_whole", (spec, end_ms))?.extract();
        }
        let window = window_of(spec)?;
        self.native(py, |counts| counts.is_whole(window, end_ms))
    }

    fn most_reports(
        &mut self,
        py: Python,
        spec: &Bound<PyAny>,
        occurred_ms: i64,
        now_ms: i64,
    ) -> PyResult<i64> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("most_reports", (spec, occurred_ms, now_ms))?.extract();
        }
        let window = window_of(spec)?;
        self.native(py, |counts| counts.most_reports(window, occurred_ms, now_ms))
    }

    fn later_ends(
        &mut self,
        py: Python,
        spec: &Bound<PyAny>,
        occurred_ms: i64,
        now_ms: i64,
    ) -> PyResult<Vec<i64>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("later_ends", (spec, occurred_ms, now_ms))?.extract();
        }
        let window = window_of(spec)?;
        self.native(py, |counts| counts.later_ends(window, occurred_ms, now_ms))
    }

    fn rename_reporter(&mut self, py: Python, before: u64, after: u64) -> PyResult<bool> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("rename_reporter", (before, after))?.extract();
        }
        self.native(py, |counts| counts.rename_reporter(before, after))
    }

    fn turn_back(&mut self, py: Python, now_ms: i64) -> PyResult<bool> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method1("turn_back", (now_ms,))?.extract();
        }
        self.native(py, |counts| counts.turn_back(now_ms))
    }

    fn newest_pane_ms(&mut self, py: Python) -> PyResult<Option<i64>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method0("newest_pane_ms")?.extract();
        }
        self.native(py, |counts| counts.newest_pane_ms())
    }

    fn encode<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(foreign) = self.foreign(py)? {
            return foreign.call_method0("encode");
        }
        let mut encoded = Vec::new();
        self.native(py, |counts| counts.encode(&mut encoded))?;
        Ok(PyBytes::new(py, &encoded).into_any())
    }
}
