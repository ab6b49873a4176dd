//! Reads the envelope of a report from the headers of its record, as `streams/contract/wire/incoming_envelope.py` does.
//!
//! Takes CloudEvents in binary mode and plain JSON, if the headers are as publishers write them.

const STRUCTURED: &[u8] = b"application/cloudevents";
const SPECVERSION: &[u8] = b"1.0";
const MAX_SOURCE_BYTES: usize = 1_024;

// The optional attributes of CloudEvents 1.0 and its extensions in use. Python reads none of them, but refuses an attribute
// that occurs twice; so this has to know which occurred.
const UNREAD: [&str; 8] = [
    "ce_time",
    "ce_datacontenttype",
    "ce_dataschema",
    "ce_subject",
    "ce_traceparent",
    "ce_tracestate",
    "ce_partitionkey",
    "ce_sequence",
];

/// The headers of one record that say how to read it.
#[derive(Default)]
pub struct Envelope<'a> {
    specversion: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    unread: [bool; UNREAD.len()],
    is_unusual: bool,
}

impl<'a> Envelope<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header of the record. To be called for each, in any order.
    #[inline]
    pub fn header(&mut self, name: &'a str, value: Option<&'a [u8]>) {
        let slot = match name {
            "ce_specversion" => &mut self.specversion,
            "ce_id" => &mut self.id,
            "ce_source" => &mut self.source,
            "ce_type" => &mut self.event_type,
            "content-type" => &mut self.content_type,
            _ => return self.other_header(name),
        };
        self.is_unusual |= value.is_none() || slot.is_some();
        *slot = value;
    }

    fn other_header(&mut self, name: &str) {
        if let Some(place) = UNREAD.iter().position(|unread| *unread == name) {
            self.is_unusual |= self.unread[place];
            self.unread[place] = true;
        } else {
            self.is_unusual |= name.starts_with("ce_") || name.starts_with("tocsin-");
        }
    }

    /// The `source` of an event of this type, "" for plain JSON, or None if Python has to look.
    #[inline]
    pub fn source(&self, event_type: &[u8]) -> Option<&'a str> {
        if self.is_unusual || self.content_type.is_some_and(is_structured) {
            return None;
        }
        if self.is_plain() {
            return Some("");
        }
        if self.specversion? != SPECVERSION || self.event_type? != event_type {
            return None;
        }
        attribute(self.id?)?;
        attribute(self.source?).filter(|source| source.len() <= MAX_SOURCE_BYTES)
    }

    fn is_plain(&self) -> bool {
        let read = [self.specversion, self.id, self.source, self.event_type];
        read.iter().all(Option::is_none) && !self.unread.contains(&true)
    }
}

fn is_structured(content_type: &[u8]) -> bool {
    content_type.get(..STRUCTURED.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(STRUCTURED))
}

/// A text that cannot contain an e-mail address.
#[inline]
fn attribute(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && !text.bytes().any(|byte| matches!(byte, b'@' | b'%'))).then_some(text)
}
