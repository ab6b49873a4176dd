//! The record of a message as it is kept: most differ in reporter, time and id of the report alone, and the rest is kept
//! once for all that share it (streams/counting/message_store.py).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::message::{FirstReport, Identity, Message, Reported};
use crate::message_bytes::{decode, encode, read_entry, read_one, write_entry, ENTRY};

/// The day of expiry follows the record: big-endian, 32 bits.
pub const EXPIRY_DAY: usize = 4;

/// A publisher has a few sources, and they have some categories and countries each. Beyond this number, records are kept as
/// a whole: nobody can fill the memory with shapes.
const MOST_SHAPES: u16 = 4_096;
const WHOLE: [u8; 2] = [0xff; 2];
const SHAPE_BYTES: usize = 400;

#[derive(Default)]
pub struct Shapes {
    shapes: Vec<Names>,
    by_names: HashTable<u16>,
    hasher: RandomState,
}

struct Names {
    source: Arc<str>,
    country: Box<str>,
    category: Box<str>,
}

impl Shapes {
    pub fn memory(&self) -> usize {
        self.shapes.len() * SHAPE_BYTES
    }

    /// A record of the state topic as it is kept.
    pub fn pack_bytes(&mut self, record: &[u8], out: &mut Vec<u8>) {
        let day = record.len() - EXPIRY_DAY;
        let body = record.get(1..day);
        if let Some(one) = body.and_then(read_one) {
            if let Some(number) = self.number_of([one.source, one.country, one.category]) {
                let parts = [&number.to_be_bytes()[..], one.entry, one.id.as_bytes(), &record[day..]];
                parts.iter().for_each(|part| out.extend_from_slice(part));
                return;
            }
        }
        match body.and_then(decode) {
            Some(message) => self.pack(&message, record, out),
            None => whole(record, out),
        }
    }

    /// A message, of which `record` are the bytes for the state topic, as it is kept.
    pub fn pack(&mut self, message: &Message, record: &[u8], out: &mut Vec<u8>) {
        let Some((one, identity, number)) = self.shape_of(message) else { return whole(record, out) };
        out.extend_from_slice(&number.to_be_bytes());
        write_entry(out, one);
        out.extend_from_slice(identity.id.as_bytes());
        out.extend_from_slice(&record[record.len() - EXPIRY_DAY..]);
    }

    /// The message in what is kept of a record; None if it is Python's, which can read `whole_of`.
    pub fn unpack(&self, kept: &[u8]) -> Option<Message> {
        let (number, rest) = kept.split_at(WHOLE.len());
        let end = rest.len() - EXPIRY_DAY;
        if number == WHOLE {
            return decode(rest.get(1..end)?);
        }
        let names = &self.shapes[usize::from(u16::from_be_bytes([number[0], number[1]]))];
        let (reporter, received) = read_entry(rest);
        let id = std::str::from_utf8(&rest[ENTRY..end]).ok()?.into();
        Some(Message {
            reporters: vec![Reported {
                reporter,
                received,
                identity: Some(Identity { source: names.source.clone(), id }),
            }],
            reports: 1,
            notice: Some(FirstReport {
                received: i64::from(received),
                country: names.country.clone(),
                category: names.category.clone(),
            }),
            ..Message::default()
        })
    }

    /// The number of bytes of a record in the state topic.
    pub fn length(&self, kept: &[u8]) -> usize {
        if let Some(record) = whole_of(kept) {
            return record.len();
        }
        let mut encoded = Vec::with_capacity(2 * kept.len());
        if let Some(message) = self.unpack(kept) {
            encode(&message, &mut encoded);
        }
        1 + encoded.len() + EXPIRY_DAY
    }

    /// What a record of one report has in common with others, which is a notice of the time at which it was received; None
    /// for any other record, or if there are too many shapes.
    fn shape_of<'a>(&mut self, message: &'a Message) -> Option<(&'a Reported, &'a Identity, u16)> {
        let ([one], Some(notice)) = (&*message.reporters, &message.notice) else { return None };
        let identity = one.identity.as_ref()?;
        let has_more = message.sampled
            || message.decided.is_some()
            || !message.found.is_empty()
            || !message.proofs.is_empty();
        if message.reports != 1 || has_more || notice.received != i64::from(one.received) {
            return None;
        }
        let number = self.number_of([&identity.source, &notice.country, &notice.category])?;
        Some((one, identity, number))
    }

    fn number_of(&mut self, names: [&str; 3]) -> Option<u16> {
        let Shapes { shapes, by_names, hasher } = self;
        let hash = hasher.hash_one(names);
        if let Some(&number) = by_names.find(hash, |&number| shapes[usize::from(number)].all() == names) {
            return Some(number);
        }
        let number = shapes.len() as u16;
        if number >= MOST_SHAPES {
            return None;
        }
        let [source, country, category] = names;
        shapes.push(Names { source: source.into(), country: country.into(), category: category.into() });
        by_names.insert_unique(hash, number, |&number| hasher.hash_one(shapes[usize::from(number)].all()));
        Some(number)
    }
}

impl Names {
    fn all(&self) -> [&str; 3] {
        [&self.source, &self.country, &self.category]
    }
}

fn whole(record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&WHOLE);
    out.extend_from_slice(record);
}

/// The record of the state topic, if it is kept as that.
pub fn whole_of(kept: &[u8]) -> Option<&[u8]> {
    kept.strip_prefix(&WHOLE)
}

/// The day of expiry at the end of what is kept, or of a record.
pub fn day_in(record: &[u8]) -> u32 {
    let mut day = [0; EXPIRY_DAY];
    day.copy_from_slice(&record[record.len() - EXPIRY_DAY..]);
    u32::from_be_bytes(day)
}
