//! The counts of every channel and category of a partition: most as bytes, those in use decoded
//! (streams/counting/store.py).
//!
//! A record that `ChannelCounts::decode` does not take is foreign: Python decodes it, and its counts are Python's.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::counts::{ChannelCounts, STATE_VERSION};
use crate::entry::{CountEntry, Held};
use crate::expiry::ExpiryDays;
use crate::stamped_sums::SumsTypes;
use crate::windows::{DAY, DAYS_HELD};

/// Decoded entries per generation; two generations are kept.
const GENERATION: usize = 20_000;

/// What a record takes beside key and bytes, and what it takes decoded besides, for each three of its bytes.
const RECORD_OVERHEAD: usize = 130;
const DECODED_BYTES: usize = 500;
const DECODED_PER_THREE_BYTES: usize = 10;

/// The day of expiry follows the bytes of `ChannelCounts::encode`: big-endian, 32 bits.
const EXPIRY_DAY: usize = 4;

pub(crate) enum Decoded {
    No,
    // In a box: most entries are not decoded.
    Native(Box<ChannelCounts>),
    /// A `streams.counting.store.CountEntry`.
    Foreign(PyObject),
}

/// An entry, or a free place for one.
struct Entry {
    key: Box<[u8]>,
    /// The state record as of the last `drain_changes` or `restore`; empty before.
    encoded: Box<[u8]>,
    decoded: Decoded,
    /// The day (days since the epoch) on which the counts expire; None before the first report.
    expires: Option<u32>,
    /// The place among the entries that expire on that day.
    place: u32,
    /// The generation in which the decoded counts were last used; 0 for never.
    generation: u32,
    /// How many entries had this place before.
    serial: u32,
    touched: bool,
}

impl Entry {
    fn free(serial: u32) -> Self {
        Entry {
            key: Box::default(),
            encoded: Box::default(),
            decoded: Decoded::No,
            expires: None,
            place: 0,
            generation: 0,
            serial,
            touched: false,
        }
    }
}

/// What the store needs of Python.
struct Interpreter {
    decode_entry: PyObject,
    require_version: PyObject,
    sums: SumsTypes,
}

/// `streams.counting.store.CountStore` with the same methods. Counts are of 64 bits where Python's have no limit.
///
/// `CountStore(decode_entry, require_version, sums)`: `decode_entry(key, record)` returns Python's CountEntry or raises
/// UnreadableCounts, `require_version(key type, record)` raises UnknownStateVersion, and `sums` is streams.counting.sums.
#[pyclass(module = "tocsin_native")]
pub struct CountStore {
    #[pyo3(get)]
    size: usize,
    #[pyo3(get)]
    changed_bytes: usize,
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    hasher: RandomState,
    records: usize,
    generation: u32,
    newest: Vec<u32>,
    older: Vec<u32>,
    /// Places of changed entries, with their serials: an entry may have been removed since.
    touched: Vec<(u32, u32)>,
    removed: Vec<Box<[u8]>>,
    expiry: ExpiryDays,
    interpreter: Interpreter,
}

/// For Rust. A place remains that of its entry until the entry is removed.
impl CountStore {
    /// The counts in a place, which are decoded and not foreign.
    pub fn counts(&self, at: usize) -> &ChannelCounts {
        match &self.entries[at].decoded {
            Decoded::Native(counts) => counts,
            _ => panic!("the counts are not decoded"),
        }
    }

    /// As `counts`; call `note_counted` or `note_aged` after a change.
    pub fn counts_mut(&mut self, at: usize) -> &mut ChannelCounts {
        match &mut self.entries[at].decoded {
            Decoded::Native(counts) => counts,
            _ => panic!("the counts are not decoded"),
        }
    }

    /// The place of the counts of a key, decoded; None inside if there are none, and outside if they are foreign.
    pub fn find_native(&mut self, key: &[u8]) -> Option<Option<usize>> {
        match self.find_place(key) {
            None => Some(None),
            Some(at) => self.open(at).then_some(Some(at)),
        }
    }

    /// The place of new counts for a key that has none. `note_counted` must follow.
    pub fn add_new(&mut self, key: &[u8]) -> usize {
        let at = self.take_place(key);
        self.entries[at].decoded = Decoded::Native(Box::new(ChannelCounts::new()));
        at
    }

    /// Store that an entry, found or new, has counted a report.
    pub fn note_counted(&mut self, at: usize, occurred_ms: i64) {
        let expires = expiry_day(occurred_ms);
        match self.entries[at].expires {
            None => {
                self.register(at);
                self.set_expiry(at, expires);
                self.remember(at);
            }
            Some(known) if expires > known => self.set_expiry(at, expires),
            Some(_) => {}
        }
        if !self.entries[at].touched {
            self.changed_bytes += self.entries[at].encoded.len();
            self.note_aged(at);
        }
    }

    /// Store that an entry that was found has moved on in time without counting a report.
    pub fn note_aged(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        if !entry.touched {
            entry.touched = true;
            self.touched.push((at as u32, entry.serial));
        }
    }
}

fn expiry_day(occurred_ms: i64) -> u32 {
    (occurred_ms.div_euclid(DAY) + DAYS_HELD) as u32
}

fn hash_of(hasher: &RandomState, key: &[u8]) -> u64 {
    let mut hash = hasher.build_hasher();
    hash.write(key);
    hash.finish()
}

impl CountStore {
    fn find_place(&self, key: &[u8]) -> Option<usize> {
        self.by_key
            .find(hash_of(&self.hasher, key), |&at| &*self.entries[at as usize].key == key)
            .map(|&at| at as usize)
    }

    fn register(&mut self, at: usize) {
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.by_key.insert_unique(hash_of(hasher, &entries[at].key), at as u32, |&at| {
            hash_of(hasher, &entries[at as usize].key)
        });
    }

    /// Decode the counts if they are not; return false if they are foreign.
    fn open(&mut self, at: usize) -> bool {
        let entry = &mut self.entries[at];
        if let Decoded::No = entry.decoded {
            let counts = &entry.encoded[..entry.encoded.len() - EXPIRY_DAY];
            match ChannelCounts::decode(counts) {
                None => return false,
                Some(counts) => entry.decoded = Decoded::Native(Box::new(counts)),
            }
        }
        self.remember(at);
        matches!(self.entries[at].decoded, Decoded::Native(_))
    }

    /// Keep the decoded counts for two generations from now.
    fn remember(&mut self, at: usize) {
        if self.entries[at].generation == self.generation {
            return;
        }
        if self.newest.len() >= GENERATION {
            self.begin_generation();
        }
        self.entries[at].generation = self.generation;
        self.newest.push(at as u32);
    }

    fn begin_generation(&mut self) {
        let newest = std::mem::take(&mut self.newest);
        let older = std::mem::replace(&mut self.older, newest);
        for at in older {
            let entry = &mut self.entries[at as usize];
            if entry.generation < self.generation {
                if entry.touched {
                    // Its bytes are out of date.
                    self.older.push(at);
                } else {
                    entry.decoded = Decoded::No;
                }
            }
        }
        self.generation += 1;
    }

    fn set_expiry(&mut self, at: usize, day: u32) {
        self.remove_expiry(at);
        let place = self.expiry.add(at as u32, day);
        self.entries[at].expires = Some(day);
        self.entries[at].place = place;
    }

    fn remove_expiry(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        let place = entry.place;
        if let Some(day) = entry.expires.take() {
            if let Some(moved) = self.expiry.remove(day, place) {
                self.entries[moved as usize].place = place;
            }
        }
    }

    /// Remove an entry, which is not among those of any day any more.
    fn remove(&mut self, at: usize) {
        let hash = hash_of(&self.hasher, &self.entries[at].key);
        if let Ok(found) = self.by_key.find_entry(hash, |&other| other as usize == at) {
            found.remove();
        }
        let key = std::mem::take(&mut self.entries[at].key);
        let encoded = self.entries[at].encoded.len();
        if encoded > 0 {
            self.size -= key.len() + encoded;
            self.records -= 1;
            self.removed.push(key);
        }
        self.free_place(at);
    }

    /// Return the place of an entry with this key and without counts.
    fn take_place(&mut self, key: &[u8]) -> usize {
        let at = match self.free.pop() {
            Some(at) => at as usize,
            None => {
                self.entries.push(Entry::free(0));
                self.entries.len() - 1
            }
        };
        self.entries[at].key = key.into();
        at
    }

    fn free_place(&mut self, at: usize) {
        self.entries[at] = Entry::free(self.entries[at].serial.wrapping_add(1));
        self.free.push(at as u32);
    }

    /// Set the record of an entry.
    fn set_encoded(&mut self, at: usize, value: &[u8]) {
        let entry = &mut self.entries[at];
        if entry.encoded.is_empty() {
            self.records += 1;
            self.size += entry.key.len();
        }
        self.size = self.size + value.len() - entry.encoded.len();
        if entry.encoded.len() == value.len() {
            entry.encoded.copy_from_slice(value);
        } else {
            entry.encoded = value.into();
        }
    }

    /// The foreign entry in a place, decoded by Python. Raises UnreadableCounts.
    fn foreign(&mut self, py: Python, at: usize) -> PyResult<PyObject> {
        let entry = &mut self.entries[at];
        if let Decoded::Foreign(found) = &entry.decoded {
            return Ok(found.clone_ref(py));
        }
        let found = self.interpreter.decode(py, &entry.key, &entry.encoded)?;
        entry.decoded = Decoded::Foreign(found.clone_ref(py));
        self.remember(at);
        Ok(found)
    }

    /// The entry in a place, as Python code is given it.
    fn entry(slf: &Bound<Self>, at: usize) -> PyResult<PyObject> {
        let py = slf.py();
        let mut store = slf.borrow_mut();
        if !store.open(at) {
            return store.foreign(py, at);
        }
        let held = Held::Stored { at, serial: store.entries[at].serial };
        Ok(Py::new(py, CountEntry::new(slf.clone().unbind(), held))?.into_any())
    }

    /// Put the counts of an entry that Python code was given, and may have changed, into a place; return it.
    fn put(slf: &Bound<Self>, key: &[u8], entry: &Bound<PyAny>) -> PyResult<usize> {
        let handle = entry.downcast::<CountEntry>().ok();
        let decoded = match handle {
            None => Decoded::Foreign(entry.clone().unbind()),
            Some(handle) => {
                let mut handle = handle.borrow_mut();
                match handle.take_loose() {
                    Some(decoded) => decoded,
                    None => return handle.place(&slf.borrow()),
                }
            }
        };
        let mut store = slf.borrow_mut();
        let at = match store.find_place(key) {
            Some(at) => at,
            None => store.take_place(key),
        };
        store.entries[at].decoded = decoded;
        if let Some(handle) = handle {
            handle.borrow_mut().store_at(at, store.entries[at].serial);
        }
        Ok(at)
    }

    /// The place of an entry that Python code was given; None if it was removed since.
    pub(crate) fn place_with(&self, at: usize, serial: u32) -> Option<usize> {
        self.entries.get(at).filter(|entry| entry.serial == serial).map(|_| at)
    }

    pub(crate) fn expires(&self, at: usize) -> Option<u32> {
        self.entries[at].expires
    }

    /// The counts in a place; None if they are foreign.
    pub(crate) fn native(&mut self, at: usize) -> Option<&mut ChannelCounts> {
        if self.open(at) {
            Some(self.counts_mut(at))
        } else {
            None
        }
    }

    /// The foreign entry in a place. Counts that are not are made foreign.
    pub(crate) fn make_foreign(&mut self, py: Python, at: usize) -> PyResult<PyObject> {
        if self.open(at) {
            let record = record_of(self.counts(at), self.entries[at].expires);
            let foreign = self.interpreter.decode(py, &self.entries[at].key, &record)?;
            self.entries[at].decoded = Decoded::Foreign(foreign);
        }
        self.foreign(py, at)
    }

    /// Counts that are in no place, as a foreign entry.
    pub(crate) fn foreign_of(&self, py: Python, counts: &ChannelCounts) -> PyResult<PyObject> {
        let foreign = self.interpreter.decode(py, b"", &record_of(counts, None))?;
        foreign.setattr(py, "expires", py.None())?;
        Ok(foreign)
    }

    pub(crate) fn sums(&self) -> &SumsTypes {
        &self.interpreter.sums
    }
}

impl Interpreter {
    fn decode(&self, py: Python, key: &[u8], record: &[u8]) -> PyResult<PyObject> {
        self.decode_entry.call1(py, (PyBytes::new(py, key), PyBytes::new(py, record)))
    }
}

fn record_of(counts: &ChannelCounts, expires: Option<u32>) -> Vec<u8> {
    let mut record = Vec::new();
    counts.encode(&mut record);
    record.extend_from_slice(&expires.unwrap_or(0).to_be_bytes());
    record
}

#[pymethods]
impl CountStore {
    #[new]
    fn new(decode_entry: PyObject, require_version: PyObject, sums: &Bound<PyAny>) -> PyResult<Self> {
        Ok(CountStore {
            size: 0,
            changed_bytes: 0,
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            hasher: RandomState::new(),
            records: 0,
            generation: 1,
            newest: Vec::new(),
            older: Vec::new(),
            touched: Vec::new(),
            removed: Vec::new(),
            expiry: ExpiryDays::default(),
            interpreter: Interpreter { decode_entry, require_version, sums: SumsTypes::of(sums)? },
        })
    }

    fn __len__(&self) -> usize {
        self.records
    }

    /// About the bytes that all records take in this process, as of the last `drain_changes`.
    #[getter]
    fn memory(&self) -> usize {
        if self.records == 0 {
            return 0;
        }
        let each = DECODED_BYTES + DECODED_PER_THREE_BYTES * self.size / (3 * self.records);
        self.size + self.records * RECORD_OVERHEAD + (self.newest.len() + self.older.len()) * each
    }

    fn new_entry(slf: &Bound<Self>) -> CountEntry {
        CountEntry::new(slf.clone().unbind(), Held::Loose(Box::new(ChannelCounts::new())))
    }

    fn restore(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        if value.first() != Some(&STATE_VERSION) {
            let kind = PyBytes::new(py, &key[..key.len().min(1)]);
            self.interpreter.require_version.call1(py, (kind, PyBytes::new(py, value)))?;
        }
        if value.len() <= EXPIRY_DAY {
            return Err(PyValueError::new_err("a record of counts is cut off"));
        }
        let at = match self.find_place(key) {
            Some(at) => at,
            None => {
                let at = self.take_place(key);
                self.register(at);
                at
            }
        };
        self.entries[at].decoded = Decoded::No;
        self.set_encoded(at, value);
        let mut day = [0; EXPIRY_DAY];
        day.copy_from_slice(&value[value.len() - EXPIRY_DAY..]);
        self.set_expiry(at, u32::from_be_bytes(day));
        Ok(())
    }

    fn find(slf: &Bound<Self>, key: &[u8]) -> PyResult<Option<PyObject>> {
        let found = slf.borrow().find_place(key);
        found.map(|at| CountStore::entry(slf, at)).transpose()
    }

    fn find_all<'py>(
        slf: &Bound<'py, Self>,
        prefix: &[u8],
        suffixes: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyIterator>> {
        let found = PyList::empty(slf.py());
        for suffix in suffixes.try_iter()? {
            let key = [prefix, suffix?.extract::<&[u8]>()?].concat();
            if let Some(entry) = CountStore::find(slf, &key)? {
                found.append((PyBytes::new(slf.py(), &key), entry))?;
            }
        }
        found.try_iter()
    }

    fn counted(slf: &Bound<Self>, key: &[u8], entry: &Bound<PyAny>, occurred_ms: i64) -> PyResult<()> {
        let at = CountStore::put(slf, key, entry)?;
        let mut store = slf.borrow_mut();
        store.note_counted(at, occurred_ms);
        if let Decoded::Foreign(foreign) = &store.entries[at].decoded {
            foreign.setattr(slf.py(), "expires", store.entries[at].expires)?;
        }
        Ok(())
    }

    fn aged(slf: &Bound<Self>, key: &[u8], entry: &Bound<PyAny>) -> PyResult<()> {
        let at = CountStore::put(slf, key, entry)?;
        slf.borrow_mut().note_aged(at);
        Ok(())
    }

    fn expire(&mut self, now_ms: i64, at_most: usize) -> bool {
        for at in self.expiry.pop(now_ms.div_euclid(DAY), at_most) {
            self.remove(at as usize);
        }
        self.next_expiry().is_none_or(|earliest| earliest > now_ms)
    }

    fn turn_back(&mut self, py: Python, now_ms: i64) -> PyResult<()> {
        let mut places: Vec<usize> = self.by_key.iter().map(|&at| at as usize).collect();
        places.sort_unstable_by(|&one, &other| self.entries[one].key.cmp(&self.entries[other].key));
        for at in places {
            let newest = match self.native(at) {
                Some(counts) => {
                    if !counts.turn_back(now_ms) {
                        continue;
                    }
                    counts.newest_pane_ms()
                }
                None => {
                    let counts = self.foreign(py, at)?.getattr(py, "counts")?;
                    if !counts.call_method1(py, "turn_back", (now_ms,))?.extract::<bool>(py)? {
                        continue;
                    }
                    counts.call_method0(py, "newest_pane_ms")?.extract(py)?
                }
            };
            match newest {
                None => {
                    self.remove_expiry(at);
                    self.remove(at);
                }
                Some(newest) => {
                    self.set_expiry(at, expiry_day(newest));
                    if let Decoded::Foreign(foreign) = &self.entries[at].decoded {
                        foreign.setattr(py, "expires", self.entries[at].expires)?;
                    }
                    self.note_aged(at);
                }
            }
        }
        Ok(())
    }

    fn next_expiry(&self) -> Option<i64> {
        self.expiry.earliest().map(|day| i64::from(day) * DAY)
    }

    fn last_expiry(&self) -> Option<i64> {
        self.expiry.latest().map(|day| i64::from(day) * DAY)
    }

    fn drain_changes<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let changes = PyList::empty(py);
        for key in self.removed.drain(..) {
            changes.append((PyBytes::new(py, &key), py.None()))?;
        }
        let mut value = Vec::new();
        for (at, serial) in std::mem::take(&mut self.touched) {
            let at = at as usize;
            if self.entries[at].serial != serial {
                continue;
            }
            value.clear();
            match &self.entries[at].decoded {
                Decoded::Native(counts) => counts.encode(&mut value),
                _ => {
                    let counts = self.foreign(py, at)?.getattr(py, "counts")?;
                    value.extend_from_slice(counts.call_method0(py, "encode")?.extract(py)?);
                }
            }
            let expires = self.entries[at].expires.unwrap_or(0);
            value.extend_from_slice(&expires.to_be_bytes());
            self.set_encoded(at, &value);
            self.entries[at].touched = false;
            changes.append((PyBytes::new(py, &self.entries[at].key), PyBytes::new(py, &value)))?;
        }
        self.changed_bytes = 0;
        changes.try_iter()
    }
}
