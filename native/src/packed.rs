//! Records in blocks of bytes, for what there are most of (streams/counting/packed_records.py).

use std::collections::HashMap;
use std::ops::Range;

use crate::entries::Entries;
use crate::key_table::KeyTable;
use crate::message_shapes::day_in;
use crate::pool::{self, Pool};
use crate::short_key::{shortened, whole};

/// Searching and changing a block takes time with its size, and each takes an allocation.
const BLOCK: usize = 512;
/// What is larger is kept by itself: every change of its neighbours would move it.
const LARGEST: usize = 1_000;
const LONGEST_NAME: usize = 255;

/// Before each record: the number of bytes of header, name and record (two bytes), and of the name alone.
const HEADER: usize = 3;

/// What a further block of a group takes in addition, with its place and what the allocator adds. And what a group takes with its
/// first block and its place in the table of names, or a record that is kept by itself.
const BLOCK_OVERHEAD: usize = 32;
const GROUP_OVERHEAD: usize = 60;

/// Looking into a block takes as long as passing over so many groups, which are one after the other in memory.
const BLOCK_SEEN: usize = 32;

/// Records by key, which is a group (a type and a channel), NUL, and a name (a message).
///
/// The blocks of a group grow one by one (linear hashing; Litwin, VLDB 1980), so no report waits until all are arranged
/// anew. The hash has a secret key for each process: nobody can choose refs that all fall into one block.
#[derive(Default)]
pub struct PackedRecords {
    groups: Entries<Group>,
    pool: Pool,
    free: Vec<u32>,
    by_name: KeyTable,
    large: HashMap<Box<[u8]>, Box<[u8]>>,
    records: usize,
    /// Beside the first one of each group.
    further_blocks: usize,
    bytes: usize,
}

/// Most groups have one block, and there may be ten million of them.
#[derive(Default)]
struct Group {
    /// The shortened name, and behind it the only block.
    bytes: pool::Place,
    /// The blocks if there are several.
    several: Option<Box<Several>>,
    /// No record of the only block expires before this day; 0 with several blocks.
    earliest: u32,
    name_length: u16,
}

struct Several {
    blocks: Vec<Box<[u8]>>,
    /// How many records they have together.
    records: usize,
}

impl Group {
    fn name<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        &pool.get(self.bytes)[..usize::from(self.name_length)]
    }

    fn is_empty(&self) -> bool {
        match &self.several {
            None => self.bytes.length() == usize::from(self.name_length),
            Some(several) => several.records == 0,
        }
    }

    fn blocks(&self) -> usize {
        self.several.as_ref().map_or(1, |several| several.blocks.len())
    }

    fn block<'a>(&'a self, at: usize, pool: &'a Pool) -> &'a [u8] {
        match &self.several {
            None => &pool.get(self.bytes)[usize::from(self.name_length)..],
            Some(several) => &several.blocks[at],
        }
    }

    /// Cut a part out of a block, and add an entry to its end.
    fn change(&mut self, at: usize, cut: Range<usize>, entry: [&[u8]; 3], pool: &mut Pool) {
        let block = self.block(at, pool);
        let (before, after) = (&block[..cut.start], &block[cut.end..]);
        let changed = [before, after, entry[0], entry[1], entry[2]].concat();
        match &mut self.several {
            None => self.bytes = pool.replace_end(self.bytes, usize::from(self.name_length), &changed),
            Some(several) => several.blocks[at] = changed.into(),
        }
    }
}

/// Where a search through the blocks has come to.
#[derive(Clone, Copy, Default)]
pub struct Place {
    group: usize,
    block: usize,
}

impl PackedRecords {
    pub fn len(&self) -> usize {
        self.records
    }

    /// About the number of bytes that all of it takes.
    pub fn memory(&self) -> usize {
        let groups = self.groups.len() - self.free.len() + self.large.len();
        self.bytes + self.further_blocks * BLOCK_OVERHEAD + groups * GROUP_OVERHEAD
    }

    /// By which the groups are found.
    pub fn groups(&self) -> &KeyTable {
        &self.by_name
    }

    /// The hash of the group of a key.
    pub fn group_hash(&self, key: &[u8]) -> u64 {
        self.by_name.hash(&shortened(split(key).0))
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (group, name) = short(key);
        if let Some(at) = self.group(self.by_name.hash(&group), &group) {
            let block = self.groups[at].block(self.place(key, self.groups[at].blocks()), &self.pool);
            if let Some(found) = find(block, &name) {
                return Some(&block[found.record..found.end]);
            }
        }
        self.large.get(key).map(|record| &**record)
    }

    /// Store a record, which ends with its day of expiry; return the one before.
    pub fn put(&mut self, key: &[u8], record: &[u8]) -> Option<Vec<u8>> {
        let (group, name) = short(key);
        if record.len() > LARGEST || name.len() > LONGEST_NAME {
            let before = self.remove(key);
            self.bytes += key.len() + record.len();
            self.large.insert(key.into(), record.into());
            self.records += 1;
            return before;
        }
        let mut before = None;
        if !self.large.is_empty() && self.large.contains_key(key) {
            before = self.remove(key);
        }
        let length = HEADER + name.len() + record.len();
        let [low, high] = (length as u16).to_le_bytes();
        let entry = [&[low, high, name.len() as u8], &*name, record];
        self.bytes += length;
        let hash = self.by_name.hash(&group);
        let Some(at) = self.group(hash, &group) else {
            self.records += 1;
            let at = self.add_group(hash, &group, &entry.concat(), day_in(record));
            if length > BLOCK {
                self.grow(at);
            }
            return before;
        };
        let place = self.place(key, self.groups[at].blocks());
        let group = &mut self.groups[at];
        let block = group.block(place, &self.pool);
        match find(block, &name) {
            None => {
                self.records += 1;
                if let Some(several) = &mut group.several {
                    several.records += 1;
                }
                group.change(place, 0..0, entry, &mut self.pool);
            }
            Some(found) => {
                before = Some(block[found.record..found.end].to_vec());
                self.bytes -= found.end - found.begin;
                group.change(place, found.begin..found.end, entry, &mut self.pool);
            }
        }
        group.earliest = group.earliest.min(day_in(record));
        if group.block(place, &self.pool).len() > BLOCK {
            self.grow(at);
        }
        before
    }

    /// Remove a record; return what it was.
    pub fn remove(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(large) = self.large.remove(key) {
            self.records -= 1;
            self.bytes -= key.len() + large.len();
            return Some(large.into());
        }
        let (group, name) = short(key);
        let at = self.group(self.by_name.hash(&group), &group)?;
        let place = self.place(key, self.groups[at].blocks());
        let group = &mut self.groups[at];
        let block = group.block(place, &self.pool);
        let found = find(block, &name)?;
        let before = block[found.record..found.end].to_vec();
        group.change(place, found.begin..found.end, [&[]; 3], &mut self.pool);
        if let Some(several) = &mut group.several {
            several.records -= 1;
        }
        self.records -= 1;
        self.bytes -= found.end - found.begin;
        if group.is_empty() {
            self.remove_group(at);
        }
        Some(before)
    }

    /// The keys of a group, among them those of all records that have the bytes `part`.
    pub fn of_group(&self, group: &[u8], part: &[u8]) -> Vec<Vec<u8>> {
        let has_part = |record: &[u8]| part.is_empty() || record.windows(part.len()).any(|some| some == part);
        let mut found = Vec::new();
        let short = shortened(group);
        if let Some(at) = self.group(self.by_name.hash(&short), &short) {
            let of_group = &self.groups[at];
            for block in (0..of_group.blocks()).map(|place| of_group.block(place, &self.pool)) {
                let entries = entries(block).filter(|entry| has_part(&block[entry.record..entry.end]));
                found.extend(entries.map(|entry| key_of(&short, entry.name(block))));
            }
        }
        for (key, record) in &self.large {
            if split(key).0 == group && has_part(record) {
                found.push(key.to_vec());
            }
        }
        found
    }

    /// Find what expires by `today` in the next block, and call `see` with the keys. Passes over groups of which nothing does,
    /// and adds to `seen` how many entries would have taken as long, up to about `most`. Returns where to go on; None after
    /// the last block.
    ///
    /// What is kept by itself comes with the last block. Between two calls records may change: none that stays is left out.
    pub fn find_expired(
        &mut self,
        mut place: Place,
        today: i64,
        (seen, most): (&mut usize, usize),
        mut see: impl FnMut(Vec<u8>),
    ) -> Option<Place> {
        let has_expired = |record: &[u8]| i64::from(day_in(record)) <= today;
        while *seen < most {
            if place.group >= self.groups.len() {
                let expired = self.large.iter().filter(|(_, record)| has_expired(record));
                expired.for_each(|(key, _)| see(key.to_vec()));
                return None;
            }
            let group = &mut self.groups[place.group];
            if place.block >= group.blocks() || i64::from(group.earliest) > today {
                *seen += 1;
                place = Place { group: place.group + 1, block: 0 };
                continue;
            }
            *seen += BLOCK_SEEN;
            let block = group.block(place.block, &self.pool);
            let mut earliest = u32::MAX;
            for entry in entries(block) {
                let record = &block[entry.record..entry.end];
                if has_expired(record) {
                    see(key_of(group.name(&self.pool), entry.name(block)));
                } else {
                    earliest = earliest.min(day_in(record));
                }
            }
            if group.several.is_none() {
                // What has expired and stays, as it was stored anew, is put here when it is written.
                group.earliest = earliest;
            }
            return Some(Place { block: place.block + 1, ..place });
        }
        Some(place)
    }

    fn group(&self, hash: u64, name: &[u8]) -> Option<usize> {
        self.by_name.find(hash, |at| self.groups[at].name(&self.pool) == name)
    }

    /// Add a group with its first block, of which no record expires before `earliest`.
    fn add_group(&mut self, hash: u64, name: &[u8], block: &[u8], earliest: u32) -> usize {
        assert!(name.len() <= usize::from(u16::MAX), "the key of a state record is too long");
        let group = Group {
            bytes: self.pool.add([name, block]),
            name_length: name.len() as u16,
            earliest,
            ..Group::default()
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.groups[at as usize] = group;
                at as usize
            }
            None => self.groups.push(group),
        };
        self.by_name.add(hash, at);
        self.bytes += name.len();
        at
    }

    fn remove_group(&mut self, at: usize) {
        let group = std::mem::take(&mut self.groups[at]);
        self.by_name.remove(self.by_name.hash(group.name(&self.pool)), at);
        // It is passed over.
        self.groups[at].earliest = u32::MAX;
        self.free.push(at as u32);
        self.further_blocks -= group.blocks() - 1;
        self.bytes -= usize::from(group.name_length);
        self.pool.remove(group.bytes);
    }

    /// In which of so many blocks a key is.
    fn place(&self, key: &[u8], blocks: usize) -> usize {
        if blocks == 1 {
            return 0;
        }
        let bit = 1 << blocks.ilog2();
        let place = self.by_name.hash(key) as usize & (2 * bit - 1);
        if place < blocks {
            place
        } else {
            place - bit
        }
    }

    /// Add a block, to which about half of the records of another one move.
    fn grow(&mut self, at: usize) {
        let group = &mut self.groups[at];
        let name: Box<[u8]> = group.name(&self.pool).into();
        if group.several.is_none() {
            let block: Box<[u8]> = group.block(0, &self.pool).into();
            let records = entries(&block).count();
            group.several = Some(Box::new(Several { blocks: vec![block], records }));
            group.bytes = self.pool.replace_end(group.bytes, name.len(), &[]);
        }
        group.earliest = 0;
        let Some(Several { blocks, .. }) = group.several.as_deref_mut() else { return };
        let number = blocks.len();
        let bit = 1 << number.ilog2();
        let block = std::mem::take(&mut blocks[number - bit]);
        let (mut stay, mut moved) = (Vec::new(), Vec::new());
        for entry in entries(&block) {
            // The keys of a block have the lower bits in common.
            let hash = self.by_name.hash(&key_of(&name, entry.name(&block))) as usize;
            let half = if hash & bit == 0 { &mut stay } else { &mut moved };
            half.extend_from_slice(&block[entry.begin..entry.end]);
        }
        blocks[number - bit] = stay.into();
        blocks.push(moved.into());
        self.further_blocks += 1;
    }
}

/// Where an entry begins, its record begins, and both end.
struct Entry {
    begin: usize,
    record: usize,
    end: usize,
}

impl Entry {
    fn name<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.begin + HEADER..self.record]
    }
}

fn entries(block: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let header = block.get(begin..begin + HEADER)?;
        let end = begin + usize::from(u16::from_le_bytes([header[0], header[1]]));
        let entry = Entry { begin, record: begin + HEADER + usize::from(header[2]), end };
        begin = end;
        Some(entry)
    })
}

fn find(block: &[u8], name: &[u8]) -> Option<Entry> {
    entries(block).find(|entry| entry.name(block) == name)
}

fn split(key: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr(0, key).unwrap_or(key.len());
    (&key[..at], key.get(at + 1..).unwrap_or_default())
}

/// The names of group and record as they are kept.
fn short(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (group, name) = split(key);
    (shortened(group), shortened(name))
}

/// The key of the names that are kept.
fn key_of(group: &[u8], name: &[u8]) -> Vec<u8> {
    [&*whole(group), b"\0", &*whole(name)].concat()
}
