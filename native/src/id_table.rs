//! Many 64-bit hashes, each with the slot that it belongs to (`IdTable` of streams/deciding/partition/id_table.py, where it
//! is said why the buckets grow one by one).

use pyo3::prelude::*;

const HASH: usize = 8;
/// A hash and the last 16 bits of the number of its slot, both little-endian.
type Entry = [u8; HASH + 2];
/// Each time that a bucket has grown by so many entries, what no longer counts is cut off.
const STEP: usize = 16;
/// A bucket in which more count is split.
const FULL: usize = 72;
/// Beyond a table of so many places buckets grow instead.
const MOST_PLACES: usize = 1 << 19;
/// More slots at a time would be taken for each other.
const MOST_SLOTS: u64 = 1 << 16;

#[derive(Clone, Default)]
struct Bucket {
    /// The oldest first.
    entries: Vec<Entry>,
    /// How many last bits its hashes have in common.
    depth: u8,
}

/// `streams.deciding.partition.id_table.IdTable` with the same methods.
#[pyclass(module = "tocsin_native")]
pub struct IdTable {
    buckets: Vec<Bucket>,
    /// The bucket of each place: the last bits of a hash.
    places: Vec<u32>,
    last: u64,
    /// -1 if none counts.
    live: i64,
}

fn hash_in(entry: &Entry) -> u64 {
    let mut hash = [0; HASH];
    hash.copy_from_slice(&entry[..HASH]);
    u64::from_le_bytes(hash)
}

impl IdTable {
    /// Whether a slot that counts has the hash.
    pub fn contains(&self, hashed: u64) -> bool {
        self.found(hashed).next().is_some()
    }

    /// How many slots have begun since each that counts and has the hash, the oldest first.
    fn found(&self, hashed: u64) -> impl Iterator<Item = u64> + '_ {
        let bucket = &self.buckets[self.places[self.place_of(hashed)] as usize];
        let same = bucket.entries.iter().filter(move |entry| hash_in(entry) == hashed);
        same.map(|entry| self.begun_since(entry)).filter(|&since| since as i64 <= self.live)
    }

    fn place_of(&self, hashed: u64) -> usize {
        hashed as usize & (self.places.len() - 1)
    }

    /// How many slots have begun since that of an entry.
    fn begun_since(&self, entry: &Entry) -> u64 {
        let tag = u64::from(u16::from_le_bytes([entry[HASH], entry[HASH + 1]]));
        self.last.wrapping_sub(tag) % MOST_SLOTS
    }

    /// Cut off what no longer counts in the bucket of a hash, and split it if too much is left.
    fn tidy(&mut self, hashed: u64) {
        let number = self.places[self.place_of(hashed)] as usize;
        let begun =
            self.buckets[number].entries.partition_point(|entry| self.begun_since(entry) as i64 > self.live);
        self.buckets[number].entries.drain(..begun);
        if self.buckets[number].entries.len() > FULL {
            self.split(hashed, number);
        }
    }

    fn split(&mut self, hashed: u64, number: usize) {
        let depth = self.buckets[number].depth;
        let bit = 1usize << depth;
        if bit >= self.places.len() {
            if bit >= MOST_PLACES {
                return;
            }
            self.places.extend_from_within(..);
        }
        let is_other = |entry: &Entry| hash_in(entry) as usize & bit != 0;
        let bucket = &mut self.buckets[number];
        let other: Vec<Entry> = bucket.entries.iter().copied().filter(is_other).collect();
        bucket.entries = bucket.entries.iter().copied().filter(|entry| !is_other(entry)).collect();
        bucket.depth += 1;
        let new = self.buckets.len() as u32;
        self.buckets.push(Bucket { entries: other, depth: depth + 1 });
        let begin = hashed as usize & (bit - 1) | bit;
        for place in (begin..self.places.len()).step_by(2 * bit) {
            self.places[place] = new;
        }
    }
}

#[pymethods]
impl IdTable {
    #[new]
    #[pyo3(signature = (expected = 0))]
    fn new(expected: usize) -> Self {
        let depth = (usize::BITS - (expected / 48).leading_zeros()) as u8;
        let number = 1usize << depth;
        let buckets = vec![Bucket { entries: Vec::new(), depth }; number];
        IdTable { buckets, places: (0..number as u32).collect(), last: 0, live: 0 }
    }

    /// `known`, how many hashes there are in all, is not needed here.
    fn add(&mut self, hashes: &[u8], slot: u64, first: u64, _known: usize) {
        self.last = slot;
        self.live = slot as i64 - first as i64;
        let tag = (slot as u16).to_le_bytes();
        for hash in hashes.chunks_exact(HASH) {
            let mut entry = [0; HASH + 2];
            entry[..HASH].copy_from_slice(hash);
            entry[HASH..].copy_from_slice(&tag);
            let hashed = hash_in(&entry);
            let number = self.places[self.place_of(hashed)] as usize;
            let entries = &mut self.buckets[number].entries;
            if entries.len() == entries.capacity() {
                // Twice as many would often be for nothing: a bucket is split before it has them.
                entries.reserve_exact(STEP);
            }
            entries.push(entry);
            if entries.len() % STEP == 0 {
                self.tidy(hashed);
            }
        }
    }

    fn slots_of(&self, hashed: u64) -> Vec<u64> {
        self.found(hashed).map(|since| self.last - since).collect()
    }
}
