//! The part of MessagePack in which counts are stored and reports passed on, as msgspec writes it: every number in its
//! shortest form.

/// Of a hash and a number, as most are.
const PAIR_BYTES: usize = 14;

#[inline]
pub fn write_int(out: &mut Vec<u8>, number: i64) {
    if (0..=0x7f).contains(&number) {
        out.push(number as u8);
    } else {
        write_longer(out, number);
    }
}

fn write_longer(out: &mut Vec<u8>, number: i64) {
    match number {
        -0x20..=0x7f => out.push(number as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => write_tagged(out, 0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => write_tagged(out, 0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000..=i64::MAX => write_tagged(out, 0xcf, &number.to_be_bytes()),
        -0x80..=-0x21 => out.extend_from_slice(&[0xd0, number as u8]),
        -0x8000..=-0x81 => write_tagged(out, 0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => write_tagged(out, 0xd2, &(number as i32).to_be_bytes()),
        i64::MIN..=-0x8000_0001 => write_tagged(out, 0xd3, &number.to_be_bytes()),
    }
}

/// Write a number that may need all 64 bits.
pub fn write_uint(out: &mut Vec<u8>, number: u64) {
    match i64::try_from(number) {
        Ok(number) => write_int(out, number),
        Err(_) => write_tagged(out, 0xcf, &number.to_be_bytes()),
    }
}

/// Write a hash and a number of a map, which mostly take nine bytes and five.
#[inline]
pub fn write_pair(out: &mut Vec<u8>, hash: u64, number: i64) {
    match u32::try_from(number) {
        Ok(number) if hash > 0xffff_ffff && number > 0xffff => {
            let mut bytes = [0xcf; PAIR_BYTES];
            bytes[1..9].copy_from_slice(&hash.to_be_bytes());
            bytes[9] = 0xce;
            bytes[10..].copy_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        _ => {
            write_uint(out, hash);
            write_int(out, number);
        }
    }
}

pub fn write_array(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=15 => out.push(0x90 | length as u8),
        16..=0xffff => write_tagged(out, 0xdc, &(length as u16).to_be_bytes()),
        _ => write_tagged(out, 0xdd, &(length as u32).to_be_bytes()),
    }
}

pub fn write_map(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=15 => out.push(0x80 | length as u8),
        16..=0xffff => write_tagged(out, 0xde, &(length as u16).to_be_bytes()),
        _ => write_tagged(out, 0xdf, &(length as u32).to_be_bytes()),
    }
}

pub fn write_str(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        0..=31 => out.push(0xa0 | text.len() as u8),
        32..=0xff => out.extend_from_slice(&[0xd9, text.len() as u8]),
        0x100..=0xffff => write_tagged(out, 0xda, &(text.len() as u16).to_be_bytes()),
        _ => write_tagged(out, 0xdb, &(text.len() as u32).to_be_bytes()),
    }
    out.extend_from_slice(text.as_bytes());
}

/// Write the head of a byte string of this length; its bytes must follow.
pub fn write_bin(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0xff => out.extend_from_slice(&[0xc4, length as u8]),
        0x100..=0xffff => write_tagged(out, 0xc5, &(length as u16).to_be_bytes()),
        _ => write_tagged(out, 0xc6, &(length as u32).to_be_bytes()),
    }
}

pub fn write_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub fn write_float(out: &mut Vec<u8>, number: f64) {
    write_tagged(out, 0xcb, &number.to_be_bytes());
}

/// Write a time of so many microseconds since the epoch, from 1970 to 2514: with 34 bits for the seconds.
pub fn write_time(out: &mut Vec<u8>, micros: i64) {
    let (seconds, nanos) = (micros / 1_000_000, micros % 1_000_000 * 1_000);
    match u32::try_from(seconds) {
        Ok(seconds) if nanos == 0 => {
            out.extend_from_slice(&[0xd6, 0xff]);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[0xd7, 0xff]);
            out.extend_from_slice(&((nanos as u64) << 34 | seconds as u64).to_be_bytes());
        }
    }
}

fn write_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// Reads values from the front. Each method returns None if the next value is another or has been cut off.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        if length > self.rest.len() {
            return None;
        }
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(taken)
    }

    /// Read an unsigned big-endian number of so many bytes.
    #[inline]
    fn number(&mut self, length: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes[8 - length..].copy_from_slice(self.take(length)?);
        Some(u64::from_be_bytes(bytes))
    }

    fn length(&mut self, bytes: usize) -> Option<usize> {
        self.number(bytes).map(|length| length as usize)
    }

    fn tag(&mut self) -> Option<u8> {
        self.take(1).map(|tag| tag[0])
    }

    /// The first byte of the next value.
    pub fn next_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Read an integer of 0 or more.
    #[inline]
    pub fn uint(&mut self) -> Option<u64> {
        match self.tag()? {
            tag @ 0..=0x7f => Some(u64::from(tag)),
            0xcc => self.number(1),
            0xcd => self.number(2),
            0xce => self.number(4),
            0xcf => self.number(8),
            _ => None,
        }
    }

    /// Read an integer of 0 or more that is below `limit`.
    pub fn int(&mut self, limit: i64) -> Option<i64> {
        let number = self.uint()?;
        if number < limit as u64 {
            Some(number as i64)
        } else {
            None
        }
    }

    /// Read what `write_pair` has written; the number is below `limit`.
    #[inline]
    pub fn pair(&mut self, limit: i64) -> Option<(u64, i64)> {
        match self.rest.split_first_chunk::<PAIR_BYTES>() {
            Some((&[0xcf, a, b, c, d, e, f, g, h, 0xce, i, j, k, l], rest)) => {
                self.rest = rest;
                let number = i64::from(u32::from_be_bytes([i, j, k, l]));
                (number < limit).then_some((u64::from_be_bytes([a, b, c, d, e, f, g, h]), number))
            }
            _ => Some((self.uint()?, self.int(limit)?)),
        }
    }

    /// Read an integer whose absolute value is below `limit`.
    pub fn signed(&mut self, limit: i64) -> Option<i64> {
        let bytes = match *self.rest.first()? {
            tag @ 0xe0.. => {
                self.take(1)?;
                return Some(i64::from(tag as i8));
            }
            0xd0 => 1,
            0xd1 => 2,
            0xd2 => 4,
            0xd3 => 8,
            _ => return self.int(limit),
        };
        self.take(1)?;
        let unused = i64::BITS - 8 * bytes as u32;
        let number = (self.number(bytes)? << unused) as i64 >> unused;
        (-limit..limit).contains(&number).then_some(number)
    }

    /// Read nil, and nothing if it is not the next value.
    pub fn nil(&mut self) -> Option<()> {
        if self.rest.first() != Some(&0xc0) {
            return None;
        }
        self.take(1).map(|_| ())
    }

    pub fn bool(&mut self) -> Option<bool> {
        match self.tag()? {
            0xc2 => Some(false),
            0xc3 => Some(true),
            _ => None,
        }
    }

    pub fn float(&mut self) -> Option<f64> {
        match self.tag()? {
            0xcb => self.number(8).map(f64::from_bits),
            _ => None,
        }
    }

    /// Read a time of whole microseconds from 1970 to 2514: its seconds since the epoch, and the microseconds beyond them.
    pub fn time(&mut self) -> Option<(i64, u32)> {
        let (seconds, nanos) = match (self.tag()?, self.tag()?) {
            (0xd6, 0xff) => (self.number(4)?, 0),
            (0xd7, 0xff) => {
                let number = self.number(8)?;
                (number & ((1 << 34) - 1), number >> 34)
            }
            _ => return None,
        };
        (nanos < 1_000_000_000 && nanos % 1_000 == 0).then_some((seconds as i64, (nanos / 1_000) as u32))
    }

    /// Read nil as None, and anything else with `read`.
    pub fn or_nil<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.nil() {
            Some(()) => Some(None),
            None => read(self).map(Some),
        }
    }

    /// Read any value, and return its bytes.
    pub fn any(&mut self) -> Option<&'a [u8]> {
        self.with_bytes(|reader| {
            let mut left = 1usize;
            while left > 0 {
                left = left - 1 + reader.pass_over()?;
            }
            Some(())
        })
        .map(|(_, bytes)| bytes)
    }

    /// Read a value without what is in it; return how many values that is.
    fn pass_over(&mut self) -> Option<usize> {
        let (length, inside) = match self.tag()? {
            0..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
            tag @ 0x80..=0x8f => (0, 2 * usize::from(tag & 0x0f)),
            tag @ 0x90..=0x9f => (0, usize::from(tag & 0x0f)),
            tag @ 0xa0..=0xbf => (usize::from(tag & 0x1f), 0),
            0xc4 | 0xd9 => (self.length(1)?, 0),
            0xc5 | 0xda => (self.length(2)?, 0),
            0xc6 | 0xdb => (self.length(4)?, 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 => (2, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xdc => (0, self.length(2)?),
            0xdd => (0, self.length(4)?),
            0xde => (0, 2 * self.length(2)?),
            0xdf => (0, 2 * self.length(4)?),
            // The byte of the type of an extension comes before its data.
            tag @ 0xd4..=0xd8 => (1 + (1 << (tag - 0xd4)), 0),
            0xc7 => (1 + self.length(1)?, 0),
            0xc8 => (1 + self.length(2)?, 0),
            0xc9 => (1 + self.length(4)?, 0),
            0xc1 => return None,
        };
        self.take(length).map(|_| inside)
    }

    /// Return what `read` reads, and the bytes from which it was read.
    pub fn with_bytes<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<(T, &'a [u8])> {
        let before = self.rest;
        let value = read(self)?;
        Some((value, &before[..before.len() - self.rest.len()]))
    }

    pub fn array(&mut self) -> Option<usize> {
        match self.tag()? {
            tag @ 0x90..=0x9f => Some(usize::from(tag & 0x0f)),
            0xdc => self.length(2),
            0xdd => self.length(4),
            _ => None,
        }
    }

    pub fn map(&mut self) -> Option<usize> {
        match self.tag()? {
            tag @ 0x80..=0x8f => Some(usize::from(tag & 0x0f)),
            0xde => self.length(2),
            0xdf => self.length(4),
            _ => None,
        }
    }

    pub fn str(&mut self) -> Option<&'a str> {
        let length = match self.tag()? {
            tag @ 0xa0..=0xbf => usize::from(tag & 0x1f),
            0xd9 => self.length(1)?,
            0xda => self.length(2)?,
            0xdb => self.length(4)?,
            _ => return None,
        };
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub fn bin(&mut self) -> Option<&'a [u8]> {
        let length = match self.tag()? {
            0xc4 => self.length(1)?,
            0xc5 => self.length(2)?,
            0xc6 => self.length(4)?,
            _ => return None,
        };
        self.take(length)
    }
}
