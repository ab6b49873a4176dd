//! The native core: does part of what `streams/deciding` and `streams/counting` do, to the same bytes.

mod changed_messages;
mod checked;
mod counts;
mod cursor;
mod distinct;
mod earlier;
mod entry;
mod envelope;
mod event_time;
mod expiry;
mod for_tests;
mod gate;
mod handed_over;
mod hash;
mod intake;
mod message;
mod message_bytes;
mod message_record;
mod message_shapes;
mod message_store;
mod msgpack;
mod packed;
mod panes;
mod receipts;
mod record;
mod refs;
mod repeats;
mod report;
mod reporter;
mod reporter_home;
mod stamped_sums;
mod store;
mod sums;
mod tally;
mod targets;
mod times;
mod vocabulary;
mod voices;
mod windows;

use pyo3::prelude::*;

#[pymodule]
fn tocsin_native(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<gate::Gate>()?;
    module.add_class::<reporter_home::ReporterHome>()?;
    module.add_class::<reporter_home::Noted>()?;
    module.add_class::<store::CountStore>()?;
    module.add_class::<entry::CountEntry>()?;
    module.add_class::<message_store::MessageStore>()?;
    module.add_class::<message_record::MessageRecord>()?;
    module.add_function(wrap_pyfunction!(for_tests::read_report_fields, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::read_source, module)?)
}
