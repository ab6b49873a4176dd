//! Records of one type that a call decodes from the bytes of a store, and gives back as bytes once, when it ends.

use std::collections::HashMap;

use pyo3::prelude::*;

use crate::arrivals::Arrivals;
use crate::clusters::Clusters;
use crate::counts::STATE_VERSION;
use crate::record_store::RecordStore;
use crate::windows::DAY;

/// Of EXPIRY_DAY in counting/expiry.py.
const EXPIRY_DAY: usize = 4;

pub trait Kept: Default {
    /// None for bytes of another form.
    fn decode(bytes: &[u8]) -> Option<Self>;
    fn encode(&self, out: &mut Vec<u8>);
}

impl Kept for Arrivals {
    fn decode(bytes: &[u8]) -> Option<Self> {
        Arrivals::decode(bytes)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl Kept for Clusters {
    fn decode(bytes: &[u8]) -> Option<Self> {
        Clusters::decode(bytes)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

pub struct RecordsInUse<'py, R> {
    store: Bound<'py, RecordStore>,
    kept_ms: i64,
    places: HashMap<Vec<u8>, usize>,
    records: Vec<InUse<R>>,
    /// The places of what has changed, in the order of the first change.
    changed: Vec<usize>,
}

struct InUse<R> {
    key: Vec<u8>,
    record: R,
    /// Of the last change, in ms; None without one.
    changed_at: Option<i64>,
}

impl<'py, R: Kept> RecordsInUse<'py, R> {
    /// Records expire so long after their last change.
    pub fn new(store: Bound<'py, RecordStore>, kept_ms: i64) -> Self {
        RecordsInUse { store, kept_ms, places: HashMap::new(), records: Vec::new(), changed: Vec::new() }
    }

    /// The place of the record of a key, an empty one if there is none; None if it is of a form that is Python's.
    pub fn find(&mut self, key: &[u8]) -> PyResult<Option<usize>> {
        if let Some(&place) = self.places.get(key) {
            return Ok(Some(place));
        }
        let record = match self.store.borrow().bytes_of(self.store.py(), key)? {
            None => R::default(),
            Some(bytes) => {
                let body = bytes.get(1..bytes.len().saturating_sub(EXPIRY_DAY)).unwrap_or_default();
                match R::decode(body) {
                    Some(record) => record,
                    None => return Ok(None),
                }
            }
        };
        let place = self.records.len();
        self.records.push(InUse { key: key.to_vec(), record, changed_at: None });
        self.places.insert(key.to_vec(), place);
        Ok(Some(place))
    }

    pub fn at(&self, place: usize) -> &R {
        &self.records[place].record
    }

    /// The record in a place, to be changed at `now` (ms).
    pub fn change(&mut self, place: usize, now: i64) -> &mut R {
        let one = &mut self.records[place];
        if one.changed_at.is_none() {
            self.changed.push(place);
        }
        one.changed_at = Some(now);
        &mut one.record
    }

    /// Give back what has changed.
    pub fn put(self) {
        let mut store = self.store.borrow_mut();
        let mut value = Vec::new();
        for place in self.changed {
            let one = &self.records[place];
            value.clear();
            value.push(STATE_VERSION);
            one.record.encode(&mut value);
            let expires = one.changed_at.unwrap_or_default() + self.kept_ms;
            value.extend_from_slice(&(-(-expires).div_euclid(DAY) as u32).to_be_bytes());
            store.put_bytes(&one.key, &value);
        }
    }
}
