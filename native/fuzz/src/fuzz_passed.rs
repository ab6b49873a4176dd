//! An entry of a bundle at the home of its reporter, as that reads it; and the report in it, which both homes read.

use crate::checked::{Checked, Passed};
use crate::msgpack::{write_array, write_bool, write_int, write_nil, write_str, Reader};

const FIELDS: usize = 16;

pub fn run(input: &[u8]) -> bool {
    let Some(passed) = Passed::read(input) else { return false };
    // It travels on as it came, and the channel's home must be able to read it.
    let mut reader = Reader::new(passed.report_bytes);
    let again = Checked::read(&mut reader).map(|report| written(&report));
    assert!(reader.is_at_end());
    assert_eq!(again.as_ref(), Some(&written(&passed.report)));
    check(&passed.report);
    true
}

/// What is written of a report is read alike.
pub fn check(report: &Checked) {
    let bytes = written(report);
    let mut reader = Reader::new(&bytes);
    let again = Checked::read(&mut reader).map(|report| written(&report));
    assert!(reader.is_at_end());
    assert_eq!(again.as_ref(), Some(&bytes));
}

fn written(report: &Checked) -> Vec<u8> {
    let mut out = Vec::new();
    write_array(&mut out, FIELDS);
    write_str(&mut out, report.topic);
    for number in [report.partition, report.offset, report.appended, report.occurred] {
        write_int(&mut out, number);
    }
    match report.received {
        Some(received) => write_int(&mut out, received),
        None => write_nil(&mut out),
    }
    write_str(&mut out, report.category);
    write_text(&mut out, report.reporter_kind);
    match report.member {
        Some(member) => write_bool(&mut out, member),
        None => write_nil(&mut out),
    }
    write_str(&mut out, report.channel);
    write_text(&mut out, report.message);
    write_str(&mut out, report.source);
    write_str(&mut out, report.id);
    // Neither a trace nor attempts.
    write_nil(&mut out);
    write_int(&mut out, 0);
    out.extend_from_slice(report.rest);
    out
}

fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_str(out, text),
        None => write_nil(out),
    }
}
