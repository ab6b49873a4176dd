//! Receipts, which nearly every report has (streams/contract/wire/forms/reporter_notice.py, streams/contract/wire/ids.py).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use sha1_smol::Sha1;

use crate::json::hex_of;

/// Reports of an hour were received on few days.
const MOST_DAYS: usize = 64;
/// The place of the id among the headers.
const ID_AT: usize = 1;

pub struct Receipts {
    topic: PyObject,
    namespace: Vec<u8>,
    /// Returns the end of a receipt of a day, and the headers of one without an id.
    of_day: PyObject,
    days: Vec<Day>,
}

struct Day {
    day: i64,
    ends: Vec<u8>,
    headers: Py<PyList>,
}

/// What a receipt is about. `message`: None for a report about the channel.
pub struct Receipt<'a> {
    pub reporter: u64,
    pub channel: &'a str,
    pub message: Option<&'a str>,
    pub report_id: &'a str,
    pub source: &'a str,
    pub day: i64,
}

impl Receipt<'_> {
    /// Whether the texts are written in JSON as they are.
    pub fn is_plain(&self) -> bool {
        let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        self.report_id.bytes().chain(self.source.bytes()).all(is_plain)
    }

    fn id(&self, key: &[u8], namespace: &[u8]) -> Vec<u8> {
        let (channel, report_id, source) =
            (self.channel.as_bytes(), self.report_id.as_bytes(), self.source.as_bytes());
        let about_message =
            self.message.map(|message| [b"reporter-receipt", key, channel, message.as_bytes()]);
        let parts: &[&[u8]] = match &about_message {
            Some(parts) => parts,
            None => &[b"reporter-notice", key, channel, report_id, b"received", b"", source],
        };
        let mut name = Sha1::from(namespace);
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                name.update(&[0]);
            }
            name.update(part);
        }
        uuid_of(name.digest().bytes())
    }
}

/// The UUID of version 5 that belongs to a hash (RFC 9562, 5.5).
fn uuid_of(mut hash: [u8; 20]) -> Vec<u8> {
    hash[6] = hash[6] & 0x0f | 0x50;
    hash[8] = hash[8] & 0x3f | 0x80;
    let mut text = Vec::with_capacity(36);
    for (at, byte) in hash[..16].iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend_from_slice(&hex_of(*byte));
    }
    text
}

/// The key of records of a reporter: the hash in hexadecimal.
fn key_of(reporter: u64) -> [u8; 16] {
    let mut key = [0; 16];
    for (two, byte) in key.chunks_exact_mut(2).zip(reporter.to_be_bytes()) {
        two.copy_from_slice(&hex_of(byte));
    }
    key
}

impl Receipts {
    /// `topic` is that of receipts, `namespace` the bytes before the name of an id; `of_day(day)` returns the end of the value
    /// and the headers of a receipt without an id.
    pub fn new(topic: PyObject, namespace: Vec<u8>, of_day: PyObject) -> Self {
        Receipts { topic, namespace, of_day, days: Vec::new() }
    }

    /// The fields of the OutputRecord of a receipt, whose texts are plain.
    pub fn record<'py>(&mut self, py: Python<'py>, receipt: &Receipt) -> PyResult<Bound<'py, PyTuple>> {
        let key = key_of(receipt.reporter);
        let id = receipt.id(&key, &self.namespace);
        let day = self.day(py, receipt.day)?;
        let headers = day.headers.bind(py).get_slice(0, usize::MAX);
        headers.set_item(ID_AT, (intern!(py, "ce_id"), PyBytes::new(py, &id)))?;
        let mut value =
            Vec::with_capacity(64 + receipt.report_id.len() + receipt.source.len() + day.ends.len());
        value.extend_from_slice(b"{\"report_id\":\"");
        value.extend_from_slice(receipt.report_id.as_bytes());
        value.extend_from_slice(b"\",\"ce_source\":\"");
        value.extend_from_slice(receipt.source.as_bytes());
        value.push(b'"');
        value.extend_from_slice(&day.ends);
        let fields = [
            self.topic.bind(py).clone(),
            py.None().into_bound(py),
            PyBytes::new(py, &key).into_any(),
            PyBytes::new(py, &value).into_any(),
            headers.into_any(),
        ];
        PyTuple::new(py, fields)
    }

    fn day(&mut self, py: Python, day: i64) -> PyResult<&Day> {
        if let Some(at) = self.days.iter().rposition(|known| known.day == day) {
            return Ok(&self.days[at]);
        }
        let (ends, headers): (Vec<u8>, Py<PyList>) = self.of_day.call1(py, (day,))?.extract(py)?;
        if self.days.len() >= MOST_DAYS {
            self.days.remove(0);
        }
        self.days.push(Day { day, ends, headers });
        Ok(&self.days[self.days.len() - 1])
    }
}
