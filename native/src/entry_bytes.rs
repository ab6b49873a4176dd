//! Takes over an entry of a bundle from Python.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

/// The bytes of an entry, which Python has not read.
pub fn bytes_of(entry: &Bound<PyAny>) -> PyResult<Vec<u8>> {
    PyBuffer::get(entry)?.to_vec(entry.py())
}
