//! The sums of windows as Python's objects (streams/counting/sums.py), and back.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::panes::UNIT;
use crate::sums::{Sums, WindowCounts};
use crate::voices::{Stamped, NUMBERS};

/// Python's classes, and those of their objects that stand for nothing.
pub struct SumsTypes {
    window_counts: PyObject,
    stamped_sums: PyObject,
    cluster_sums: PyObject,
    doubtful: PyObject,
    scattered: PyObject,
    not_stamped: PyObject,
    no_doubt: PyObject,
    not_scattered: PyObject,
}

impl SumsTypes {
    /// `module` is streams.counting.sums.
    pub fn of(module: &Bound<PyAny>) -> PyResult<Self> {
        let named = |name: &str| module.getattr(name).map(Bound::unbind);
        Ok(SumsTypes {
            window_counts: named("WindowCounts")?,
            stamped_sums: named("StampedSums")?,
            cluster_sums: named("ClusterSums")?,
            doubtful: named("Doubtful")?,
            scattered: named("Scattered")?,
            not_stamped: named("NOT_STAMPED")?,
            no_doubt: named("NO_DOUBT")?,
            not_scattered: named("NOT_SCATTERED")?,
        })
    }

    /// WindowCounts of a window.
    pub fn window<'py>(
        &self,
        py: Python<'py>,
        found: &WindowCounts,
        stamped: &Stamped,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut sums = found.sums;
        sums.risk += stamped.unnamed();
        let numbers = sums.numbers();
        let (first, later) = numbers.split_at(Sums::FIRST);
        // The fields of Python's Pane, of which only the sums are a window's.
        let mut fields = vec![0];
        fields.extend(first.iter().chain(&[0, UNIT, 0]).chain(later));
        fields.push(found.distinct_reporters);
        let fields = PyTuple::new(py, fields)?.add(PyTuple::new(py, [self.stamped(py, stamped)?])?)?;
        self.window_counts.bind(py).call1(fields.downcast_into::<PyTuple>()?)
    }

    fn stamped(&self, py: Python, stamped: &Stamped) -> PyResult<PyObject> {
        if *stamped == Stamped::default() {
            return Ok(self.not_stamped.clone_ref(py));
        }
        let [all, reports, linked, known, squares, doubts @ .., unnamed, missing, missing_risk] =
            stamped.numbers;
        let doubtful = if doubts == [0; 4] {
            self.no_doubt.clone_ref(py)
        } else {
            self.doubtful.call1(py, PyTuple::new(py, doubts)?)?
        };
        let scattered = if (missing, missing_risk) == (0, 0) {
            self.not_scattered.clone_ref(py)
        } else {
            self.scattered.call1(py, (missing, missing_risk))?
        };
        let proven = stamped.proven.iter().map(|(reporter, proof)| Ok((*reporter, PyTuple::new(py, proof)?)));
        let proven = PyTuple::new(py, proven.collect::<PyResult<Vec<_>>>()?)?;
        let sums = self.cluster_sums.call1(py, (reports, linked, known, squares))?;
        self.stamped_sums.call1(py, (all, sums, doubtful, unnamed, scattered, proven))
    }

    /// Read Python's StampedSums.
    pub fn read(&self, added: &Bound<PyAny>) -> PyResult<Stamped> {
        let py = added.py();
        let number = |object: &Bound<PyAny>, name: &Bound<PyString>| object.getattr(name)?.extract::<i64>();
        let sums = added.getattr(intern!(py, "sums"))?;
        let mut numbers = [0; NUMBERS];
        let [all, reports, linked, known, squares, doubts @ .., unnamed, missing, missing_risk] =
            &mut numbers;
        *all = number(added, intern!(py, "stamped"))?;
        *reports = number(&sums, intern!(py, "reports"))?;
        *linked = number(&sums, intern!(py, "linked"))?;
        *known = number(&sums, intern!(py, "known"))?;
        *squares = number(&sums, intern!(py, "squares"))?;
        let doubtful = added.getattr(intern!(py, "doubtful"))?;
        if !doubtful.is(&self.no_doubt) {
            *doubts = [
                number(&doubtful, intern!(py, "reports"))?,
                number(&doubtful, intern!(py, "reporters"))?,
                number(&doubtful, intern!(py, "risk"))?,
                number(&doubtful, intern!(py, "anonymous"))?,
            ];
        }
        *unnamed = number(added, intern!(py, "unnamed"))?;
        let scattered = added.getattr(intern!(py, "scattered"))?;
        if !scattered.is(&self.not_scattered) {
            *missing = number(&scattered, intern!(py, "reporters"))?;
            *missing_risk = number(&scattered, intern!(py, "risk"))?;
        }
        Ok(Stamped { numbers, proven: added.getattr(intern!(py, "proven"))?.extract()? })
    }
}
