//! What the native core reads of bytes that others wrote, without Python, and a target for each kind of input.

// The modules of the core that need no Python; not all of what they offer is for bytes that others wrote.
#![allow(dead_code)]

#[path = "../../src/arrivals.rs"]
mod arrivals;
#[path = "../../src/assessment.rs"]
mod assessment;
#[path = "../../src/blocks.rs"]
mod blocks;
#[path = "../../src/checked.rs"]
mod checked;
#[path = "../../src/clusters.rs"]
mod clusters;
#[path = "../../src/counts.rs"]
mod counts;
#[path = "../../src/cursor.rs"]
mod cursor;
#[path = "../../src/decided.rs"]
mod decided;
#[path = "../../src/distinct.rs"]
mod distinct;
#[path = "../../src/earlier.rs"]
mod earlier;
#[path = "../../src/entries.rs"]
mod entries;
#[path = "../../src/envelope.rs"]
mod envelope;
#[path = "../../src/json.rs"]
mod json;
#[path = "../../src/key_table.rs"]
mod key_table;
#[path = "../../src/measures.rs"]
mod measures;
#[path = "../../src/message.rs"]
mod message;
#[path = "../../src/message_bytes.rs"]
mod message_bytes;
#[path = "../../src/message_shapes.rs"]
mod message_shapes;
#[path = "../../src/msgpack.rs"]
mod msgpack;
#[path = "../../src/packed.rs"]
mod packed;
#[path = "../../src/panes.rs"]
mod panes;
#[path = "../../src/part.rs"]
mod part;
#[path = "../../src/pool.rs"]
mod pool;
#[path = "../../src/record_bytes.rs"]
mod record_bytes;
#[path = "../../src/refs.rs"]
mod refs;
#[path = "../../src/repeats.rs"]
mod repeats;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/reporter.rs"]
mod reporter;
#[path = "../../src/rest.rs"]
mod rest;
#[path = "../../src/short_key.rs"]
mod short_key;
#[path = "../../src/signature.rs"]
mod signature;
#[path = "../../src/stamp.rs"]
mod stamp;
#[path = "../../src/sums.rs"]
mod sums;
#[path = "../../src/support.rs"]
mod support;
#[path = "../../src/tally.rs"]
mod tally;
#[path = "../../src/targets.rs"]
mod targets;
#[path = "../../src/times.rs"]
mod times;
#[path = "../../src/vocabulary.rs"]
mod vocabulary;
#[path = "../../src/voices.rs"]
mod voices;
#[path = "../../src/windows.rs"]
mod windows;

mod numbers;

mod fuzz_arrivals;
mod fuzz_clusters;
mod fuzz_counts;
mod fuzz_envelope;
mod fuzz_message;
mod fuzz_packed;
mod fuzz_part;
mod fuzz_passed;
mod fuzz_records;
mod fuzz_report;
mod fuzz_reporter;
mod fuzz_stamped;

/// Reads an input and does with it what the core does; panics if something is wrong. Returns whether the core takes the
/// input: it leaves all others to Python.
pub type Target = fn(&[u8]) -> bool;

/// The targets by name. Those whose names begin with `state_` read records of state topics.
pub const TARGETS: [(&str, Target); 12] = [
    ("records", fuzz_records::run),
    ("report", fuzz_report::run),
    ("envelope", fuzz_envelope::run),
    ("passed", fuzz_passed::run),
    ("stamped", fuzz_stamped::run),
    ("state_reporter", fuzz_reporter::run),
    ("state_part", fuzz_part::run),
    ("state_counts", fuzz_counts::run),
    ("state_message", fuzz_message::run),
    ("state_clusters", fuzz_clusters::run),
    ("state_arrivals", fuzz_arrivals::run),
    ("packed", fuzz_packed::run),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}
