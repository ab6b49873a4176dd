//! The native core: does part of what `streams/deciding` and `streams/counting` do, to the same bytes.

mod arrivals;
mod assessment;
mod changed_messages;
mod channel_adds;
mod channel_call;
mod channel_follows;
mod channel_home;
mod channel_output;
mod channel_plan;
mod checked;
mod clusters;
mod counts;
mod cursor;
mod daily_rows;
mod distinct;
mod earlier;
mod enriched;
mod entry;
mod envelope;
mod event_time;
mod expiry;
mod for_tests;
mod for_tests_coordination;
mod gate;
mod handed_over;
mod hash;
mod intake;
mod json;
mod known_as;
mod law_cache;
mod measures;
mod message;
mod message_bytes;
mod message_record;
mod message_shapes;
mod message_store;
mod msgpack;
mod packed;
mod panes;
mod policies;
mod receipts;
mod record;
mod records_in_use;
mod refs;
mod repeats;
mod report;
mod reporter;
mod reporter_home;
mod rest;
mod risk;
mod signature;
mod stamp;
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
    module.add_class::<channel_home::ChannelHome>()?;
    module.add_class::<channel_home::Counted>()?;
    module.add_class::<store::CountStore>()?;
    module.add_class::<entry::CountEntry>()?;
    module.add_class::<message_store::MessageStore>()?;
    module.add_class::<message_record::MessageRecord>()?;
    module.add_function(wrap_pyfunction!(for_tests::read_report_fields, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::read_source, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::read_rest, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::score_reports, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::write_json, module)?)?;
    module.add_function(wrap_pyfunction!(for_tests::write_enriched, module)?)?;
    module.add_class::<for_tests_coordination::CoordinationForTests>()?;
    module.add_class::<for_tests_coordination::ClustersForTests>()?;
    module.add_class::<for_tests_coordination::ArrivalsForTests>()
}
