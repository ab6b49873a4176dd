//! A detector, a list, or a narrower source in it (streams/deciding/reporters/part.py), and the watch over what it finds
//! (streams/deciding/reporters/watch.py). Whatever is not one more finding within its usual band is Python's.

use serde::Deserialize;

use crate::msgpack::{write_array, write_int, Reader};

const FIELDS: usize = 4;
const WATCH_FIELDS: usize = 7;
const LIMIT: i64 = 1 << 56;
/// The lowest bits of a row of busiest hours: the number of findings.
const COUNT: u64 = 0xffff_ffff;

/// When a source may have left its band (`DetectorBand` of streams/deciding/reporters/native/home_rules.py).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    pub busiest_times: f64,
    pub least_findings: i64,
    pub known_days: usize,
    pub outcomes_per_alarm: f64,
}

impl Band {
    /// How many findings within an hour are usual at most; None while too few days are known.
    fn most(&self, busiest: &[u64]) -> Option<i64> {
        let most = busiest.iter().map(|row| row & COUNT).max().unwrap_or(0);
        // Python rounds a half to even, too.
        let usual = (self.busiest_times * most as f64).round_ties_even() as i64;
        (busiest.len() >= self.known_days).then(|| usual.max(self.least_findings))
    }
}

pub struct Part<'a> {
    pub period: i64,
    pub sums: &'a [u8],
    hour: i64,
    count: i64,
    /// From `busiest` on.
    later: &'a [u8],
}

impl<'a> Part<'a> {
    /// Read a part that is not held and finds as much as usual with one more finding in `hour`, its latest hour; None for
    /// any other one.
    pub fn read(bytes: &'a [u8], hour: i64, band: &Band) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        expect(reader.array()? == FIELDS)?;
        let (period, sums) = (reader.int(LIMIT)?, reader.any()?);
        expect(reader.array()? == WATCH_FIELDS)?;
        expect(reader.int(LIMIT)? == hour)?;
        let count = reader.int(LIMIT)?;
        let (busiest, later) = reader.with_bytes(|reader| {
            let busiest = read_busiest(reader)?;
            // Evidence of dismissals, whether it is held, and when it was loud.
            expect(reader.float()? < band.outcomes_per_alarm && reader.uint()? == 0)?;
            reader.int(LIMIT)?;
            reader.int(LIMIT)?;
            // The last day on which an outcome counted.
            reader.int(LIMIT)?;
            Some(busiest)
        })?;
        expect(reader.is_at_end() && band.most(&busiest).is_none_or(|most| count < most))?;
        Some(Part { period, sums, hour, count, later })
    }

    pub fn has_outcomes(&self) -> bool {
        self.sums != NO_SUMS
    }

    /// Write it with one more finding.
    pub fn write_found(&self, out: &mut Vec<u8>) {
        write_array(out, FIELDS);
        write_int(out, self.period);
        out.extend_from_slice(self.sums);
        write_array(out, WATCH_FIELDS);
        write_int(out, self.hour);
        write_int(out, self.count + 1);
        out.extend_from_slice(self.later);
    }
}

/// A map without entries.
const NO_SUMS: [u8; 1] = [0x80];

fn read_busiest(reader: &mut Reader) -> Option<Vec<u64>> {
    (0..reader.array()?).map(|_| reader.uint()).collect()
}

fn expect(holds: bool) -> Option<()> {
    holds.then_some(())
}
