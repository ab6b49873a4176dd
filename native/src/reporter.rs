//! A reporter of whom no outcome is known and about whom nobody decided anything: most of them
//! (streams/deciding/reporters/reporter.py, streams/deciding/reporters/activity.py).

use crate::msgpack::{write_array, write_bin, write_bool, write_int, write_map, write_uint, Reader};
use crate::targets::{read_signature, write_signature, Targets, SIGNATURE_BYTES};

/// A record of more fields is of a reporter of whom more is known.
const FIELDS: usize = 6;
const TARGETS_FIELDS: usize = 5;
const ACTIVITY_FIELDS: usize = 4;
const PERIOD_DAYS: i64 = 90;
const DAYS_PER_WEEK: i64 = 7;
const CHANNEL_BYTES: usize = 16;

#[derive(Default)]
pub struct Reporter {
    period: i64,
    pub targets: Targets,
    pub activity: Activity,
    misuse_week: i64,
}

/// The reports of `day`, and the channels of its week as bits.
#[derive(Default)]
pub struct Activity {
    day: i64,
    pub reports: i64,
    channels: Option<u128>,
    pub shown: bool,
}

impl Activity {
    /// Add a report about a channel, a keyed hash, on `day`; return how many bits are set.
    fn note(&mut self, day: i64, channel: u64) -> usize {
        if day > self.day {
            if day / DAYS_PER_WEEK > self.day / DAYS_PER_WEEK {
                self.channels = None;
                self.shown = false;
            }
            self.day = day;
            self.reports = 0;
        }
        self.reports += 1;
        let channels = self.channels.get_or_insert(0);
        *channels |= 1 << (channel % u128::BITS as u64);
        channels.count_ones() as usize
    }
}

impl Reporter {
    /// Note a report of `day` about a channel; return how many bits of channels are set.
    pub fn note(&mut self, day: i64, channel: u64) -> usize {
        self.period = self.period.max(day / PERIOD_DAYS);
        self.activity.note(day, channel)
    }

    /// Read what `encode_reporter` has written; None if more is known of the reporter.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        expect(reader.array()? == FIELDS)?;
        let period = reader.int(i64::MAX)?;
        expect(reader.map()? == 0)?;
        expect(reader.array()? == TARGETS_FIELDS)?;
        let week = reader.int(i64::MAX)?;
        let (current, previous) = (read_signature(reader.bin()?)?, read_signature(reader.bin()?)?);
        let open = (0..reader.array()?).map(|_| reader.uint()).collect::<Option<_>>()?;
        // What was dismissed enters at once.
        expect(reader.array()? == 0)?;
        expect(reader.array()? == ACTIVITY_FIELDS)?;
        let (day, reports) = (reader.int(i64::MAX)?, reader.int(i64::MAX)?);
        let channels = match reader.bin()? {
            [] => None,
            bytes => Some(u128::from_le_bytes(<[u8; CHANNEL_BYTES]>::try_from(bytes).ok()?)),
        };
        let shown = reader.bool()?;
        expect(reader.map()? == 0)?;
        let misuse_week = reader.int(i64::MAX)?;
        expect(reader.is_at_end())?;
        Some(Reporter {
            period,
            targets: Targets { week, current, previous, open },
            activity: Activity { day, reports, channels, shown },
            misuse_week,
        })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let (targets, activity) = (&self.targets, &self.activity);
        write_array(out, FIELDS);
        write_int(out, self.period);
        write_map(out, 0);
        write_array(out, TARGETS_FIELDS);
        write_int(out, targets.week);
        for signature in [&targets.current, &targets.previous] {
            write_bin(out, signature.map_or(0, |_| SIGNATURE_BYTES));
            signature.iter().for_each(|signature| write_signature(out, signature));
        }
        write_array(out, targets.open.len());
        targets.open.iter().for_each(|&entry| write_uint(out, entry));
        write_array(out, 0);
        write_array(out, ACTIVITY_FIELDS);
        write_int(out, activity.day);
        write_int(out, activity.reports);
        write_bin(out, activity.channels.map_or(0, |_| CHANNEL_BYTES));
        activity.channels.iter().for_each(|channels| out.extend_from_slice(&channels.to_le_bytes()));
        write_bool(out, activity.shown);
        write_map(out, 0);
        write_int(out, self.misuse_week);
    }
}

fn expect(holds: bool) -> Option<()> {
    holds.then_some(())
}
