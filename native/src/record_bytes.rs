//! Reads the records of a Kafka record batch (version 2), once it is no longer compressed
//! (streams/running/patches/record_bytes.py).

use std::ops::Range;

/// `MAX_HEADERS` of contract/wire/records.py: a record with more is Python's.
const MAX_HEADERS: usize = 256;
/// A number of 64 bits, seven in each byte.
const LONGEST_VARINT: u32 = 63;

pub type Place = Range<usize>;

/// Where the parts of a record are.
pub struct Read {
    /// How much later than the first one of the batch it was made (ms).
    pub later: i64,
    /// The difference between its offset and the first one.
    pub delta: i64,
    pub key: Option<Place>,
    pub value: Option<Place>,
    pub headers: Place,
    pub number_of_headers: usize,
}

/// Reads what Kafka's format of records (version 2) consists of; None where it does not continue as it should.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn at(bytes: &'a [u8], at: usize) -> Self {
        Reader { bytes, at }
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn record(&mut self) -> Option<Read> {
        let length = usize::try_from(self.varint()?).ok()?;
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        // Nobody uses the attributes of a record yet.
        self.varint()?;
        let (later, delta) = (self.varint()?, self.varint()?);
        let (key, value) = (self.place()?, self.place()?);
        let number_of_headers =
            usize::try_from(self.varint()?).ok().filter(|&number| number <= MAX_HEADERS)?;
        let begin = self.at;
        for _ in 0..number_of_headers {
            self.header()?;
        }
        let read = Read { later, delta, key, value, headers: begin..end, number_of_headers };
        (self.at == end).then_some(read)
    }

    pub fn header(&mut self) -> Option<(&'a str, Option<&'a [u8]>)> {
        let name = std::str::from_utf8(&self.bytes[self.place()??]).ok()?;
        let content = self.place()?.map(|place| &self.bytes[place]);
        Some((name, content))
    }

    /// Where bytes with their length before them are; within, None for those that are null.
    fn place(&mut self) -> Option<Option<Place>> {
        let Ok(length) = usize::try_from(self.varint()?) else { return Some(None) };
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        let place = self.at..end;
        self.at = end;
        Some(Some(place))
    }

    /// A zigzag varint.
    #[inline]
    fn varint(&mut self) -> Option<i64> {
        let (mut raw, mut shift) = (0_u64, 0);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            raw |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
            shift += 7;
            if shift > LONGEST_VARINT {
                return None;
            }
        }
    }
}
