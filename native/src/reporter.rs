//! A reporter about whom nobody decided anything (streams/deciding/reporters/reporter.py,
//! streams/deciding/reporters/activity.py).

use crate::msgpack::{write_array, write_bin, write_bool, write_int, write_uint, Reader};
use crate::targets::{read_signature, write_signature, Targets, SIGNATURE_BYTES};

/// Of a reporter of whom no outcome is known, and of one of whom some is. Others are Python's.
const FIELDS: usize = 6;
const FIELDS_WITH_OUTCOMES: usize = 12;
const TARGETS_FIELDS: usize = 5;
const ACTIVITY_FIELDS: usize = 4;
pub const PERIOD_DAYS: i64 = 90;
const DAYS_PER_WEEK: i64 = 7;
const CHANNEL_BYTES: usize = 16;
/// A map without entries.
const NOTHING: [u8; 1] = [0x80];
/// An array without elements.
const NO_PROOFS: [u8; 1] = [0x90];

#[derive(Default)]
pub struct Reporter {
    period: i64,
    pub targets: Targets,
    pub activity: Activity,
    misuse_week: i64,
    pub outcomes: Option<Outcomes>,
}

/// The outcomes of a reporter, which a report does not change: as they are stored.
#[derive(Default)]
pub struct Outcomes {
    /// `sums`.
    sums: Vec<u8>,
    /// `numbers`.
    numbers: Vec<u8>,
    /// From `asked` on.
    later: Vec<u8>,
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
    /// Whether on `day` outcomes count less than when the reporter was stored: Python knows by how much.
    pub fn fades(&self, day: i64) -> bool {
        self.outcomes.is_some() && day / PERIOD_DAYS > self.period
    }

    /// Whether an outcome counts that has not faded away yet.
    pub fn is_tried(&self) -> bool {
        self.outcomes.as_ref().is_some_and(|outcomes| outcomes.sums != NOTHING)
    }

    /// Write all from which follows what is known of the reporter on a day of this period; nothing if no outcome is.
    pub fn write_known(&self, out: &mut Vec<u8>) {
        if let Some(outcomes) = &self.outcomes {
            write_int(out, self.period);
            write_int(out, self.misuse_week);
            [&outcomes.sums, &outcomes.numbers, &outcomes.later]
                .into_iter()
                .for_each(|bytes| out.extend_from_slice(bytes));
        }
    }

    /// Note a report of `day` about a channel; return how many bits of channels are set.
    pub fn note(&mut self, day: i64, channel: u64) -> usize {
        self.period = self.period.max(day / PERIOD_DAYS);
        self.activity.note(day, channel)
    }

    /// Read what `encode_reporter` has written; None if somebody decided about the reporter, or the key has changed.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let fields = reader.array()?;
        expect(fields == FIELDS || fields == FIELDS_WITH_OUTCOMES)?;
        let period = reader.int(i64::MAX)?;
        let sums = reader.any()?;
        expect(reader.array()? == TARGETS_FIELDS)?;
        let week = reader.int(i64::MAX)?;
        let (current, previous) = (read_signature(reader.bin()?)?, read_signature(reader.bin()?)?);
        let open = (0..reader.array()?).map(|_| reader.uint()).collect::<Option<_>>()?;
        let entered = (0..reader.array()?).map(|_| reader.uint()).collect::<Option<_>>()?;
        expect(reader.array()? == ACTIVITY_FIELDS)?;
        let (day, reports) = (reader.int(i64::MAX)?, reader.int(i64::MAX)?);
        let channels = match reader.bin()? {
            [] => None,
            bytes => Some(u128::from_le_bytes(<[u8; CHANNEL_BYTES]>::try_from(bytes).ok()?)),
        };
        let shown = reader.bool()?;
        let numbers = reader.any()?;
        let misuse_week = reader.int(i64::MAX)?;
        let outcomes = if fields == FIELDS {
            expect(sums == NOTHING && numbers == NOTHING)?;
            None
        } else {
            let (proofs, later) = reader.with_bytes(read_later)?;
            expect(sums != NOTHING || proofs != NO_PROOFS)?;
            Some(Outcomes { sums: sums.to_vec(), numbers: numbers.to_vec(), later: later.to_vec() })
        };
        expect(reader.is_at_end())?;
        Some(Reporter {
            period,
            targets: Targets { week, current, previous, open, entered },
            activity: Activity { day, reports, channels, shown },
            misuse_week,
            outcomes,
        })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let (targets, activity) = (&self.targets, &self.activity);
        let outcomes = self.outcomes.as_ref();
        write_array(out, outcomes.map_or(FIELDS, |_| FIELDS_WITH_OUTCOMES));
        write_int(out, self.period);
        out.extend_from_slice(outcomes.map_or(&NOTHING, |outcomes| &outcomes.sums));
        write_array(out, TARGETS_FIELDS);
        write_int(out, targets.week);
        for signature in [&targets.current, &targets.previous] {
            write_bin(out, signature.map_or(0, |_| SIGNATURE_BYTES));
            signature.iter().for_each(|signature| write_signature(out, signature));
        }
        for entries in [&targets.open, &targets.entered] {
            write_array(out, entries.len());
            entries.iter().for_each(|&entry| write_uint(out, entry));
        }
        write_array(out, ACTIVITY_FIELDS);
        write_int(out, activity.day);
        write_int(out, activity.reports);
        write_bin(out, activity.channels.map_or(0, |_| CHANNEL_BYTES));
        activity.channels.iter().for_each(|channels| out.extend_from_slice(&channels.to_le_bytes()));
        write_bool(out, activity.shown);
        out.extend_from_slice(outcomes.map_or(&NOTHING, |outcomes| &outcomes.numbers));
        write_int(out, self.misuse_week);
        outcomes.iter().for_each(|outcomes| out.extend_from_slice(&outcomes.later));
    }
}

/// `asked`, `moved_to`, `by_reviewer`, `standing`, `unsupported` and `proofs`; return the last of them.
fn read_later<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    expect(reader.uint()? == 0 && reader.uint()? == 0)?;
    reader.any()?;
    reader.nil()?;
    reader.any()?;
    reader.any()
}

fn expect(holds: bool) -> Option<()> {
    holds.then_some(())
}
