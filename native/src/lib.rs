//! The native core: applies ordinary reports as `streams/reports` does, to the same bytes.

mod counts;
mod daily;
mod enriched;
mod hash;
mod json;
mod judge;
mod kernel;
mod law;
mod record;
mod risk;
mod store;
mod cursor;
mod envelope;
mod for_tests;
mod refs;
mod report;
mod times;
mod vocabulary;

use pyo3::prelude::*;

#[pymodule]
fn tocsin_native(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<kernel::Kernel>()?;
    module.add_class::<store::CountStore>()?;
    module.add_function(wrap_pyfunction!(for_tests::read_report_fields, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::read_source, module)?)
}
