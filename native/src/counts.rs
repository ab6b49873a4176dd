//! Counts of one channel and category: panes, distinct reporters, most-reported messages; their encoding
//! (streams/counting/counts.py).
//!
//! There are no running sums: a window has few panes, and they are quickly summed.

use crate::distinct::{
    in_sample, next_limit, rename, resample, see, settle, thin_out, Before, LastSeen, Seen,
};
use crate::earlier::Earlier;
use crate::msgpack::{write_array, write_bin, write_int, write_map, write_str, write_uint, Reader};
use crate::panes::{find_or_insert, first_from, fold, place_of, Pane, UNIT};
use crate::repeats::Repeats;
use crate::sums::{Sums, WindowCounts};
use crate::tally::{forget_after, forget_before, most_reported, tally_message, Tally, TALLIED_MESSAGES};
use crate::voices::{Stamped, Voices};
use crate::windows::{
    earliest_end, fine_of, held_from, latest_start, pane_start, Window, FINE_MS, FINE_PER_PANE, LONGEST,
    RINGS,
};

/// The first byte of the encoding (streams/contract/wire/state_records.py).
pub const STATE_VERSION: u8 = 1;

const STATE_FIELDS: usize = 10;
/// Of a channel without and with voices in versions up to 0.2.
const EARLIER_STATE_FIELDS: [usize; 2] = [6, 8];
// Of a pane, besides its sums.
const OTHER_FIELDS: usize = 4;

// Larger numbers do not occur, unless a record is damaged; Python's numbers have no limit. Below these, no sum over 255 panes
// exceeds 64 bits, and none of those numbers that measures.rs counts in millionths.
const TIME_LIMIT: i64 = 1 << 32;
pub const COUNT_LIMIT: i64 = 1 << 33;
/// Of what is in millionths, or squared.
pub const SUM_LIMIT: i64 = 1 << 54;
const WEIGHT_LIMIT: i64 = 1 << 30;
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
    earlier: Earlier,
    /// None before the first report with a stamp, or without a reporter.
    voices: Option<Box<Voices>>,
    repeats: Repeats,
    folded_until: i64,
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
            earlier: Earlier::default(),
            voices: None,
            repeats: Repeats::default(),
            folded_until: 0,
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
        let fine = fine_of(occurred_ms);
        let Some(place) = self.pane_at(fine, fine_of(now_ms)) else { return false };
        self.panes[place].count(kind, reporter.is_some(), risk_millionths, tier);
        if let Some(reporter) = reporter {
            match see(&mut self.last_seen, &mut self.panes, place, reporter) {
                Before::Nowhere if self.reporters() > self.limit => {
                    thin_out(&mut self.last_seen, &mut self.panes);
                    self.limit = next_limit(self.last_seen.rows().len());
                    self.earlier.settle(&self.last_seen, &self.panes);
                }
                Before::Nowhere => {}
                Before::Pane(left) => self.earlier.note(left, reporter),
                Before::Unchanged => self.note_late(place, reporter),
            }
        }
        if let Some(message) = message {
            tally_message(&mut self.messages, message, fine);
        }
        true
    }

    /// Count a report as a report and nothing else: no risk, no reporter, no message; otherwise as `add`.
    pub fn add_for_review(&mut self, occurred_ms: i64, now_ms: i64, tier: i64) -> bool {
        let Some(place) = self.pane_at(fine_of(occurred_ms), fine_of(now_ms)) else { return false };
        let pane = &mut self.panes[place];
        pane.sums.reports += 1;
        pane.tier = pane.tier.max(tier);
        true
    }

    /// Add what a report with a stamp, or without a reporter, adds beside, after `add` has counted it. False if no pane holds
    /// its time.
    pub fn add_stamped(&mut self, occurred_ms: i64, added: Stamped) -> bool {
        let Some(place) = self.pane_at(fine_of(occurred_ms), self.now) else { return false };
        self.voices.get_or_insert_default().add(self.panes[place].start, added);
        true
    }

    /// The pane (fine index) in which a reporter's risk last counted; None if none or unknown.
    pub fn risk_counted_at(&self, reporter: u64) -> Option<i64> {
        self.repeats.get(reporter).or_else(|| {
            let at = self.last_seen.find(reporter)?;
            Some(self.panes[place_of(&self.panes, self.last_seen.rows()[at].fine)].start)
        })
    }

    /// Note in which pane a reporter's risk last counted; None: in that of the report added next.
    pub fn note_risk(&mut self, reporter: u64, counted_at: Option<i64>) {
        self.repeats.note(reporter, counted_at);
    }

    /// The place of the pane that holds a fine index at `now`, inserted if there is none; None if no ring holds it.
    fn pane_at(&mut self, fine: i64, now: i64) -> Option<usize> {
        if now != self.now {
            self.move_on(now);
        }
        match self.panes.last() {
            Some(newest) if newest.start == fine => Some(self.panes.len() - 1),
            _ => pane_start(fine, now).map(|start| find_or_insert(&mut self.panes, start)),
        }
    }

    /// The counts of the window that ends with the pane of `now_ms`, whatever came later.
    pub fn measure(&self, window: Window, now_ms: i64) -> WindowCounts {
        let now = fine_of(now_ms);
        let (start, stop) = (window.start(now), if now < self.now { window.stop(now) } else { i64::MAX });
        let mut total = WindowCounts::default();
        for pane in self.panes.iter().rev().take_while(|pane| pane.start >= start) {
            if pane.start < stop {
                total.sums += pane.sums;
                total.distinct_reporters += pane.kept * pane.weight;
            }
        }
        if stop < i64::MAX {
            for pane in self.earlier.seen_between(&self.last_seen, start, stop).into_values() {
                total.distinct_reporters += self.panes[place_of(&self.panes, pane)].weight;
            }
        }
        total.distinct_reporters = (total.distinct_reporters + UNIT / 2) / UNIT;
        total
    }

    /// What the stamped reports of the same window add up to.
    pub fn measure_stamped(&self, window: Window, now_ms: i64) -> Stamped {
        let now = fine_of(now_ms);
        let stop = if now < self.now { window.stop(now) } else { i64::MAX };
        self.voices.as_ref().map_or_else(Stamped::default, |voices| voices.between(window.start(now), stop))
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

    /// The sampled reporters seen in [start, stop), and the largest weight of the panes between; None without any.
    pub fn sample(&self, start: i64, stop: i64) -> Option<(Vec<u64>, i64)> {
        let pane = self.panes.get(first_from(&self.panes, start))?;
        let seen = self.last_seen.rows().iter().filter(|row| (start..stop).contains(&row.fine));
        let mut reporters: Vec<u64> = seen.map(|row| row.reporter).collect();
        reporters.extend(self.earlier.seen_between(&self.last_seen, start, stop).into_keys());
        Some((reporters, pane.weight))
    }

    /// Whether the window that ends with the pane of `end_ms` can still be measured exactly.
    pub fn is_whole(&self, window: Window, end_ms: i64) -> bool {
        let end = fine_of(end_ms);
        let longest = Window { ring: window.ring, panes: RINGS[window.ring].panes };
        end >= latest_start(window.ring, self.now)
            && (self.folded_until == 0 || window.start(end) >= longest.start(self.folded_until))
    }

    /// How many reports a window at most has that a report is in and that ended before the pane of `now_ms`.
    pub fn most_reports(&self, window: Window, occurred_ms: i64, now_ms: i64) -> i64 {
        let fine = FINE_PER_PANE[window.ring];
        let pane_of = |time_ms: i64| fine_of(time_ms).div_euclid(fine);
        let own = pane_of(occurred_ms);
        let stop = (own + window.panes).min(pane_of(now_ms)) * fine;
        // Its reports may have been folded into a longer pane that begins before.
        let first = place_of(&self.panes, (own - window.panes + 1) * fine);
        self.panes[first..].iter().take_while(|pane| pane.start < stop).map(|pane| pane.sums.reports).sum()
    }

    /// When (ms) the windows end that a report is in and that ended before the pane of `now_ms`, if a pane ends them.
    pub fn later_ends(&self, window: Window, occurred_ms: i64, now_ms: i64) -> Vec<i64> {
        let fine = FINE_PER_PANE[window.ring];
        let pane_of = |time_ms: i64| fine_of(time_ms).div_euclid(fine);
        let own = pane_of(occurred_ms);
        let stop = (own + window.panes).min(pane_of(now_ms)) * fine;
        let later = self.panes[first_from(&self.panes, own * fine)..].iter();
        let mut ends: Vec<i64> =
            later.take_while(|pane| pane.start < stop).map(|pane| pane.start.div_euclid(fine)).collect();
        ends.dedup();
        ends.into_iter().map(|end| end * fine * FINE_MS).collect()
    }

    /// Give a reporter the hash under another key; return false if none has the hash `before`.
    pub fn rename_reporter(&mut self, before: u64, after: u64) -> bool {
        let known = rename(&mut self.last_seen, &mut self.panes, before, after);
        if known {
            self.repeats.rename(before, after);
            self.earlier.rename(before, after);
            self.earlier.settle(&self.last_seen, &self.panes);
        }
        known
    }

    /// Forget what is after the pane of `now_ms`, to which time was set back; false if nothing changed.
    pub fn turn_back(&mut self, now_ms: i64) -> bool {
        let now = fine_of(now_ms);
        if self.now <= now {
            return false;
        }
        self.folded_until = self.folded_until.max(self.now);
        self.now = now;
        self.earlier.forget_after(now);
        settle(&mut self.last_seen, &self.panes);
        if let Some(voices) = &mut self.voices {
            voices.keep(0, now);
            self.repeats.turn_back(self.last_seen.rows(), now);
        }
        self.last_seen.retain(|row| row.fine <= now);
        self.panes.retain(|pane| pane.start <= now);
        self.earlier.settle(&self.last_seen, &self.panes);
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
        match &self.voices {
            Some(voices) => voices.write(out),
            None => write_array(out, 0),
        }
        self.repeats.write(out);
        write_int(out, self.folded_until);
        let pairs = self.earlier.pairs();
        write_array(out, 2 * pairs.len());
        for &(start, reporter) in pairs {
            write_uint(out, reporter);
            write_int(out, place_of(&self.panes, start) as i64);
        }
    }

    /// Decode the bytes of `encode`; None if they are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let mut reader = Reader::new(rest);
        let fields = reader.array()?;
        if version != STATE_VERSION || !EARLIER_STATE_FIELDS.contains(&fields) && fields != STATE_FIELDS {
            return None;
        }
        let now = reader.int(TIME_LIMIT)?;
        let limit = reader.int(TIME_LIMIT)?;
        let panes = decode_panes(&mut reader, now)?;
        let last_seen = decode_reporters(&mut reader, &panes)?;
        let messages = decode_messages(&mut reader)?;
        let (mut folded_until, mut earlier) = (now, Earlier::default());
        let (mut voices, mut repeats) = (Voices::default(), Repeats::default());
        if fields > EARLIER_STATE_FIELDS[0] {
            voices = Voices::read(&mut reader, &panes)?;
            repeats = Repeats::read(&mut reader)?;
        }
        if fields == STATE_FIELDS {
            folded_until = reader.int(TIME_LIMIT)?;
            earlier = decode_earlier(&mut reader, &panes)?;
        }
        if reader.is_at_end() {
            let voices = (!voices.is_empty()).then(|| Box::new(voices));
            Some(ChannelCounts {
                now,
                limit,
                panes,
                last_seen,
                messages,
                earlier,
                voices,
                repeats,
                folded_until,
            })
        } else {
            None
        }
    }

    fn reporters(&self) -> i64 {
        self.last_seen.rows().len() as i64
    }

    /// Keep the pane at `place`, in which a reporter was seen who is known to have been seen later.
    fn note_late(&mut self, place: usize, reporter: u64) {
        let pane = &self.panes[place];
        if place + 1 == self.panes.len() || !in_sample(reporter, pane.weight) {
            return;
        }
        if let Some(at) = self.last_seen.find(reporter) {
            if place_of(&self.panes, self.last_seen.rows()[at].fine) > place {
                self.earlier.note(pane.start, reporter);
            }
        }
    }

    /// Move panes, reporters and messages on to the pane of `now`.
    fn move_on(&mut self, now: i64) {
        let before = std::mem::replace(&mut self.now, now);
        let oldest_is_fine = self.panes.first().is_none_or(|pane| pane.start >= held_from(0, now));
        if oldest_is_fine && self.limit == next_limit(0) {
            // The usual case: the finest ring holds everything, so nothing is folded or forgotten.
            return;
        }
        if let Some(uneven) = fold(&mut self.panes, before, now) {
            if uneven {
                resample(&mut self.last_seen, &mut self.panes);
            }
            self.earlier.settle(&self.last_seen, &self.panes);
            self.voices.iter_mut().for_each(|voices| voices.settle(&self.panes));
        }
        let reach = earliest_end(now);
        if reach != earliest_end(before) {
            self.earlier.forget_before(reach, &self.last_seen);
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
        let now = self.now;
        self.voices.iter_mut().for_each(|voices| voices.keep(horizon, now));
        forget_before(&mut self.messages, horizon);
        if self.reporters() > 0 {
            self.last_seen.retain(|row| row.fine >= horizon);
            self.limit = self.limit.min(next_limit(self.last_seen.rows().len()));
            self.repeats.keep(&self.last_seen);
            self.earlier.settle(&self.last_seen, &self.panes);
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
        for (place, number) in first.iter_mut().enumerate() {
            *number = reader.int(if place == Sums::RISK { SUM_LIMIT } else { COUNT_LIMIT })?;
        }
        let (kept, weight) = (reader.int(COUNT_LIMIT)?, reader.int(WEIGHT_LIMIT)?);
        let tier = reader.int(SUM_LIMIT)?;
        for number in later.iter_mut().take(fields - OTHER_FIELDS - Sums::FIRST) {
            *number = reader.int(COUNT_LIMIT)?;
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

/// Read the pairs of a hash and the place of a pane.
fn decode_earlier(reader: &mut Reader, panes: &[Pane]) -> Option<Earlier> {
    let length = reader.array()?;
    if length % 2 != 0 {
        return None;
    }
    let mut pairs = Vec::with_capacity((length / 2).min(usize::from(u16::MAX)));
    for _ in 0..length / 2 {
        let reporter = reader.uint()?;
        let place = reader.int(TIME_LIMIT)? as usize;
        pairs.push((panes.get(place)?.start, reporter));
    }
    Earlier::from_pairs(pairs)
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
