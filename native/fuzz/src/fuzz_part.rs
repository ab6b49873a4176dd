//! The record of a detector or a part of it, of which one finding after the other is noted.

use crate::numbers::Numbers;
use crate::part::{Band, Part};

const MOST_FINDINGS: usize = 40;

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let band = Band {
        busiest_times: f64::from(numbers.byte()) / 16.0,
        least_findings: i64::from(numbers.byte()),
        known_days: usize::from(numbers.byte() % 4),
        outcomes_per_alarm: 1e6,
    };
    let Some(hour) = hour_in(bytes) else { return false };
    if Part::read(bytes, hour, &band).is_none() {
        return false;
    }
    let mut record = bytes.to_vec();
    for found in 0..MOST_FINDINGS {
        let Some(part) = Part::read(&record, hour, &band) else {
            assert!(found > 0);
            break;
        };
        let mut written = Vec::new();
        part.write_found(&mut written);
        // In another hour it is Python's.
        assert!(Part::read(&record, hour + 1, &band).is_none());
        record = written;
    }
    true
}

/// The hour that a record names, so that most inputs are of it.
fn hour_in(bytes: &[u8]) -> Option<i64> {
    let mut reader = crate::msgpack::Reader::new(bytes);
    reader.array()?;
    reader.int(1 << 40)?;
    reader.any()?;
    reader.array()?;
    reader.int(1 << 40)
}
