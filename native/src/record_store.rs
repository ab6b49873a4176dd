//! State records of one type that expire, by key, as bytes: what a batch has changed in Python is objects until it is written
//! (`RecordStore` of streams/counting/record_store.py).

use std::collections::{BTreeSet, HashMap, VecDeque};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::changes::{change, deletion, Change, Changes, Changing};
use crate::counts::STATE_VERSION;
use crate::entries::Entries;
use crate::expiry::{DayNumbers, SEEN_AT_ONCE};
use crate::key_table::KeyTable;
use crate::message_shapes::{day_in, EXPIRY_DAY};
use crate::pool::{Place, Pool};
use crate::restoring::Restored;
use crate::short_key::{shortened, whole};
use crate::windows::DAY;

/// `_NEW_BYTES` there.
const NEW_BYTES: usize = 64;
/// What a record takes beside key and bytes: its entry, and its place in the table of keys.
const RECORD_OVERHEAD: usize = 30;

/// A record, or a free place for one.
#[derive(Default)]
struct Entry {
    /// The shortened key, and the record as it was last written or given as bytes: nothing if it is new and Python's.
    bytes: Place,
    /// 0 for a free place.
    key_length: u16,
    /// Whether Python has changed it, since it was last written.
    is_touched: bool,
    /// If it was given as bytes since then: whether the topic has a record of it.
    in_topic: Option<bool>,
    /// The day on which it expires.
    day: u32,
}

impl Entry {
    fn short_key<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        &pool.get(self.bytes)[..usize::from(self.key_length)]
    }

    fn value<'a>(&self, pool: &'a Pool) -> Option<&'a [u8]> {
        let value = &pool.get(self.bytes)[usize::from(self.key_length)..];
        (!value.is_empty()).then_some(value)
    }
}

/// `streams.counting.record_store.RecordStore` with the same methods; keys have from 1 to 65,535 bytes.
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
    pool: Pool,
    free: Vec<u32>,
    by_key: KeyTable,
    /// How many have bytes.
    records: usize,
    /// By place; the places in the order of the first change.
    objects: HashMap<u32, PyObject>,
    touched: VecDeque<u32>,
    written: VecDeque<u32>,
    removed: BTreeSet<Vec<u8>>,
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
        Ok(self.entries[at].value(&self.pool).map(<[u8]>::to_vec))
    }

    /// Store a new or changed record, with version and day.
    pub(crate) fn put_bytes(&mut self, key: &[u8], value: &[u8]) {
        let day = day_in(value);
        let at = match self.place(key) {
            Some(at) => at,
            None => self.take_place(key, &[], day),
        };
        let before = self.entries[at].value(&self.pool).map(<[u8]>::len);
        let mut known = Some(self.entries[at].day);
        if self.entries[at].is_touched {
            self.objects.remove(&(at as u32));
            self.entries[at].is_touched = false;
        } else if let Some(before) = before {
            self.changed_bytes += if self.entries[at].in_topic.is_some() { 0 } else { before };
        } else {
            known = None;
            self.changed_bytes += NEW_BYTES;
        }
        self.change_day(at, known, day);
        let was_removed = self.removed.remove(key);
        if self.entries[at].in_topic.is_none() {
            // If it is removed once more, that is noted again.
            self.entries[at].in_topic = Some(before.is_some() || was_removed);
            self.written.push_back(at as u32);
        }
        self.set_value(at, value);
    }
}

impl RecordStore {
    fn place(&self, key: &[u8]) -> Option<usize> {
        let short = shortened(key);
        self.by_key.find(self.by_key.hash(&short), |at| self.entries[at].short_key(&self.pool) == short)
    }

    fn key(&self, at: usize) -> Vec<u8> {
        whole(self.entries[at].short_key(&self.pool))
    }

    /// Return the place of a new record with the bytes that it has, if there are any yet.
    fn take_place(&mut self, key: &[u8], value: &[u8], day: u32) -> usize {
        let short = shortened(key);
        assert!(short.len() <= usize::from(u16::MAX), "the key of a state record is too long");
        let bytes = self.pool.add([&short, value]);
        let entry = Entry { bytes, key_length: short.len() as u16, day, ..Entry::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at as usize
            }
            None => self.entries.push(entry),
        };
        self.by_key.add(self.by_key.hash(&short), at);
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
        let before = entry.bytes.length() - key_length;
        entry.bytes = self.pool.replace_end(entry.bytes, key_length, value);
        let key_length = if before == 0 { self.key(at).len() } else { 0 };
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
        let hash = self.by_key.hash(self.entries[at].short_key(&self.pool));
        self.by_key.remove(hash, at);
        self.objects.remove(&(at as u32));
        let entry = std::mem::take(&mut self.entries[at]);
        self.free.push(at as u32);
        if let Some(value) = entry.value(&self.pool) {
            let key = whole(entry.short_key(&self.pool));
            self.size -= key.len() + value.len();
            self.records -= 1;
            // The topic has never had what was only given as bytes since it was last written.
            if entry.in_topic != Some(false) {
                self.removed.insert(key);
            }
        }
        self.pool.remove(entry.bytes);
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
            pool: Pool::default(),
            free: Vec::new(),
            by_key: KeyTable::default(),
            records: 0,
            objects: HashMap::new(),
            touched: VecDeque::new(),
            written: VecDeque::new(),
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
        let keys = self
            .entries
            .iter()
            .filter(|entry| entry.key_length > 0)
            .map(|entry| PyBytes::new(py, &whole(entry.short_key(&self.pool))));
        PyList::new(py, keys.collect::<Vec<_>>())?.try_iter()
    }

    /// About the bytes that all records take in this process.
    #[getter]
    fn memory(&self) -> usize {
        self.pool.memory() + self.records * RECORD_OVERHEAD
    }

    pub(crate) fn restore(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        if value.first() != Some(&STATE_VERSION) {
            let kind = PyBytes::new(py, &key[..key.len().min(1)]);
            self.require_version.call1(py, (kind, PyBytes::new(py, value)))?;
        }
        if value.len() <= EXPIRY_DAY || key.len() > usize::from(u16::MAX) {
            return Err(PyValueError::new_err("a state record is cut off"));
        }
        let day = day_in(value);
        self.take_place(key, value, day);
        self.count_record(key.len(), 0, value.len());
        self.days.change(None, Some(day));
        Ok(())
    }

    fn find(&self, py: Python, key: &[u8]) -> PyResult<Option<PyObject>> {
        let Some(at) = self.place(key) else { return Ok(None) };
        if let Some(object) = self.objects.get(&(at as u32)) {
            return Ok(Some(object.clone_ref(py)));
        }
        let value = self.entries[at].value(&self.pool).unwrap_or_default();
        let body = value.get(1..value.len().saturating_sub(EXPIRY_DAY)).unwrap_or_default();
        self.decode.call1(py, (PyBytes::new(py, body),)).map(Some)
    }

    fn put(&mut self, key: &[u8], record: PyObject, expires_ms: i64) {
        let day = (-(-expires_ms).div_euclid(DAY)) as u32;
        let at = match self.place(key) {
            Some(at) => at,
            None => self.take_place(key, &[], day),
        };
        let entry = &self.entries[at];
        let mut known = Some(entry.day);
        if !entry.is_touched {
            match entry.value(&self.pool) {
                Some(value) => self.changed_bytes += if entry.in_topic.is_some() { 0 } else { value.len() },
                None => {
                    known = None;
                    self.changed_bytes += NEW_BYTES;
                }
            }
            self.entries[at].is_touched = true;
            self.touched.push_back(at as u32);
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
        while self.days.has_expired(today) {
            if removed >= at_most || seen >= SEEN_AT_ONCE {
                return false;
            }
            if self.sweep >= self.entries.len() {
                self.sweep = 0;
            }
            let (at, entry) = (self.sweep, &self.entries[self.sweep]);
            self.sweep += 1;
            seen += 1;
            if entry.key_length > 0 && i64::from(entry.day) <= today {
                self.days.change(Some(entry.day), None);
                self.forget(at);
                removed += 1;
            }
        }
        true
    }

    fn next_expiry(&self) -> Option<i64> {
        self.days.earliest_ms()
    }

    fn drain_changes(slf: &Bound<Self>) -> Changes {
        Changes::of(slf)
    }
}

impl Restored for RecordStore {
    fn table(&self) -> &KeyTable {
        &self.by_key
    }

    fn take(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        self.restore(py, key, value)
    }
}

impl Changing for RecordStore {
    fn next_change(&mut self, py: Python) -> PyResult<Option<Change>> {
        while let Some(at) = self.written.pop_front() {
            let entry = &mut self.entries[at as usize];
            if entry.in_topic.take().is_some() && !entry.is_touched {
                return Ok(Some(change(
                    py,
                    &whole(entry.short_key(&self.pool)),
                    entry.value(&self.pool).unwrap_or_default(),
                )));
            }
        }
        while let Some(key) = self.removed.pop_first() {
            // What was put again is written below.
            if self.place(&key).is_none() {
                return Ok(Some(deletion(py, &key)));
            }
        }
        while let Some(at) = self.touched.pop_front() {
            let at = at as usize;
            if std::mem::take(&mut self.entries[at].is_touched) {
                let value = self.encoded_object(py, at)?;
                self.objects.remove(&(at as u32));
                self.set_value(at, &value);
                return Ok(Some(change(py, &self.key(at), &value)));
            }
        }
        self.changed_bytes = 0;
        Ok(None)
    }
}
