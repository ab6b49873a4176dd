//! What a store writes to the state topic, one change at a time: those of a batch together take longer than a slice may.

use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::False;
use pyo3::types::PyBytes;
use pyo3::PyClass;

/// A key and its record; None to delete it.
pub type Change = (Py<PyBytes>, Option<Py<PyBytes>>);

type NextChange = dyn Fn(Python) -> PyResult<Option<Change>> + Send + Sync;

/// A store whose changes can be drained.
pub trait Changing: PyClass<Frozen = False> {
    /// Take out the next change and note it as written; None after the last one.
    fn next_change(&mut self, py: Python) -> PyResult<Option<Change>>;
}

/// The iterator that `drain_changes` returns. What it has not yielded yet remains to be drained.
#[pyclass(module = "tocsin_native")]
pub struct Changes {
    next: Box<NextChange>,
}

impl Changes {
    pub fn of<Store: Changing>(store: &Bound<Store>) -> Self {
        let store = store.clone().unbind();
        Changes { next: Box::new(move |py| store.borrow_mut(py).next_change(py)) }
    }
}

#[pymethods]
impl Changes {
    fn __iter__(slf: Bound<Self>) -> Bound<Self> {
        slf
    }

    fn __next__(&self, py: Python) -> PyResult<Option<Change>> {
        (self.next)(py)
    }
}

pub fn change(py: Python, key: &[u8], value: &[u8]) -> Change {
    (PyBytes::new(py, key).unbind(), Some(PyBytes::new(py, value).unbind()))
}

pub fn deletion(py: Python, key: &[u8]) -> Change {
    (PyBytes::new(py, key).unbind(), None)
}
