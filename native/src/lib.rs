//! The native core: applies ordinary reports as `streams/reports` does, to the same bytes.

use pyo3::prelude::*;

#[pymodule]
fn tocsin_native(_module: &Bound<PyModule>) -> PyResult<()> {
    Ok(())
}
