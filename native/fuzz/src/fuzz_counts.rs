//! The counts of a channel and category, on which is counted.

use crate::counts::{ChannelCounts, ReporterKind};
use crate::measures::{Measure, Measured};
use crate::msgpack::Reader;
use crate::numbers::Numbers;
use crate::voices::{Stamped, NUMBERS};
use crate::windows::{Window, DAY, FINE_MS, HOUR, LATEST_MS};

const WINDOWS: [Window; 4] = [
    Window { ring: 0, panes: 3 },
    Window { ring: 0, panes: 12 },
    Window { ring: 1, panes: 24 },
    Window { ring: 2, panes: 30 },
];
const MEASURES: [&str; 9] = [
    "reports",
    "distinct_reporters",
    "risk",
    "trusted_flaggers",
    "automated",
    "anonymous_share",
    "voices",
    "linked_share",
    "proven_voices",
];
const KINDS: [ReporterKind; 4] =
    [ReporterKind::User, ReporterKind::Anonymous, ReporterKind::Automated, ReporterKind::StateActor];
const STEPS_MS: [i64; 5] = [0, FINE_MS, HOUR, DAY, 40 * DAY];
/// Numbers of a damaged record may grow beyond what is read when panes are folded. Smaller ones do not.
const SMALL: i64 = 1 << 24;

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let Some(mut counts) = ChannelCounts::decode(bytes) else { return false };
    let written = encoded(&counts);
    assert_eq!(ChannelCounts::decode(&written).map(|again| encoded(&again)), Some(written.clone()));

    let is_small = has_small_numbers(&written).is_some();
    // A report may be from any time, that of a damaged record is.
    let mut now = match counts.newest_pane_ms() {
        Some(newest) if numbers.is_odd() => newest.min(LATEST_MS - 1),
        _ => numbers.below(LATEST_MS),
    };
    counts.turn_back(now);
    while !numbers.is_empty() {
        count(&mut counts, &mut numbers, now);
        measure(&counts, now);
        now = (now + STEPS_MS[usize::from(numbers.byte()) % STEPS_MS.len()]).min(LATEST_MS - 1);
    }
    let written = encoded(&counts);
    let again = ChannelCounts::decode(&written).map(|again| encoded(&again));
    assert!(again == Some(written) || !is_small);
    true
}

fn count(counts: &mut ChannelCounts, numbers: &mut Numbers, now: i64) {
    let occurred = (now - STEPS_MS[usize::from(numbers.byte()) % STEPS_MS.len()]).max(0);
    let reporter = u64::from(numbers.byte());
    match numbers.byte() % 8 {
        0 => drop(counts.add_for_review(occurred, now, 2)),
        1 => {
            let mut added = Stamped { numbers: [1; NUMBERS], proven: Vec::new() };
            added.proven.push((reporter as u32, vec![1, 2]));
            counts.add_stamped(occurred, added);
        }
        2 => drop(counts.rename_reporter(reporter, reporter + 1)),
        3 => counts.note_risk(reporter, counts.risk_counted_at(reporter)),
        4 => drop(counts.turn_back(occurred)),
        kind => {
            // One in two of all hashes, as the sample of some panes has it.
            let hash = reporter.wrapping_mul(u64::MAX / 255);
            let kind = KINDS[usize::from(kind) % KINDS.len()];
            counts.add(occurred, now, kind, Some(hash), 900_000, Some("message"), 1);
        }
    }
}

fn measure(counts: &ChannelCounts, now: i64) {
    for window in WINDOWS {
        let measured = Measured::of(counts, window, now);
        for measure in MEASURES.into_iter().filter_map(Measure::named) {
            measure.read(&measured);
        }
        counts.messages(window, now);
        counts.tier(window, now);
        counts.is_whole(window, now);
        assert!(counts.most_reports(window, now, now) >= 0);
        counts.later_ends(window, now - DAY, now);
    }
    counts.sample(0, i64::MAX);
}

fn encoded(counts: &ChannelCounts) -> Vec<u8> {
    let mut out = Vec::new();
    counts.encode(&mut out);
    out
}

/// Whether all numbers of panes and voices in an encoding are small, but the hashes of who was proven.
fn has_small_numbers(encoded: &[u8]) -> Option<()> {
    let mut reader = Reader::new(encoded.get(1..)?);
    reader.array()?;
    let (now, limit) = (reader.uint()?, reader.uint()?);
    let small =
        |reader: &mut Reader, length: usize| (0..length).try_for_each(|_| reader.signed(SMALL).map(drop));
    for _ in 0..reader.array()? {
        let numbers = reader.array()? - 1;
        reader.uint()?;
        small(&mut reader, numbers)?;
    }
    reader.bin()?;
    reader.bin()?;
    reader.any()?;
    for _ in 0..reader.array()? {
        let numbers = reader.array()? - 1;
        reader.uint()?;
        small(&mut reader, numbers.min(NUMBERS))?;
        (NUMBERS..numbers).try_for_each(|_| reader.uint().map(drop))?;
    }
    (now < 1 << 31 && limit < 1 << 31).then_some(())
}
