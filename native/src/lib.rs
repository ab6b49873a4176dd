//! The native core: applies ordinary reports as `streams/reports` does, to the same bytes.

use pyo3::prelude::*;

#[pymodule]
fn tocsin_native(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
