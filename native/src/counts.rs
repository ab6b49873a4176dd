//! Counts of one channel and category: panes, distinct reporters, most-reported messages; their encoding
//! (streams/counting/counts.py).
//!
//! There are no voices: a channel with stamped reports is Python's. There are no running sums either: a window has
//! at most 66 panes, and they are quickly summed.

use crate::distinct::{next_limit, rename, resample, see, settle, thin_out, union_size, LastSeen, Seen};
use crate::msgpack::{write_array, write_bin, write_int, write_map, write_str, Reader};
use crate::panes::{find_or_insert, first_from, fold, place_of, Pane, UNIT};
use crate::sums::{Sums, WindowCounts};
use crate::tally::{forget_after, forget_before, most_reported, tally_message, Tally, TALLIED_MESSAGES};
use crate::windows::{fine_of, held_from, pane_start, Window, FINE_MS, LONGEST};

/// The first byte of the encoding (streams/contract/wire/state_records.py).
pub const STATE_VERSION: u8 = 1;

const STATE_FIELDS: usize = 6;
// Of a pane, besides its sums.
const OTHER_FIELDS: usize = 4;

// Larger numbers do not occur, unless a record is damaged; Python's numbers have no limit. Below these, no sum and no
// product exceeds 64 bits.
const TIME_LIMIT: i64 = 1 << 32;
const SUM_LIMIT: i64 = 1 << 56;
const WEIGHT_LIMIT: i64 = 1 << 32;
const CODE_LIMIT: i64 = 1 << 62;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReporterKind {
    User,
    TrustedFlagger,
    Automated,
    StateActor,
    Anonymous,
}

/// Counts of one channel in one category. Times are in ms since the epoch.
///
/// `now_ms` must not be before the report's own time, and must never go back but with `turn_back`.
pub struct ChannelCounts {
    now: i64,
    limit: i64,
    panes: Vec<Pane>,
    last_seen: LastSeen,
    messages: Tally,
}

/// Whether a pane would hold a report of that time, so that `add` would return true.
pub fn is_held(occurred_ms: i64, now_ms: i64) -> bool {
    pane_start(fine_of(occurred_ms), fine_of(now_ms)).is_some()
}

impl ChannelCounts {
    pub fn new() -> Self {
        ChannelCounts {
            now: 0,
            limit: next_limit(0),
            // Most channels are quiet: one report, in one pane.
            panes: Vec::with_capacity(1),
            last_seen: LastSeen::new(),
            messages: Tally::with_capacity(1),
        }
    }

    /// Count a report in the pane that still holds its time; return false, counting nothing, if none does.
    ///
    /// It moves on in time before. `reporter` is the hash of the reporter's pseudonym.
    #[allow(clippy::too_many_arguments)] // As in Python.
    pub fn add(
        &mut self,
        occurred_ms: i64,
        now_ms: i64,
        kind: ReporterKind,
        reporter: Option<u64>,
        risk_millionths: i64,
        message: Option<&str>,
        tier: i64,
    ) -> bool {
        let (fine, now) = (fine_of(occurred_ms), fine_of(now_ms));
        if now != self.now {
            self.move_on(now);
        }
        let place = match self.panes.last() {
            Some(newest) if newest.start == fine => self.panes.len() - 1,
            _ => match pane_start(fine, now) {
                None => return false,
                Some(start) => find_or_insert(&mut self.panes, start),
            },
        };
        self.panes[place].count(kind, reporter.is_some(), risk_millionths, tier);
        if let Some(reporter) = reporter {
            let new = see(&mut self.last_seen, &mut self.panes, place, reporter);
            if new && self.reporters() > self.limit {
                thin_out(&mut self.last_seen, &mut self.panes);
                self.limit = next_limit(self.last_seen.rows().len());
            }
        }
        if let Some(message) = message {
            tally_message(&mut self.messages, message, fine);
        }
        true
    }

    /// The counts of the window that ends with the pane of `now_ms`.
    pub fn measure(&self, window: Window, now_ms: i64) -> WindowCounts {
        let start = window.start(fine_of(now_ms));
        let mut total = WindowCounts::default();
        for pane in self.panes.iter().rev().take_while(|pane| pane.start >= start) {
            total.sums += pane.sums;
            total.distinct_reporters += pane.kept * pane.weight;
        }
        total.distinct_reporters = (total.distinct_reporters + UNIT / 2) / UNIT;
        total
    }

    /// The tallied messages reported in the window, with their counts, most reported first.
    pub fn messages(&self, window: Window, now_ms: i64) -> Vec<(&str, i64)> {
        most_reported(&self.messages, window, fine_of(now_ms))
    }

    /// The highest tier among the reports of the window that ends with the pane of `now_ms`, or 0.
    pub fn tier(&self, window: Window, now_ms: i64) -> i64 {
        let start = window.start(fine_of(now_ms));
        self.panes[first_from(&self.panes, start)..].iter().map(|pane| pane.tier).max().unwrap_or(0)
    }

    /// The map of reporters, and the largest weight of its panes from the fine index `start` on; None without any.
    pub fn sample(&self, start: i64) -> Option<(&LastSeen, i64)> {
        self.panes.get(first_from(&self.panes, start)).map(|pane| (&self.last_seen, pane.weight))
    }

    /// Give a reporter the hash under another key; return false if none has the hash `before`.
    pub fn rename_reporter(&mut self, before: u64, after: u64) -> bool {
        rename(&mut self.last_seen, &mut self.panes, before, after)
    }

    /// Forget what is after the pane of `now_ms`, to which time was set back; false if nothing changed.
    pub fn turn_back(&mut self, now_ms: i64) -> bool {
        let now = fine_of(now_ms);
        if self.now <= now {
            return false;
        }
        self.now = now;
        settle(&mut self.last_seen, &self.panes);
        self.last_seen.retain(|row| row.fine <= now);
        self.panes.retain(|pane| pane.start <= now);
        forget_after(&mut self.messages, now);
        true
    }

    /// When (ms) the newest pane begins; None if nothing is counted.
    pub fn newest_pane_ms(&self) -> Option<i64> {
        self.panes.last().map(|pane| pane.start * FINE_MS)
    }

    /// Append the state as bytes, beginning with the version.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let rows = self.last_seen.rows();
        out.reserve(64 + 32 * self.panes.len() + 9 * rows.len());
        out.push(STATE_VERSION);
        write_array(out, STATE_FIELDS);
        write_int(out, self.now);
        write_int(out, self.limit);
        write_array(out, self.panes.len());
        for pane in &self.panes {
            write_array(out, OTHER_FIELDS + Sums::COUNT);
            write_int(out, pane.start);
            let numbers = pane.sums.numbers();
            let (first, later) = numbers.split_at(Sums::FIRST);
            for &number in first.iter().chain(&[pane.kept, pane.weight, pane.tier]).chain(later) {
                write_int(out, number);
            }
        }
        write_bin(out, 8 * rows.len());
        for row in rows {
            out.extend_from_slice(&row.reporter.to_le_bytes());
        }
        write_bin(out, rows.len());
        out.extend(rows.iter().map(|row| place_of(&self.panes, row.fine) as u8));
        write_map(out, self.messages.len());
        for (message, code) in &self.messages {
            write_str(out, message);
            write_int(out, *code);
        }
    }

    /// Decode the bytes of `encode`; None if they are anything else: a channel with voices, or damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let mut reader = Reader::new(rest);
        if version != STATE_VERSION || reader.array()? != STATE_FIELDS {
            return None;
        }
        let now = reader.int(TIME_LIMIT)?;
        let limit = reader.int(TIME_LIMIT)?;
        let panes = decode_panes(&mut reader, now)?;
        let last_seen = decode_reporters(&mut reader, &panes)?;
        let messages = decode_messages(&mut reader)?;
        if reader.is_at_end() {
            Some(ChannelCounts { now, limit, panes, last_seen, messages })
        } else {
            None
        }
    }

    fn reporters(&self) -> i64 {
        self.last_seen.rows().len() as i64
    }

    /// Move panes, reporters and messages on to the pane of `now`.
    fn move_on(&mut self, now: i64) {
        let before = std::mem::replace(&mut self.now, now);
        let oldest_is_fine = self.panes.first().is_none_or(|pane| pane.start >= held_from(0, now));
        if oldest_is_fine && self.limit == next_limit(0) {
            // The usual case: the finest ring holds everything, so nothing is folded or forgotten.
            return;
        }
        if fold(&mut self.panes, before, now) {
            resample(&mut self.last_seen, &mut self.panes);
        }
        let horizon = held_from(LONGEST, now);
        if horizon != held_from(LONGEST, before) {
            self.forget_before(horizon);
        }
    }

    /// Drop everything older than the fine index `horizon`, which no ring holds any more.
    fn forget_before(&mut self, horizon: i64) {
        let dropped = first_from(&self.panes, horizon);
        self.panes.drain(..dropped);
        forget_before(&mut self.messages, horizon);
        if self.reporters() > 0 {
            self.last_seen.retain(|row| row.fine >= horizon);
            self.limit = self.limit.min(next_limit(self.last_seen.rows().len()));
        }
    }
}

/// Read the panes. Each must be one that exists at the fine index `now`: otherwise folding may not keep their order.
fn decode_panes(reader: &mut Reader, now: i64) -> Option<Vec<Pane>> {
    let length = reader.array()?;
    if length > usize::from(u8::MAX) {
        return None;
    }
    let mut panes: Vec<Pane> = Vec::with_capacity(length);
    for _ in 0..length {
        // A record of an earlier version has no more than it counted.
        let fields = reader.array()?;
        if !(OTHER_FIELDS + Sums::FIRST..=OTHER_FIELDS + Sums::COUNT).contains(&fields) {
            return None;
        }
        let start = reader.int(TIME_LIMIT)?;
        let mut numbers = [0; Sums::COUNT];
        let (first, later) = numbers.split_at_mut(Sums::FIRST);
        for number in first {
            *number = reader.int(SUM_LIMIT)?;
        }
        let (kept, weight) = (reader.int(SUM_LIMIT)?, reader.int(WEIGHT_LIMIT)?);
        let tier = reader.int(SUM_LIMIT)?;
        for number in later.iter_mut().take(fields - OTHER_FIELDS - Sums::FIRST) {
            *number = reader.int(SUM_LIMIT)?;
        }
        let pane = Pane { start, sums: Sums::from_numbers(numbers), kept, weight, tier };
        let follows = panes.last().is_none_or(|before| before.start < pane.start);
        if !follows || pane.weight == 0 || pane_start(pane.start, now) != Some(pane.start) {
            return None;
        }
        panes.push(pane);
    }
    Some(panes)
}

/// Read the reporters. Each pane must have as many as it says.
fn decode_reporters(reader: &mut Reader, panes: &[Pane]) -> Option<LastSeen> {
    let (reporters, places) = (reader.bin()?, reader.bin()?);
    if reporters.len() != 8 * places.len() {
        return None;
    }
    let mut kept = [0; 256];
    let mut rows = Vec::with_capacity(places.len());
    for (hash, &place) in reporters.chunks_exact(8).zip(places) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(hash);
        kept[usize::from(place)] += 1;
        let fine = panes.get(usize::from(place))?.start;
        rows.push(Seen { reporter: u64::from_le_bytes(bytes), fine });
    }
    if panes.iter().zip(kept).any(|(pane, kept)| pane.kept != kept) {
        return None;
    }
    LastSeen::from_rows(rows)
}

fn decode_messages(reader: &mut Reader) -> Option<Tally> {
    let length = reader.map()?;
    if length > TALLIED_MESSAGES {
        return None;
    }
    let mut messages = Tally::with_capacity(length);
    for _ in 0..length {
        let message = reader.str()?;
        let code = reader.int(CODE_LIMIT)?;
        if messages.iter().any(|(other, _)| &**other == message) {
            return None;
        }
        messages.push((message.into(), code));
    }
    Some(messages)
}

/// The number of different reporters in a window over several categories of a channel.
///
/// Never below the largest category's number and never above their sum.
pub fn union_distinct(counts: &[&ChannelCounts], window: Window, now_ms: i64) -> i64 {
    let start = window.start(fine_of(now_ms));
    let mut samples = Vec::with_capacity(counts.len());
    let (mut largest, mut sum) = (0, 0);
    for one in counts {
        let size = one.measure(window, now_ms).distinct_reporters;
        if size > 0 {
            samples.extend(one.sample(start));
            largest = largest.max(size);
            sum += size;
        }
    }
    if samples.len() < 2 {
        return sum;
    }
    union_size(&samples, start).max(largest).min(sum)
}
