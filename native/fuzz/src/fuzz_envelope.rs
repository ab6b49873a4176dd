//! The headers of a record, a line each: name, `=`, value. A line without `=` is a header without a value.

use crate::envelope::Envelope;

const EVENT_TYPE: &[u8] = b"tocsin.report.v1";

pub fn run(input: &[u8]) -> bool {
    let headers: Vec<_> = input.split(|byte| *byte == b'\n').filter_map(header).collect();
    let source = source_of(headers.iter().copied());
    // The order of headers means nothing.
    assert_eq!(source, source_of(headers.iter().rev().copied()));
    assert!(source.is_none_or(|source| !source.contains(['@', '%'])));
    source.is_some()
}

fn source_of<'a>(headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Option<&'a str> {
    let mut envelope = Envelope::new();
    headers.for_each(|(name, value)| envelope.header(name, value));
    envelope.source(EVENT_TYPE)
}

fn header(line: &[u8]) -> Option<(&str, Option<&[u8]>)> {
    let end = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
    Some((std::str::from_utf8(&line[..end]).ok()?, line.get(end + 1..)))
}
