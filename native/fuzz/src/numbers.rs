//! Numbers in front of an input, by which a target goes on with what it has read.

/// A few operations take so many.
const BYTES: usize = 96;

pub struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    /// The numbers, and the bytes after them.
    pub fn split(input: &'a [u8]) -> (Self, &'a [u8]) {
        let (numbers, bytes) = input.split_at(BYTES.min(input.len()));
        (Numbers(numbers), bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 after the last.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// A number of six bytes.
    pub fn wide(&mut self) -> u64 {
        (0..6).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    pub fn below(&mut self, limit: i64) -> i64 {
        (self.wide() % limit as u64) as i64
    }

    pub fn is_odd(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}
