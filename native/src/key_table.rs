//! Finds the places of entries by their keys, and never arranges all of them anew at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;

/// A part with so many entries is split in two. A single table moves all of them when it doubles: of ten million that takes a
/// second. So many fill 8,192 buckets.
pub const FULL: usize = 7_168;

/// The lowest bits of what is kept of a hash choose its part. Beyond so many the parts grow instead, at a hundred billion
/// entries.
const MOST_BITS: u8 = 24;

/// 2^64 by the golden ratio: a product with it spreads numbers that are alike (Knuth, The Art of Computer Programming, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash has a secret key for each process: nobody can choose refs that all fall into one part.
pub struct KeyTable {
    parts: Vec<Part>,
    /// The part of each value of the bits (extendible hashing; Fagin and others, TODS 1979).
    directory: Vec<u32>,
    hasher: RandomState,
}

/// A place, with the part of its hash that is kept: otherwise each key would be read, from a memory that is in no cache, when
/// its part is split or grows.
#[derive(Clone, Copy)]
struct Slot {
    at: u32,
    kept: u32,
}

impl Slot {
    fn new(hash: u64, at: usize) -> Self {
        Slot { at: at as u32, kept: (hash >> 32) as u32 }
    }

    /// What hashbrown is told, of which it uses the lowest bits and the highest seven: those of a part have bits in common.
    fn spread(&self) -> u64 {
        let product = u64::from(self.kept).wrapping_mul(SPREAD);
        product ^ product >> 32
    }
}

#[derive(Default)]
struct Part {
    slots: HashTable<Slot>,
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
        let wanted = Slot::new(hash, 0);
        let slots = &self.parts[self.part_of(wanted)].slots;
        let is_it = |slot: &Slot| slot.kept == wanted.kept && has_key(slot.at as usize);
        slots.find(wanted.spread(), is_it).map(|slot| slot.at as usize)
    }

    /// Bring where a hash is looked up into the caches. Several such calls one after the other wait for memory once.
    pub fn touch(&self, hash: u64) {
        let wanted = Slot::new(hash, 0);
        let slots = &self.parts[self.part_of(wanted)].slots;
        std::hint::black_box(slots.find(wanted.spread(), |slot| slot.kept == wanted.kept));
    }

    /// Add a place whose key is not there.
    pub fn add(&mut self, hash: u64, at: usize) {
        let slot = Slot::new(hash, at);
        let Part { slots, bits } = &self.parts[self.part_of(slot)];
        if slots.len() >= FULL && *bits < MOST_BITS {
            self.split(slot);
        }
        let number = self.part_of(slot);
        self.parts[number].slots.insert_unique(slot.spread(), slot, Slot::spread);
    }

    pub fn remove(&mut self, hash: u64, at: usize) {
        let slot = Slot::new(hash, at);
        let number = self.part_of(slot);
        if let Ok(found) = self.parts[number].slots.find_entry(slot.spread(), |other| other.at == slot.at) {
            found.remove();
        }
    }

    /// All places.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().flat_map(|part| &part.slots).map(|slot| slot.at as usize)
    }

    /// How many places each part has.
    pub fn parts(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().map(|part| part.slots.len())
    }

    fn part_of(&self, slot: Slot) -> usize {
        self.directory[slot.kept as usize & (self.directory.len() - 1)] as usize
    }

    /// Split the part of a slot.
    fn split(&mut self, slot: Slot) {
        let number = self.part_of(slot);
        let part = std::mem::take(&mut self.parts[number]);
        let bit = 1 << part.bits;
        if bit == self.directory.len() {
            self.directory.extend_from_within(..);
        }
        let half = || Part { slots: HashTable::with_capacity(FULL), bits: part.bits + 1 };
        let (mut stay, mut moved) = (half(), half());
        for slot in part.slots {
            let half = if slot.kept as usize & bit == 0 { &mut stay } else { &mut moved };
            half.slots.insert_unique(slot.spread(), slot, Slot::spread);
        }
        let new = self.parts.len() as u32;
        self.parts[number] = stay;
        self.parts.push(moved);
        let begin = slot.kept as usize & (bit - 1) | bit;
        for place in (begin..self.directory.len()).step_by(2 * bit) {
            self.directory[place] = new;
        }
    }
}
