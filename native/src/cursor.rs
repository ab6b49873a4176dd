//! Reads JSON value by value, as far as reports use it; anything else gives None.
//!
//! A string is given as it is written: nothing that a report contains has escapes or control characters, so whoever
//! compares a string with a word or an alphabet has ruled them out.

use std::mem;

// A double needs at most 17 digits, of which the first of a small probability may come after some zeros.
const LONGEST_NUMBER: usize = 32;

pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    /// Whether nothing but white space follows.
    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let begin = self.at;
        let length = length_to_quote(&self.text.as_bytes()[begin..])?;
        self.at = begin + length + 1;
        self.text.get(begin..begin + length)
    }

    #[inline]
    pub fn boolean(&mut self) -> Option<bool> {
        match self.peek()? {
            b't' => self.literal("true").then_some(true),
            b'f' => self.literal("false").then_some(false),
            _ => None,
        }
    }

    /// A number from 0 to 1 without sign and exponent.
    #[inline]
    pub fn probability(&mut self) -> Option<f64> {
        let whole = self.peek()?;
        let begin = self.at;
        self.at += 1;
        if !matches!(whole, b'0' | b'1') {
            return None;
        }
        if self.is_next(b'.') {
            self.at += 1;
            let fraction = self.at;
            while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
                self.at += 1;
            }
            if self.at == fraction {
                return None;
            }
        }
        // What follows must be a comma or bracket: other digits and an exponent are refused there.
        let text = self.text.get(begin..self.at).filter(|text| text.len() <= LONGEST_NUMBER)?;
        text.parse().ok().filter(|number| *number <= 1.0)
    }

    /// null, which gives `Some(None)`, or a value.
    #[inline]
    pub fn or_null<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.peek()? == b'n' {
            self.literal("null").then_some(None)
        } else {
            read(self).map(Some)
        }
    }

    /// An array of at most `most` values.
    pub fn array<T>(&mut self, most: usize, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.take(b'[')?;
        let mut values = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(values);
        }
        loop {
            if values.len() == most {
                return None;
            }
            values.push(read(self)?);
            match self.next()? {
                b',' => {}
                b']' => return Some(values),
                _ => return None,
            }
        }
    }

    /// Calls `read` with the name of each field of an object; it has to read the field's value.
    #[inline]
    pub fn object(&mut self, mut read: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.take(b':')?;
            read(self, name)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn is_next(&self, byte: u8) -> bool {
        self.text.as_bytes().get(self.at) == Some(&byte)
    }

    /// The next byte after white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    #[inline]
    fn literal(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found
    }
}

/// Puts the value of a field into its slot. None if there is no value, or the field was read before.
#[inline]
pub fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    value.as_ref()?;
    mem::replace(slot, value).is_none().then_some(())
}

const ONES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = ONES << 7;
const QUOTES: u64 = ONES * b'"' as u64;

/// The number of bytes before the next quote. Eight bytes are looked at together: names and words are short, and a call of
/// memchr for each takes longer.
#[inline]
fn length_to_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(eight) = text.get(at..at + 8) {
        // A byte that is a quote becomes 0. Only a byte that was 0 borrows from the next, and sets its high bit if it was
        // below 128 before; so the lowest of these bits is right.
        let differences = u64::from_le_bytes(eight.try_into().ok()?) ^ QUOTES;
        let found = differences.wrapping_sub(ONES) & !differences & HIGH_BITS;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    text[at..].iter().position(|byte| *byte == b'"').map(|rest| at + rest)
}
