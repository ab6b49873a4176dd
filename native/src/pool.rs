//! Many short byte strings: a pool adds eight bytes to each, of which half round its length up; the C library adds sixteen.

use crate::blocks::Blocks;

/// Lengths are rounded up to a multiple of this, and strings of one rounded length are kept together.
const STEP: usize = 8;
/// Longer ones are allocated one by one: what an allocation adds is little beside them, and few are alike in length.
const LONGEST: usize = 768;
/// Strings of one length are kept in chunks of this size, which are never moved. A batch allocates and frees megabytes, and
/// chunks that stay are allocated in between: with 64 KiB what was left between them was 30 bytes for each quiet channel.
const CHUNK: usize = 1 << 14;
/// Behind the last free place.
const NONE: u32 = u32::MAX;

#[derive(Default)]
pub struct Pool {
    /// By rounded length, from none on.
    classes: Vec<Class>,
    long: Vec<Box<[u8]>>,
    free_long: Vec<u32>,
    memory: usize,
}

/// Where a string is. It is not one of another pool, nor one that was removed.
#[derive(Clone, Copy, Default)]
pub struct Place {
    at: u32,
    length: u32,
}

impl Place {
    pub fn length(self) -> usize {
        self.length as usize
    }
}

/// Strings of one rounded length.
struct Class {
    size: usize,
    chunks: Blocks<u8, CHUNK>,
    used: u32,
    /// The number of places that there are, and the first free one. Each of those begins with the next.
    places: u32,
    free: u32,
}

impl Pool {
    /// The number of bytes that all strings take.
    pub fn memory(&self) -> usize {
        self.memory
    }

    pub fn get(&self, place: Place) -> &[u8] {
        let length = place.length();
        if length == 0 {
            return &[];
        }
        if length > LONGEST {
            return &self.long[place.at as usize];
        }
        &self.classes[class_of(length)].place(place.at)[..length]
    }

    /// Add the parts of a string; return where it is.
    pub fn add(&mut self, parts: [&[u8]; 2]) -> Place {
        let length = parts[0].len() + parts[1].len();
        let at = if length == 0 {
            0
        } else if length > LONGEST {
            self.add_long(parts.concat().into())
        } else {
            let class = class_of(length);
            while self.classes.len() <= class {
                self.classes.push(Class::new(self.classes.len() * STEP));
            }
            self.classes[class].add(parts)
        };
        self.memory += taken(length);
        Place { at, length: length as u32 }
    }

    pub fn remove(&mut self, place: Place) {
        let length = place.length();
        self.memory -= taken(length);
        if length > LONGEST {
            self.long[place.at as usize] = Box::default();
            self.free_long.push(place.at);
        } else if length > 0 {
            self.classes[class_of(length)].remove(place.at);
        }
    }

    /// Replace what follows the first `begin` bytes of a string; return where it is then.
    pub fn replace_end(&mut self, place: Place, begin: usize, end: &[u8]) -> Place {
        let length = begin + end.len();
        let is_short = place.length() > 0 && place.length().max(length) <= LONGEST;
        if is_short && class_of(place.length()) == class_of(length) {
            let kept = self.classes[class_of(length)].place_mut(place.at);
            kept[begin..length].copy_from_slice(end);
            return Place { length: length as u32, ..place };
        }
        let string = [&self.get(place)[..begin], end].concat();
        self.remove(place);
        self.add([&string, &[]])
    }

    fn add_long(&mut self, string: Box<[u8]>) -> u32 {
        match self.free_long.pop() {
            Some(at) => {
                self.long[at as usize] = string;
                at
            }
            None => {
                self.long.push(string);
                self.long.len() as u32 - 1
            }
        }
    }
}

/// What a string of this length takes. What the C library adds to a long one is left out.
fn taken(length: usize) -> usize {
    class_of(length) * STEP
}

fn class_of(length: usize) -> usize {
    length.div_ceil(STEP)
}

impl Class {
    fn new(size: usize) -> Self {
        Class { size, chunks: Blocks::default(), used: 0, places: 0, free: NONE }
    }

    fn position(&self, at: u32) -> (usize, usize) {
        let each = (CHUNK / self.size) as u32;
        ((at / each) as usize, (at % each) as usize * self.size)
    }

    fn place(&self, at: u32) -> &[u8] {
        let (chunk, begin) = self.position(at);
        &self.chunks.block(chunk)[begin..begin + self.size]
    }

    fn place_mut(&mut self, at: u32) -> &mut [u8] {
        let (chunk, begin) = self.position(at);
        &mut self.chunks.block_mut(chunk)[begin..begin + self.size]
    }

    fn add(&mut self, [one, other]: [&[u8]; 2]) -> u32 {
        self.used += 1;
        let at = self.free;
        if at != NONE {
            let place = self.place_mut(at);
            let next = [place[0], place[1], place[2], place[3]];
            place[..one.len()].copy_from_slice(one);
            place[one.len()..one.len() + other.len()].copy_from_slice(other);
            self.free = u32::from_le_bytes(next);
            return at;
        }
        let (_, begin) = self.position(self.places);
        if begin == 0 && self.places > 0 {
            // No string has room in what is left of the last chunk.
            self.chunks.fill(0);
        }
        let chunk = self.chunks.last();
        chunk.extend_from_slice(one);
        chunk.extend_from_slice(other);
        chunk.resize(begin + self.size, 0);
        self.places += 1;
        self.places - 1
    }

    fn remove(&mut self, at: u32) {
        self.used -= 1;
        if self.used == 0 {
            *self = Class::new(self.size);
            return;
        }
        let next = self.free.to_le_bytes();
        self.place_mut(at)[..next.len()].copy_from_slice(&next);
        self.free = at;
    }
}
