//! What only the channel's home needs of a report: `RestOfReport` and `RestWithChannel` of
//! streams/contract/events/internal/passed_report.py.
//!
//! Takes them as msgspec and gate.rs write them. Whether countries, refs and most words are known is not checked again.

use crate::msgpack::Reader;

const FIELDS: usize = 15;
const FIELDS_WITH_CHANNEL: usize = 17;
const USUAL_CHANNEL: &str = "channel";
const ACCOUNT: &str = "account";
// As streams/contract/events/report.py limits them.
const MOST_EVIDENCE: usize = 32;
const MOST_ELEMENTS: usize = 16;
const MOST_DECLARATIONS: usize = 8;

/// A time in UTC, so many seconds after the epoch.
#[derive(Clone, Copy)]
pub struct Time {
    pub seconds: i64,
    pub micros: u32,
}

pub struct Classifier<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub score: f64,
}

pub struct Evidence<'a> {
    pub country: &'a str,
    pub basis: &'a str,
    pub confidence: f64,
}

/// Without `declares` the field was absent; an empty array is a different value.
pub struct Notice<'a> {
    pub elements: Vec<&'a str>,
    pub declares: Option<Vec<&'a str>>,
}

/// `evidence_bytes` and `notice_bytes` are what these were read from: of equal fields they are equal.
///
/// With `has_times`, or `has_match`, what follows those fields is left unread: such a report is Python's.
pub struct Rest<'a> {
    pub kind: &'a str,
    pub occurred: Time,
    pub received: Option<Time>,
    pub visibility: &'a str,
    pub country: Option<&'a str>,
    pub language: Option<&'a str>,
    pub reporter_ref: Option<&'a str>,
    pub reporter_country: Option<&'a str>,
    pub account_age: Option<&'a str>,
    pub classifier: Option<Classifier<'a>>,
    pub evidence: Vec<Evidence<'a>>,
    pub evidence_bytes: &'a [u8],
    pub notice: Option<Notice<'a>>,
    pub notice_bytes: &'a [u8],
    pub has_times: bool,
    pub has_match: bool,
    pub message_version: Option<&'a str>,
    pub members: Option<i64>,
    pub channel_kind: &'a str,
}

impl<'a> Rest<'a> {
    /// None if the bytes are anything else.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let fields = reader.array()?;
        if fields != FIELDS && fields != FIELDS_WITH_CHANNEL {
            return None;
        }
        let kind = reader.str()?;
        let occurred = time(&mut reader)?;
        let received = reader.or_nil(time)?;
        let visibility = reader.str()?;
        let country = reader.or_nil(Reader::str)?;
        let language = reader.or_nil(Reader::str)?;
        let reporter_ref = reader.or_nil(Reader::str)?;
        let reporter_country = reader.or_nil(Reader::str)?;
        let account_age = reader.or_nil(Reader::str)?;
        let classifier = reader.or_nil(classifier)?;
        let (evidence, evidence_bytes) = reader.with_bytes(|reader| list(reader, MOST_EVIDENCE, evidence))?;
        let (notice, notice_bytes) = reader.with_bytes(|reader| reader.or_nil(notice))?;
        let mut rest = Rest {
            kind,
            occurred,
            received,
            visibility,
            country,
            language,
            reporter_ref,
            reporter_country,
            account_age,
            classifier,
            evidence,
            evidence_bytes,
            notice,
            notice_bytes,
            has_times: is_set(&mut reader)?,
            has_match: false,
            message_version: None,
            members: None,
            channel_kind: USUAL_CHANNEL,
        };
        if rest.has_times {
            return Some(rest);
        }
        rest.has_match = is_set(&mut reader)?;
        if rest.has_match {
            return Some(rest);
        }
        rest.message_version = reader.or_nil(Reader::str)?;
        if fields == FIELDS_WITH_CHANNEL {
            rest.members = reader.or_nil(|reader| reader.int(i64::MAX))?;
            rest.channel_kind = reader.str().filter(|kind| [USUAL_CHANNEL, ACCOUNT].contains(kind))?;
        }
        reader.is_at_end().then_some(rest)
    }
}

/// Whether another value than nil is next, which is left unread.
fn is_set(reader: &mut Reader) -> Option<bool> {
    (!reader.is_at_end()).then(|| reader.nil().is_none())
}

fn time(reader: &mut Reader) -> Option<Time> {
    reader.time().map(|(seconds, micros)| Time { seconds, micros })
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    most: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let length = reader.array().filter(|length| *length <= most)?;
    let mut found = Vec::with_capacity(length);
    for _ in 0..length {
        found.push(read(reader)?);
    }
    Some(found)
}

/// Read the name of a field of an object, whose fields are in the order of its class.
fn name(reader: &mut Reader, expected: &str) -> Option<()> {
    (reader.str()? == expected).then_some(())
}

fn text<'a>(reader: &mut Reader<'a>, expected: &str) -> Option<&'a str> {
    name(reader, expected)?;
    reader.str()
}

fn probability(reader: &mut Reader, expected: &str) -> Option<f64> {
    name(reader, expected)?;
    reader.float().filter(|number| (0.0..=1.0).contains(number))
}

fn classifier<'a>(reader: &mut Reader<'a>) -> Option<Classifier<'a>> {
    if reader.map()? != 3 {
        return None;
    }
    Some(Classifier {
        name: text(reader, "name")?,
        version: text(reader, "version")?,
        score: probability(reader, "score")?,
    })
}

fn evidence<'a>(reader: &mut Reader<'a>) -> Option<Evidence<'a>> {
    if reader.map()? != 3 {
        return None;
    }
    Some(Evidence {
        country: text(reader, "country")?,
        basis: text(reader, "basis")?,
        confidence: probability(reader, "confidence")?,
    })
}

fn notice<'a>(reader: &mut Reader<'a>) -> Option<Notice<'a>> {
    let fields = reader.map().filter(|fields| (1..=2).contains(fields))?;
    name(reader, "elements")?;
    let elements = list(reader, MOST_ELEMENTS, Reader::str)?;
    let declares = if fields == 2 {
        name(reader, "declares")?;
        Some(list(reader, MOST_DECLARATIONS, Reader::str)?)
    } else {
        None
    };
    Some(Notice { elements, declares })
}
