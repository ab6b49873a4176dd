//! The record of a message: as the store keeps it, and with reports that are noted.

use std::collections::HashSet;

use crate::message::{Finding, Identity, Message, Role};
use crate::message_bytes::{decode, encode};
use crate::message_shapes::{day_in, Shapes, EXPIRY_DAY};
use crate::numbers::Numbers;

const VERSION: u8 = 1;
/// A record that Rust has written has no more reporters, so it has no more sources than a byte can number.
const KEPT: usize = 256;
const NAMES: [&str; 4] = ["DE", "spam", "/app", "report-1"];

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let day = [0, 0, 0, numbers.byte()];
    let record = [&[VERSION][..], bytes, &day].concat();
    keep(&record);
    let Some(mut message) = decode(bytes) else { return false };
    let reports = message.reports;
    while !numbers.is_empty() {
        note(&mut message, &mut numbers);
    }
    assert!(message.reports >= reports);
    message.is_reported();
    assert!(message.reported_as().all(|category| category.len() <= bytes.len().max(4)));
    let again = decode(&encoded(&message));
    assert!(again.is_some() || message.reporters.len() > KEPT);
    true
}

/// A record is kept, and given again, whether it can be decoded or not.
fn keep(record: &[u8]) {
    let (mut shapes, mut kept) = (Shapes::default(), Vec::new());
    shapes.pack_bytes(record, &mut kept);
    assert_eq!(shapes.length(&kept), record.len());
    assert_eq!(day_in(&kept), day_in(record));
    let body = &record[1..record.len() - EXPIRY_DAY];
    let unpacked = shapes.unpack(&kept);
    assert_eq!(unpacked.is_some(), decode(body).is_some());
    if let Some(message) = unpacked {
        assert_eq!(encoded(&message), body);
    }
}

fn note(message: &mut Message, numbers: &mut Numbers) {
    let known: Vec<u64> = message.reporters.iter().map(|one| one.reporter).collect();
    let reporter = match known.get(usize::from(numbers.byte())) {
        Some(&known) => known,
        None => numbers.wide(),
    };
    let [country, category, source, id] = NAMES;
    let received = numbers.byte().into();
    // Anything else is Python's.
    let is_ours = message.changes_no_decision(Some(reporter), received, None, numbers.is_odd());
    match numbers.byte() % 4 {
        0 => message.add_proof(reporter, vec![numbers.wide(), 2]),
        1 => {
            let role =
                [Role::Notice, Role::TrustedFlaggerNotice, Role::Detection][usize::from(numbers.byte() % 3)];
            message.add_to_facts(role, i64::from(received), country, category);
        }
        is_found if is_ours => {
            let finding = (is_found == 2).then(|| Finding {
                root: numbers.wide(),
                parts: vec![reporter],
                category: category.into(),
                classifier: numbers.is_odd().then(|| [source.into(), id.into()]),
            });
            let identity = Identity { source: source.into(), id: id.into() };
            message.add_report(reporter, received, identity, finding);
            message.has_found(reporter);
            message.report_of(reporter);
        }
        _ => {}
    }
    let all: HashSet<u64> = message.reporters.iter().map(|one| one.reporter).collect();
    assert_eq!(all.len(), message.reporters.len());
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode(message, &mut out);
    out
}
