//! How a channel's latest reports arrived, and from whom (streams/counting/coordination/arrivals.py, which argues it).

use crate::assessment::{is_burst, MOST};
use crate::msgpack::{write_array, write_int, write_map, write_pair, write_uint, Reader};

const HOUR_MS: i64 = 60 * 60_000;
const BUCKET_MS: i64 = HOUR_MS / 2;
const SPAN_HOURS: i64 = 6;
const BUCKETS: i64 = SPAN_HOURS * HOUR_MS / BUCKET_MS;
const MEMORY_BITS: u32 = 8;
const FRACTION_BITS: u32 = 10;
const LONGEST_GAP: i64 = 2_000;
/// Reporters of an hour's sample.
const SAMPLE: usize = 32;
const LEAST_SAMPLED: usize = 10;
const MANY_MESSAGES: i64 = 3;
/// Reporters whose further reports are recognised.
const COUNTED: usize = 512;

const FIELDS: usize = 8;
/// Numbers of a row before those of its categories: age, reporters, first-time, young, outsiders.
const FIXED: usize = 5;
/// Larger numbers do not occur, unless a state is damaged; sums of smaller ones are exact as floats.
const LIMIT: i64 = 1 << 40;

/// A report, without its time.
pub struct Arrival {
    pub reporter: u64,
    /// The code of the category.
    pub category: i64,
    pub first_time: bool,
    pub young: bool,
    pub outsider: bool,
}

/// The last SPAN_HOURS of a channel: its reporters, how many are usual, and the shares of those with each sign.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Signs {
    pub reporters: i64,
    pub usual: f64,
    pub first_time: f64,
    pub young: f64,
    pub outsiders: f64,
    pub repeating: f64,
    pub disagreement: f64,
}

/// The reporters of a channel by half an hour, for SPAN_HOURS, and their average rate.
#[derive(Default)]
pub struct Arrivals {
    bucket: i64,
    recent: Rows,
    hour: i64,
    average: i64,
    of_hour: i64,
    sampled_hour: i64,
    /// Python's dict {reporter: messages}. The order is that of insertion: it is part of the encoding.
    sampled: Vec<(u64, i64)>,
    counted: Counted,
}

/// Rows that begin with FIXED numbers, then pairs of a category and how often it was named. All are in one list, as most
/// have few numbers.
#[derive(Default)]
struct Rows {
    numbers: Vec<i64>,
    ends: Vec<usize>,
}

/// Python's dict {reporter: bucket}, in the order of insertion. A search of all reporters needs no index: they are few, and
/// mostly read for one search.
#[derive(Default)]
struct Counted {
    reporters: Vec<u64>,
    buckets: Vec<i64>,
}

impl Arrivals {
    /// Read what `encode` has written. None if it is anything else, such as a state with fewer fields.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != FIELDS {
            return None;
        }
        let found = Arrivals {
            bucket: reader.int(LIMIT)?,
            recent: Rows::read(&mut reader)?,
            hour: reader.int(LIMIT)?,
            average: reader.int(LIMIT)?,
            of_hour: reader.int(LIMIT)?,
            sampled_hour: reader.int(LIMIT)?,
            sampled: read_sampled(&mut reader)?,
            counted: Counted::read(&mut reader)?,
        };
        reader.is_at_end().then_some(found)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        write_array(out, FIELDS);
        write_int(out, self.bucket);
        self.recent.write(out);
        for number in [self.hour, self.average, self.of_hour, self.sampled_hour] {
            write_int(out, number);
        }
        write_map(out, self.sampled.len());
        for &(reporter, messages) in &self.sampled {
            write_uint(out, reporter);
            write_int(out, messages);
        }
        self.counted.write(out);
    }

    /// Add a report. The time is the partition's.
    pub fn add(&mut self, time_ms: i64, arrival: &Arrival) {
        if time_ms.div_euclid(BUCKET_MS) != self.bucket {
            self.move_to(time_ms);
        }
        self.sample(time_ms.div_euclid(HOUR_MS), arrival.reporter);
        if self.counted.add(arrival.reporter, self.bucket) {
            self.recent.add(arrival);
            self.of_hour += 1;
        }
    }

    /// The signs of the time that ends with the newest report.
    pub fn signs(&self) -> Signs {
        let mut sums = [0; FIXED];
        let mut named: Vec<(i64, i64)> = Vec::new();
        for row in self.recent.iter() {
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
            for pair in row[FIXED..].chunks_exact(2) {
                match named.iter_mut().find(|there| there.0 == pair[0]) {
                    Some(there) => there.1 += pair[1],
                    None => named.push((pair[0], pair[1])),
                }
            }
        }
        let [_, reporters, first_time, young, outsiders] = sums;
        let usual = self.usual();
        if reporters == 0 {
            return Signs { usual, ..Signs::default() };
        }
        let of_all = |count: i64| count as f64 / reporters as f64;
        let repeating = self.sampled.iter().filter(|pair| pair.1 >= MANY_MESSAGES).count();
        let most = named.iter().map(|pair| pair.1).max().unwrap_or(0);
        let total: i64 = named.iter().map(|pair| pair.1).sum();
        let has_sample = self.sampled.len() >= LEAST_SAMPLED;
        Signs {
            reporters,
            usual,
            first_time: of_all(first_time),
            young: of_all(young),
            outsiders: of_all(outsiders),
            repeating: if has_sample { repeating as f64 / self.sampled.len() as f64 } else { 0.0 },
            disagreement: if named.len() > 1 { 1.0 - most as f64 / total as f64 } else { 0.0 },
        }
    }

    /// Whether `assessment::suspected` may find signs of a fresh brigade (streams/counting/coordination/assessment.py). It
    /// does not for nearly all reports.
    pub fn may_be_fresh(&self) -> bool {
        let (mut reporters, mut young, mut outsiders) = (0, 0, 0);
        for row in self.recent.iter() {
            reporters += row[1];
            young += row[3];
            outsiders += row[4];
        }
        // Two of three signs are needed, so one of these two is.
        let most = MOST * reporters as f64;
        (young as f64 > most || outsiders as f64 > most) && is_burst(reporters, self.usual())
    }

    /// Whether the newest report came after the half hour of this time.
    pub fn is_after(&self, time_ms: i64) -> bool {
        self.bucket > time_ms.div_euclid(BUCKET_MS)
    }

    /// The channel's average number of reporters in SPAN_HOURS, up to the end of the last full hour.
    fn usual(&self) -> f64 {
        (SPAN_HOURS * self.average) as f64 / f64::from(1 << FRACTION_BITS)
    }

    fn move_to(&mut self, time_ms: i64) {
        let (bucket, hour) = (time_ms.div_euclid(BUCKET_MS), time_ms.div_euclid(HOUR_MS));
        if bucket > self.bucket {
            self.recent.grow_older(bucket - self.bucket);
            self.counted.keep_from(bucket - BUCKETS + 1);
            self.bucket = bucket;
        }
        if self.hour == 0 {
            self.hour = hour;
        }
        if hour - self.hour > LONGEST_GAP {
            self.hour = hour;
            self.average = 0;
            self.of_hour = 0;
        }
        while self.hour < hour {
            self.average += ((self.of_hour << FRACTION_BITS) - self.average) >> MEMORY_BITS;
            self.of_hour = 0;
            self.hour += 1;
        }
    }

    fn sample(&mut self, hour: i64, reporter: u64) {
        if hour != self.sampled_hour {
            self.sampled_hour = hour;
            self.sampled.clear();
        }
        if let Some(there) = self.sampled.iter_mut().find(|pair| pair.0 == reporter) {
            there.1 += 1;
            return;
        }
        if self.sampled.len() == SAMPLE {
            match (0..SAMPLE).max_by_key(|&place| self.sampled[place].0) {
                Some(largest) if reporter < self.sampled[largest].0 => drop(self.sampled.remove(largest)),
                _ => return,
            }
        }
        self.sampled.push((reporter, 1));
    }
}

impl Rows {
    /// The newest is last.
    fn iter(&self) -> impl Iterator<Item = &[i64]> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| &self.numbers[std::mem::replace(&mut begin, end)..end])
    }

    /// Count a reporter in the row of this half hour, which may have to be begun.
    fn add(&mut self, arrival: &Arrival) {
        if self.iter().last().is_none_or(|newest| newest[0] != 0) {
            self.push(&[0; FIXED]);
        }
        let begin = self.ends.iter().rev().nth(1).map_or(0, |end| *end);
        let row = &mut self.numbers[begin..];
        row[1] += 1;
        row[2] += i64::from(arrival.first_time);
        row[3] += i64::from(arrival.young);
        row[4] += i64::from(arrival.outsider);
        match row[FIXED..].chunks_exact_mut(2).find(|pair| pair[0] == arrival.category) {
            Some(pair) => pair[1] += 1,
            None => {
                self.numbers.extend_from_slice(&[arrival.category, 1]);
                self.ends.pop();
                self.ends.push(self.numbers.len());
            }
        }
    }

    fn push(&mut self, row: &[i64]) {
        self.numbers.extend_from_slice(row);
        self.ends.push(self.numbers.len());
    }

    /// Count the ages back to a bucket that is so much later, and drop the rows that are too old.
    fn grow_older(&mut self, passed: i64) {
        let mut kept = Rows::default();
        for row in self.iter().filter(|row| row[0] + passed < BUCKETS) {
            let begin = kept.numbers.len();
            kept.push(row);
            kept.numbers[begin] += passed;
        }
        *self = kept;
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_array(out, self.ends.len());
        for row in self.iter() {
            write_array(out, row.len());
            row.iter().for_each(|&number| write_int(out, number));
        }
    }

    /// Read what `write` has written; None if it is anything else.
    fn read(reader: &mut Reader) -> Option<Self> {
        let length = reader.array()?;
        if length > BUCKETS as usize {
            return None;
        }
        let mut rows =
            Rows { numbers: Vec::with_capacity(4 * BUCKETS as usize), ends: Vec::with_capacity(length + 1) };
        for _ in 0..length {
            let categories = reader.array()?.checked_sub(FIXED)?;
            if categories % 2 != 0 {
                return None;
            }
            for _ in 0..FIXED {
                rows.numbers.push(reader.int(LIMIT)?);
            }
            for _ in 0..categories / 2 {
                let (category, named) = (reader.int(LIMIT)?, reader.int(LIMIT)?);
                if named == 0 {
                    return None;
                }
                rows.numbers.extend_from_slice(&[category, named]);
            }
            rows.ends.push(rows.numbers.len());
        }
        Some(rows)
    }
}

impl Counted {
    /// Add a reporter, for whom the one counted longest ago may be forgotten; return false if the reporter is there.
    fn add(&mut self, reporter: u64, bucket: i64) -> bool {
        if contains(&self.reporters, reporter) {
            return false;
        }
        self.reporters.push(reporter);
        self.buckets.push(bucket);
        if self.reporters.len() > COUNTED {
            self.reporters.remove(0);
            self.buckets.remove(0);
        }
        true
    }

    /// Forget who was counted before the bucket `first`.
    fn keep_from(&mut self, first: i64) {
        let mut places = self.buckets.iter();
        self.reporters.retain(|_| places.next().is_some_and(|bucket| *bucket >= first));
        self.buckets.retain(|bucket| *bucket >= first);
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_map(out, self.reporters.len());
        for (&reporter, &bucket) in self.reporters.iter().zip(&self.buckets) {
            write_pair(out, reporter, bucket);
        }
    }

    /// Read what `write` has written; None if it is anything else.
    fn read(reader: &mut Reader) -> Option<Self> {
        let length = reader.map()?;
        if length > COUNTED {
            return None;
        }
        // One more may be added.
        let mut counted =
            Counted { reporters: Vec::with_capacity(length + 1), buckets: Vec::with_capacity(length + 1) };
        for _ in 0..length {
            let (reporter, bucket) = reader.pair(LIMIT)?;
            counted.reporters.push(reporter);
            counted.buckets.push(bucket);
        }
        all_different(&counted.reporters).then_some(counted)
    }
}

fn read_sampled(reader: &mut Reader) -> Option<Vec<(u64, i64)>> {
    let length = reader.map()?;
    if length > SAMPLE {
        return None;
    }
    let mut sampled: Vec<(u64, i64)> = Vec::with_capacity(length + 1);
    for _ in 0..length {
        let reporter = reader.uint()?;
        if sampled.iter().any(|pair| pair.0 == reporter) {
            return None;
        }
        sampled.push((reporter, reader.int(LIMIT)?));
    }
    Some(sampled)
}

/// Whether a number is among some. Without a way out of each block, so that the compiler compares several at once.
fn contains(numbers: &[u64], number: u64) -> bool {
    let in_block = |block: &[u64]| block.iter().fold(false, |found, one| found | (*one == number));
    numbers.chunks(64).any(in_block)
}

/// Whether no hash is there twice. Of two that share 16 bits, which are few, the others are compared.
fn all_different(hashes: &[u64]) -> bool {
    const FEW: usize = 24;
    if hashes.len() <= FEW {
        return (1..hashes.len()).all(|place| !contains(&hashes[..place], hashes[place]));
    }
    let mut seen = [0u64; 1 << 10];
    hashes.iter().enumerate().all(|(place, &hash)| {
        let (word, bit) = ((hash & 0x3ff) as usize, 1 << (hash >> 10 & 0x3f));
        let is_new = seen[word] & bit == 0;
        seen[word] |= bit;
        is_new || !contains(&hashes[..place], hash)
    })
}
