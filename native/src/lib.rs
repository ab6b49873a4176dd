//! The native core: applies ordinary reports as `streams/reports` does, to the same bytes.

mod counts;
mod distinct;
mod entry;
mod expiry;
mod msgpack;
mod panes;
mod store;
mod tally;
mod windows;

use pyo3::prelude::*;

#[pymodule]
fn tocsin_native(module: &Bound<PyModule>) -> PyResult<()> {
    module.add_class::<store::CountStore>()?;
    module.add_class::<entry::CountEntry>()?;
    module.add_function(wrap_pyfunction!(entry::union_distinct, module)?)?;
    Ok(())
}
