//! Finds the places of entries by their keys, and never arranges all of them anew at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;

/// A part with so many entries is split in two, which takes a millisecond or two: each has to be read, and is in no cache. A
/// single table moves all of them when it doubles: of ten million that takes seconds. So many fill 8,192 buckets.
pub const FULL: usize = 7_168;

/// The bits of a hash from this one on choose its part: hashbrown uses the lowest bits and the highest seven.
const FIRST_BIT: u32 = 24;
/// Beyond so many bits the parts grow instead, at a hundred billion entries.
const MOST_BITS: u8 = 24;

/// The hash has a secret key for each process: nobody can choose refs that all fall into one part.
pub struct KeyTable {
    parts: Vec<Part>,
    /// The part of each value of the bits (extendible hashing; Fagin and others, TODS 1979).
    directory: Vec<u32>,
    hasher: RandomState,
}

#[derive(Default)]
struct Part {
    places: HashTable<u32>,
    /// How many bits of the hashes in it are the same.
    bits: u8,
}

impl Default for KeyTable {
    fn default() -> Self {
        KeyTable { parts: vec![Part::default()], directory: vec![0], hasher: RandomState::new() }
    }
}

impl KeyTable {
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The place whose key is the one of this hash.
    pub fn find(&self, hash: u64, mut has_key: impl FnMut(usize) -> bool) -> Option<usize> {
        let found = self.parts[self.part_of(hash)].places.find(hash, |&at| has_key(at as usize));
        found.map(|&at| at as usize)
    }

    /// Add a place whose key is not there; `key_of` gives the key of any place, this one among them.
    pub fn add<'a>(&mut self, hash: u64, at: usize, key_of: impl Fn(usize) -> &'a [u8]) {
        let Part { places, bits } = &self.parts[self.part_of(hash)];
        if places.len() >= FULL && *bits < MOST_BITS {
            self.split(hash, &key_of);
        }
        let number = self.part_of(hash);
        let (part, hasher) = (&mut self.parts[number], &self.hasher);
        part.places.insert_unique(hash, at as u32, |&other| hasher.hash_one(key_of(other as usize)));
    }

    pub fn remove(&mut self, hash: u64, at: usize) {
        let number = self.part_of(hash);
        if let Ok(found) = self.parts[number].places.find_entry(hash, |&other| other as usize == at) {
            found.remove();
        }
    }

    /// All places.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().flat_map(|part| &part.places).map(|&at| at as usize)
    }

    fn part_of(&self, hash: u64) -> usize {
        self.directory[bits_of(hash) & (self.directory.len() - 1)] as usize
    }

    /// Split the part of a hash.
    fn split<'a>(&mut self, hash: u64, key_of: impl Fn(usize) -> &'a [u8]) {
        let number = self.part_of(hash);
        let part = std::mem::take(&mut self.parts[number]);
        let bit = 1 << part.bits;
        if bit == self.directory.len() {
            self.directory.extend_from_within(..);
        }
        let half = || Part { places: HashTable::with_capacity(FULL), bits: part.bits + 1 };
        let (mut stay, mut moved) = (half(), half());
        let hash_of = |&at: &u32| self.hasher.hash_one(key_of(at as usize));
        for at in part.places {
            let hash = hash_of(&at);
            let half = if bits_of(hash) & bit == 0 { &mut stay } else { &mut moved };
            half.places.insert_unique(hash, at, hash_of);
        }
        let new = self.parts.len() as u32;
        self.parts[number] = stay;
        self.parts.push(moved);
        let begin = bits_of(hash) & (bit - 1) | bit;
        for place in (begin..self.directory.len()).step_by(2 * bit) {
            self.directory[place] = new;
        }
    }
}

fn bits_of(hash: u64) -> usize {
    (hash >> FIRST_BIT) as usize
}
