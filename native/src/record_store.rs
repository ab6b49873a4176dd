//! State records of one type that expire, by key, as bytes: what a batch has changed in Python is objects until it is written
//! (`RecordStore` of streams/counting/record_store.py).

use std::collections::{BTreeSet, HashMap};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::counts::STATE_VERSION;
use crate::entries::Entries;
use crate::expiry::{DayNumbers, SEEN_AT_ONCE};
use crate::key_table::KeyTable;
use crate::message_shapes::{day_in, EXPIRY_DAY};
use crate::windows::DAY;

/// `_NEW_BYTES` there.
const NEW_BYTES: usize = 64;
/// What a record takes beside key and bytes: its place, that in the table of keys, and what the allocator adds.
const RECORD_OVERHEAD: usize = 48;

/// A record, or a free place for one.
#[derive(Default)]
struct Entry {
    /// The key, and the record as it was last written or given as bytes: nothing if it is new and Python's.
    bytes: Box<[u8]>,
    key_length: u16,
    is_taken: bool,
    /// Whether Python has changed it, since it was last written.
    is_touched: bool,
    /// Whether it was given as bytes since then; if so, whether the topic has a record of it.
    is_written: bool,
    is_in_topic: bool,
    /// The day on which it expires.
    day: u32,
}

impl Entry {
    /// With the bytes of the record, if there are any yet.
    fn new(key: &[u8], value: &[u8], day: u32) -> Self {
        assert!(key.len() <= usize::from(u16::MAX), "the key of a state record is too long");
        Entry {
            bytes: [key, value].concat().into(),
            key_length: key.len() as u16,
            is_taken: true,
            day,
            ..Entry::default()
        }
    }

    fn key(&self) -> &[u8] {
        &self.bytes[..usize::from(self.key_length)]
    }

    fn value(&self) -> Option<&[u8]> {
        let value = &self.bytes[usize::from(self.key_length)..];
        (!value.is_empty()).then_some(value)
    }
}

/// `streams.counting.record_store.RecordStore` with the same methods; keys have at most 65,535 bytes.
///
/// `RecordStore(encode, decode, require_version)`: the first two are those of a record, `require_version(key type, record)`
/// raises UnknownStateVersion.
#[pyclass(module = "tocsin_native")]
pub struct RecordStore {
    #[pyo3(get)]
    size: usize,
    #[pyo3(get)]
    changed_bytes: usize,
    entries: Entries<Entry>,
    free: Vec<u32>,
    by_key: KeyTable,
    /// How many have bytes.
    records: usize,
    /// By place; the places in the order of the first change.
    objects: HashMap<u32, PyObject>,
    touched: Vec<u32>,
    written: Vec<u32>,
    removed: BTreeSet<Box<[u8]>>,
    days: DayNumbers,
    /// Where the search for what has expired goes on.
    sweep: usize,
    encode: PyObject,
    decode: PyObject,
    require_version: PyObject,
}

/// For Rust.
impl RecordStore {
    /// The record of a key as it would be written, None without one.
    pub(crate) fn bytes_of(&self, py: Python, key: &[u8]) -> PyResult<Option<Vec<u8>>> {
        let Some(at) = self.place(key) else { return Ok(None) };
        if self.entries[at].is_touched {
            return self.encoded_object(py, at).map(Some);
        }
        Ok(self.entries[at].value().map(<[u8]>::to_vec))
    }

    /// Store a new or changed record, with version and day.
    pub(crate) fn put_bytes(&mut self, key: &[u8], value: &[u8]) {
        let day = day_in(value);
        let at = match self.place(key) {
            Some(at) => at,
            None => self.take_place(Entry::new(key, &[], day)),
        };
        let before = self.entries[at].value().map(<[u8]>::len);
        let mut known = Some(self.entries[at].day);
        if self.entries[at].is_touched {
            self.objects.remove(&(at as u32));
            self.entries[at].is_touched = false;
        } else if let Some(before) = before {
            self.changed_bytes += if self.entries[at].is_written { 0 } else { before };
        } else {
            known = None;
            self.changed_bytes += NEW_BYTES;
        }
        self.change_day(at, known, day);
        let was_removed = self.removed.remove(key);
        if !self.entries[at].is_written {
            self.entries[at].is_written = true;
            // If it is removed once more, that is noted again.
            self.entries[at].is_in_topic = before.is_some() || was_removed;
            self.written.push(at as u32);
        }
        self.set_value(at, value);
    }
}

impl RecordStore {
    fn place(&self, key: &[u8]) -> Option<usize> {
        self.by_key.find(self.by_key.hash(key), |at| self.entries[at].key() == key)
    }

    fn take_place(&mut self, entry: Entry) -> usize {
        let hash = self.by_key.hash(entry.key());
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at as usize
            }
            None => self.entries.push(entry),
        };
        let entries = &self.entries;
        self.by_key.add(hash, at, |other| entries[other].key());
        at
    }

    fn change_day(&mut self, at: usize, known: Option<u32>, day: u32) {
        if known != Some(day) {
            self.days.change(known, Some(day));
        }
        self.entries[at].day = day;
    }

    fn set_value(&mut self, at: usize, value: &[u8]) {
        let entry = &mut self.entries[at];
        let key_length = usize::from(entry.key_length);
        let before = entry.bytes.len() - key_length;
        if before == value.len() {
            entry.bytes[key_length..].copy_from_slice(value);
        } else {
            entry.bytes = [&entry.bytes[..key_length], value].concat().into();
        }
        self.count_record(key_length, before, value.len());
    }

    /// Count the bytes of a record, which had so many before: 0 without one.
    fn count_record(&mut self, key_length: usize, before: usize, now: usize) {
        if before == 0 {
            self.records += 1;
            self.size += key_length;
        }
        self.size = self.size + now - before;
    }

    /// Remove a record, which is not among those of any day any more.
    fn forget(&mut self, at: usize) {
        let hash = self.by_key.hash(self.entries[at].key());
        self.by_key.remove(hash, at);
        self.objects.remove(&(at as u32));
        let entry = std::mem::take(&mut self.entries[at]);
        self.free.push(at as u32);
        if let Some(value) = entry.value() {
            self.size -= entry.key().len() + value.len();
            self.records -= 1;
            // The topic has never had what was only given as bytes since it was last written.
            if !entry.is_written || entry.is_in_topic {
                self.removed.insert(entry.key().into());
            }
        }
    }

    fn encoded_object(&self, py: Python, at: usize) -> PyResult<Vec<u8>> {
        let object = &self.objects[&(at as u32)];
        let body = self.encode.call1(py, (object,))?;
        let day = self.entries[at].day.to_be_bytes();
        Ok([&[STATE_VERSION], body.extract::<&[u8]>(py)?, &day[..]].concat())
    }
}

#[pymethods]
impl RecordStore {
    #[new]
    fn new(encode: PyObject, decode: PyObject, require_version: PyObject) -> Self {
        RecordStore {
            size: 0,
            changed_bytes: 0,
            entries: Entries::default(),
            free: Vec::new(),
            by_key: KeyTable::default(),
            records: 0,
            objects: HashMap::new(),
            touched: Vec::new(),
            written: Vec::new(),
            removed: BTreeSet::new(),
            days: DayNumbers::default(),
            sweep: 0,
            encode,
            decode,
            require_version,
        }
    }

    fn __len__(&self) -> usize {
        self.records
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let keys =
            self.entries.iter().filter(|entry| entry.is_taken).map(|entry| PyBytes::new(py, entry.key()));
        PyList::new(py, keys.collect::<Vec<_>>())?.try_iter()
    }

    /// About the bytes that all records take in this process.
    #[getter]
    fn memory(&self) -> usize {
        self.size + self.records * RECORD_OVERHEAD
    }

    fn restore(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        if value.first() != Some(&STATE_VERSION) {
            let kind = PyBytes::new(py, &key[..key.len().min(1)]);
            self.require_version.call1(py, (kind, PyBytes::new(py, value)))?;
        }
        if value.len() <= EXPIRY_DAY || key.len() > usize::from(u16::MAX) {
            return Err(PyValueError::new_err("a state record is cut off"));
        }
        let day = day_in(value);
        self.take_place(Entry::new(key, value, day));
        self.count_record(key.len(), 0, value.len());
        self.days.change(None, Some(day));
        Ok(())
    }

    fn find(&self, py: Python, key: &[u8]) -> PyResult<Option<PyObject>> {
        let Some(at) = self.place(key) else { return Ok(None) };
        if let Some(object) = self.objects.get(&(at as u32)) {
            return Ok(Some(object.clone_ref(py)));
        }
        let value = self.entries[at].value().unwrap_or_default();
        let body = value.get(1..value.len().saturating_sub(EXPIRY_DAY)).unwrap_or_default();
        self.decode.call1(py, (PyBytes::new(py, body),)).map(Some)
    }

    fn put(&mut self, key: &[u8], record: PyObject, expires_ms: i64) {
        let day = (-(-expires_ms).div_euclid(DAY)) as u32;
        let at = match self.place(key) {
            Some(at) => at,
            None => self.take_place(Entry::new(key, &[], day)),
        };
        let entry = &self.entries[at];
        let mut known = Some(entry.day);
        if !entry.is_touched {
            match entry.value() {
                Some(value) => self.changed_bytes += if entry.is_written { 0 } else { value.len() },
                None => {
                    known = None;
                    self.changed_bytes += NEW_BYTES;
                }
            }
            self.entries[at].is_touched = true;
            self.touched.push(at as u32);
        }
        self.change_day(at, known, day);
        self.objects.insert(at as u32, record);
    }

    fn encoded<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.bytes_of(py, key)?.map(|bytes| PyBytes::new(py, &bytes)))
    }

    fn put_encoded(&mut self, records: Vec<(Vec<u8>, Vec<u8>)>) {
        for (key, value) in records {
            self.put_bytes(&key, &value);
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(at) = self.place(key) {
            self.days.change(Some(self.entries[at].day), None);
            self.forget(at);
        }
    }

    fn expire(&mut self, now_ms: i64, at_most: usize) -> bool {
        let today = now_ms.div_euclid(DAY);
        let (mut removed, mut seen) = (0, 0);
        while self.days.earliest().is_some_and(|day| i64::from(day) <= today) {
            if removed >= at_most || seen >= SEEN_AT_ONCE {
                return false;
            }
            if self.sweep >= self.entries.len() {
                self.sweep = 0;
            }
            let (at, entry) = (self.sweep, &self.entries[self.sweep]);
            self.sweep += 1;
            seen += 1;
            if entry.is_taken && i64::from(entry.day) <= today {
                self.days.change(Some(entry.day), None);
                self.forget(at);
                removed += 1;
            }
        }
        true
    }

    fn next_expiry(&self) -> Option<i64> {
        self.days.earliest().map(|day| i64::from(day) * DAY)
    }

    fn drain_changes<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let changes = PyList::empty(py);
        for at in std::mem::take(&mut self.written) {
            let entry = &mut self.entries[at as usize];
            if std::mem::take(&mut entry.is_written) && !entry.is_touched {
                let value = entry.value().unwrap_or_default();
                changes.append((PyBytes::new(py, entry.key()), PyBytes::new(py, value)))?;
            }
        }
        for key in std::mem::take(&mut self.removed) {
            // What was put again is written below.
            if self.place(&key).is_none() {
                changes.append((PyBytes::new(py, &key), py.None()))?;
            }
        }
        for at in std::mem::take(&mut self.touched) {
            let at = at as usize;
            if std::mem::take(&mut self.entries[at].is_touched) {
                let value = self.encoded_object(py, at)?;
                self.objects.remove(&(at as u32));
                self.set_value(at, &value);
                changes.append((PyBytes::new(py, self.entries[at].key()), PyBytes::new(py, &value)))?;
            }
        }
        self.changed_bytes = 0;
        changes.try_iter()
    }
}
