//! Records in blocks of bytes, for what there are most of (streams/counting/packed_records.py).

use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Searching and changing a block takes time with its size, and each takes an allocation.
const BLOCK: usize = 512;
/// What is larger is kept by itself: every change of its neighbours would move it.
const LARGEST: usize = 1_000;
const LONGEST_NAME: usize = 255;

/// Before each record: the number of bytes of header, name and record (two bytes), and of the name alone.
const HEADER: usize = 3;

/// What an allocation and its place take in addition; a group, and a record that is kept by itself.
const BLOCK_OVERHEAD: usize = 40;
const GROUP_OVERHEAD: usize = 90;

/// Records by key, which is a group (a type and a channel), NUL, and a name (a message).
///
/// The blocks of a group grow one by one (linear hashing; Litwin, VLDB 1980), so no report waits until all are arranged
/// anew. The hash has a secret key for each process: nobody can choose refs that all fall into one block.
#[derive(Default)]
pub struct PackedRecords {
    groups: Vec<Group>,
    free: Vec<u32>,
    by_name: HashTable<u32>,
    large: HashMap<Box<[u8]>, Box<[u8]>>,
    hasher: RandomState,
    records: usize,
    blocks: usize,
    bytes: usize,
}

#[derive(Default)]
struct Group {
    name: Box<[u8]>,
    blocks: Vec<Vec<u8>>,
}

/// Where a walk through the blocks has come to.
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
        let groups = self.by_name.len() + self.large.len();
        self.bytes + self.blocks * BLOCK_OVERHEAD + groups * GROUP_OVERHEAD
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (group, name) = split(key);
        if let Some(at) = self.group(group) {
            let blocks = &self.groups[at].blocks;
            let block = &blocks[self.place(key, blocks.len())];
            if let Some(found) = find(block, name) {
                return Some(&block[found.record..found.end]);
            }
        }
        self.large.get(key).map(|record| &**record)
    }

    pub fn put(&mut self, key: &[u8], record: &[u8]) {
        let (group, name) = split(key);
        if record.len() > LARGEST || name.len() > LONGEST_NAME {
            self.remove(key);
            self.records += 1;
            self.bytes += key.len() + record.len();
            self.large.insert(key.into(), record.into());
            return;
        }
        if self.large.contains_key(key) {
            self.remove(key);
        }
        let at = self.group(group).unwrap_or_else(|| self.add_group(group));
        let place = self.place(key, self.groups[at].blocks.len());
        let block = &mut self.groups[at].blocks[place];
        match find(block, name) {
            None => self.records += 1,
            Some(before) => {
                self.bytes -= before.end - before.begin;
                block.drain(before.begin..before.end);
            }
        }
        let length = HEADER + name.len() + record.len();
        self.bytes += length;
        block.reserve_exact(length);
        block.extend_from_slice(&(length as u16).to_le_bytes());
        block.push(name.len() as u8);
        block.extend_from_slice(name);
        block.extend_from_slice(record);
        if block.len() > BLOCK {
            self.grow(at);
        }
    }

    pub fn remove(&mut self, key: &[u8]) {
        if let Some(record) = self.large.remove(key) {
            self.records -= 1;
            self.bytes -= key.len() + record.len();
            return;
        }
        let (group, name) = split(key);
        let Some(at) = self.group(group) else { return };
        let place = self.place(key, self.groups[at].blocks.len());
        let block = &mut self.groups[at].blocks[place];
        let Some(found) = find(block, name) else { return };
        block.drain(found.begin..found.end);
        block.shrink_to_fit();
        self.records -= 1;
        self.bytes -= found.end - found.begin;
        if self.groups[at].blocks.iter().all(Vec::is_empty) {
            self.remove_group(at);
        }
    }

    /// The keys of a group, among them those of all records that have the bytes `part`.
    pub fn of_group(&self, group: &[u8], part: &[u8]) -> Vec<Vec<u8>> {
        let has_part = |record: &[u8]| part.is_empty() || record.windows(part.len()).any(|some| some == part);
        let mut found = Vec::new();
        if let Some(at) = self.group(group) {
            for block in &self.groups[at].blocks {
                let entries = entries(block).filter(|entry| has_part(&block[entry.record..entry.end]));
                found.extend(entries.map(|entry| key_of(group, entry.name(block))));
            }
        }
        for (key, record) in &self.large {
            if split(key).0 == group && has_part(record) {
                found.push(key.to_vec());
            }
        }
        found
    }

    /// Call `see` with the keys and records of a block, and return the place of the next one; None after the last.
    ///
    /// What is kept by itself comes with the last block. Between two calls records may change: none that stays is left out.
    pub fn walk(&self, place: Place, mut see: impl FnMut(Vec<u8>, &[u8])) -> Option<Place> {
        let Some(group) = self.groups.get(place.group) else {
            self.large.iter().for_each(|(key, record)| see(key.to_vec(), record));
            return None;
        };
        let Some(block) = group.blocks.get(place.block) else {
            return Some(Place { group: place.group + 1, block: 0 });
        };
        for entry in entries(block) {
            see(key_of(&group.name, entry.name(block)), &block[entry.record..entry.end]);
        }
        Some(Place { block: place.block + 1, ..place })
    }

    fn group(&self, name: &[u8]) -> Option<usize> {
        let found =
            self.by_name.find(self.hasher.hash_one(name), |&at| &*self.groups[at as usize].name == name);
        found.map(|&at| at as usize)
    }

    fn add_group(&mut self, name: &[u8]) -> usize {
        let at = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            self.groups.len() as u32 - 1
        });
        self.groups[at as usize] = Group { name: name.into(), blocks: vec![Vec::new()] };
        let (groups, hasher) = (&self.groups, &self.hasher);
        let hash_of = |&other: &u32| hasher.hash_one(&*groups[other as usize].name);
        self.by_name.insert_unique(hasher.hash_one(name), at, hash_of);
        self.blocks += 1;
        self.bytes += name.len();
        at as usize
    }

    fn remove_group(&mut self, at: usize) {
        let group = std::mem::take(&mut self.groups[at]);
        if let Ok(found) =
            self.by_name.find_entry(self.hasher.hash_one(&*group.name), |&other| other as usize == at)
        {
            found.remove();
        }
        self.free.push(at as u32);
        self.blocks -= group.blocks.len();
        self.bytes -= group.name.len();
    }

    /// In which of so many blocks a key is.
    fn place(&self, key: &[u8], blocks: usize) -> usize {
        if blocks == 1 {
            return 0;
        }
        let bit = 1 << blocks.ilog2();
        let place = self.hasher.hash_one(key) as usize & (2 * bit - 1);
        if place < blocks {
            place
        } else {
            place - bit
        }
    }

    /// Add a block, to which about half of the records of another one move.
    fn grow(&mut self, at: usize) {
        let Group { name, blocks } = &mut self.groups[at];
        let number = blocks.len();
        let bit = 1 << number.ilog2();
        let block = std::mem::take(&mut blocks[number - bit]);
        let (mut stay, mut moved) = (Vec::new(), Vec::new());
        for entry in entries(&block) {
            // The keys of a block have the lower bits in common.
            let hash = self.hasher.hash_one(&*key_of(name, entry.name(&block))) as usize;
            let half = if hash & bit == 0 { &mut stay } else { &mut moved };
            half.extend_from_slice(&block[entry.begin..entry.end]);
        }
        stay.shrink_to_fit();
        moved.shrink_to_fit();
        blocks[number - bit] = stay;
        blocks.push(moved);
        self.blocks += 1;
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

fn key_of(group: &[u8], name: &[u8]) -> Vec<u8> {
    [group, b"\0", name].concat()
}
