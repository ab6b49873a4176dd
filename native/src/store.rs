//! The counts of every channel and category of a partition: most as bytes, those in use decoded
//! (streams/counting/store.py).
//!
//! A record that `ChannelCounts::decode` does not take is foreign: Python decodes it, and its counts are Python's.

use std::collections::VecDeque;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::changes::{change, deletion, Change, Changes, Changing};
use crate::counts::{ChannelCounts, STATE_VERSION};
use crate::entries::Entries;
use crate::entry::{CountEntry, Held};
use crate::expiry::{DayNumbers, SEEN_AT_ONCE};
use crate::key_table::KeyTable;
use crate::pool::{Place, Pool};
use crate::restoring::Restored;
use crate::short_key::{shortened, whole};
use crate::stamped_sums::SumsTypes;
use crate::windows::{DAY, DAYS_HELD};

/// Decoded entries per generation; two generations are kept, and some of the one before: 16 MB of quiet channels. Twice as
/// many save no time that can be measured.
const GENERATION: usize = 8_000;

/// What a record takes beside key and bytes: its entry, and its place in the table of keys. And what it takes decoded besides, for
/// each three of its bytes.
const RECORD_OVERHEAD: usize = 36;
const DECODED_BYTES: usize = 500;
const DECODED_PER_THREE_BYTES: usize = 10;

/// Most records are shorter, so that writing one seldom moves it.
const USUAL_BYTES: usize = 1_024;

/// The day of expiry follows the bytes of `ChannelCounts::encode`: big-endian, 32 bits.
const EXPIRY_DAY: usize = 4;

pub(crate) enum Decoded {
    // In a box: they move when there are more of them.
    Native(Box<ChannelCounts>),
    /// A `streams.counting.store.CountEntry`.
    Foreign(PyObject),
}

/// Decoded counts, and the generation in which they were last used; 0 for never.
struct InUse {
    /// None for a free place.
    decoded: Option<Decoded>,
    generation: u32,
}

/// The place among the counts in use of an entry that is not decoded.
const NOT_IN_USE: u32 = u32::MAX;

/// An entry, or a free place for one. There may be ten million of them, and few are decoded.
struct Entry {
    /// The shortened key, and the state record as of the last `drain_changes` or `restore`: nothing before the first one.
    bytes: Place,
    /// The day (days since the epoch) on which the counts expire, once it `is_counted`.
    expires: u32,
    /// The place among the counts in use.
    in_use: u32,
    /// How many entries had this place before.
    serial: u32,
    key_length: u16,
    is_counted: bool,
    touched: bool,
}

impl Entry {
    fn free(serial: u32) -> Self {
        Entry {
            bytes: Place::default(),
            expires: 0,
            in_use: NOT_IN_USE,
            serial,
            key_length: 0,
            is_counted: false,
            touched: false,
        }
    }

    fn short_key<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        &pool.get(self.bytes)[..usize::from(self.key_length)]
    }

    /// The state record; empty before the first one.
    fn encoded<'a>(&self, pool: &'a Pool) -> &'a [u8] {
        &pool.get(self.bytes)[usize::from(self.key_length)..]
    }

    fn encoded_length(&self) -> usize {
        self.bytes.length() - usize::from(self.key_length)
    }

    fn expiry(&self) -> Option<u32> {
        self.is_counted.then_some(self.expires)
    }
}

/// What the store needs of Python.
struct Interpreter {
    decode_entry: PyObject,
    require_version: PyObject,
    sums: SumsTypes,
}

/// `streams.counting.store.CountStore` with the same methods. Counts are of 64 bits where Python's have no limit, and keys have at
/// most 65,535 bytes.
///
/// `CountStore(decode_entry, require_version, sums)`: `decode_entry(key, record)` returns Python's CountEntry or raises
/// UnreadableCounts, `require_version(key type, record)` raises UnknownStateVersion, and `sums` is streams.counting.sums.
#[pyclass(module = "tocsin_native")]
pub struct CountStore {
    #[pyo3(get)]
    size: usize,
    #[pyo3(get)]
    changed_bytes: usize,
    entries: Entries<Entry>,
    pool: Pool,
    free: Vec<u32>,
    by_key: KeyTable,
    in_use: Vec<InUse>,
    free_in_use: Vec<u32>,
    records: usize,
    generation: u32,
    newest: Vec<u32>,
    older: Vec<u32>,
    /// Those of the generation before, which are forgotten one after the other: twenty thousand at once take 40 ms.
    oldest: Vec<u32>,
    /// Places of changed entries, with their serials: an entry may have been removed since.
    touched: VecDeque<(u32, u32)>,
    removed: VecDeque<Vec<u8>>,
    days: DayNumbers,
    /// Where the search for what has expired goes on.
    sweep: usize,
    interpreter: Interpreter,
}

/// For Rust. A place remains that of its entry until the entry is removed.
impl CountStore {
    /// The counts in a place, which are decoded and not foreign.
    pub fn counts(&self, at: usize) -> &ChannelCounts {
        match self.decoded(at) {
            Some(Decoded::Native(counts)) => counts,
            _ => panic!("the counts are not decoded"),
        }
    }

    /// As `counts`; call `note_counted` or `note_aged` after a change.
    pub fn counts_mut(&mut self, at: usize) -> &mut ChannelCounts {
        match self.in_use.get_mut(self.entries[at].in_use as usize) {
            Some(InUse { decoded: Some(Decoded::Native(counts)), .. }) => counts,
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
        let at = self.take_place(key, &[]);
        self.set_decoded(at, Decoded::Native(Box::new(ChannelCounts::new())));
        at
    }

    /// Store that an entry, found or new, has counted a report.
    pub fn note_counted(&mut self, at: usize, occurred_ms: i64) {
        let expires = expiry_day(occurred_ms);
        match self.expires(at) {
            None => {
                self.register(at);
                self.set_expiry(at, expires);
                self.remember(at);
            }
            Some(known) if expires > known => self.set_expiry(at, expires),
            Some(_) => {}
        }
        if !self.entries[at].touched {
            self.changed_bytes += self.entries[at].encoded_length();
            self.note_aged(at);
        }
    }

    /// Store that an entry that was found has moved on in time without counting a report.
    pub fn note_aged(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        if !entry.touched {
            entry.touched = true;
            self.touched.push_back((at as u32, entry.serial));
        }
    }
}

fn expiry_day(occurred_ms: i64) -> u32 {
    (occurred_ms.div_euclid(DAY) + DAYS_HELD) as u32
}

impl CountStore {
    fn find_place(&self, key: &[u8]) -> Option<usize> {
        let short = shortened(key);
        self.find_short(self.by_key.hash(&short), &short)
    }

    fn find_short(&self, hash: u64, short: &[u8]) -> Option<usize> {
        self.by_key.find(hash, |at| self.entries[at].short_key(&self.pool) == short)
    }

    fn register(&mut self, at: usize) {
        let hash = self.by_key.hash(self.entries[at].short_key(&self.pool));
        self.by_key.add(hash, at);
    }

    fn key(&self, at: usize) -> Vec<u8> {
        whole(self.entries[at].short_key(&self.pool))
    }

    fn decoded(&self, at: usize) -> Option<&Decoded> {
        self.in_use.get(self.entries[at].in_use as usize)?.decoded.as_ref()
    }

    /// Put decoded counts into a place instead of any that are there.
    fn set_decoded(&mut self, at: usize, decoded: Decoded) {
        let known = self.entries[at].in_use;
        if let Some(one) = self.in_use.get_mut(known as usize) {
            one.decoded = Some(decoded);
            return;
        }
        let one = InUse { decoded: Some(decoded), generation: 0 };
        self.entries[at].in_use = match self.free_in_use.pop() {
            Some(free) => {
                self.in_use[free as usize] = one;
                free
            }
            None => {
                self.in_use.push(one);
                self.in_use.len() as u32 - 1
            }
        };
    }

    /// Forget the decoded counts of an entry.
    fn drop_decoded(&mut self, at: usize) {
        let known = std::mem::replace(&mut self.entries[at].in_use, NOT_IN_USE);
        if let Some(one) = self.in_use.get_mut(known as usize) {
            one.decoded = None;
            self.free_in_use.push(known);
        }
    }

    /// Decode the counts if they are not; return false if they are foreign.
    fn open(&mut self, at: usize) -> bool {
        if self.decoded(at).is_none() {
            let record = self.entries[at].encoded(&self.pool);
            match ChannelCounts::decode(&record[..record.len() - EXPIRY_DAY]) {
                None => return false,
                Some(counts) => self.set_decoded(at, Decoded::Native(Box::new(counts))),
            }
        }
        self.remember(at);
        matches!(self.decoded(at), Some(Decoded::Native(_)))
    }

    /// Keep the decoded counts for two generations from now.
    fn remember(&mut self, at: usize) {
        let place = self.entries[at].in_use as usize;
        if self.in_use[place].generation == self.generation {
            return;
        }
        if self.newest.len() >= GENERATION {
            self.begin_generation();
        }
        self.in_use[place].generation = self.generation;
        self.newest.push(at as u32);
        // So none is left when the next generation begins.
        self.forget_oldest();
        self.forget_oldest();
    }

    fn begin_generation(&mut self) {
        while !self.oldest.is_empty() {
            self.forget_oldest();
        }
        let newest = std::mem::take(&mut self.newest);
        self.oldest = std::mem::replace(&mut self.older, newest);
        self.generation += 1;
    }

    /// Forget the counts of one of the oldest entries, if they were not used in the two generations since.
    fn forget_oldest(&mut self) {
        let Some(at) = self.oldest.pop() else { return };
        let entry = &self.entries[at as usize];
        let used = self.in_use.get(entry.in_use as usize).map(|one| one.generation);
        if used.is_some_and(|generation| generation + 1 < self.generation) {
            if entry.touched {
                // Its bytes are out of date.
                self.older.push(at);
            } else {
                self.drop_decoded(at as usize);
            }
        }
    }

    fn set_expiry(&mut self, at: usize, day: u32) {
        let known = self.expires(at);
        if known != Some(day) {
            self.days.change(known, Some(day));
            let entry = &mut self.entries[at];
            (entry.is_counted, entry.expires) = (true, day);
        }
    }

    /// Remove an entry.
    fn remove(&mut self, at: usize) {
        self.days.change(self.expires(at), None);
        let entry = &self.entries[at];
        let (short, encoded) = (entry.short_key(&self.pool), entry.encoded_length());
        self.by_key.remove(self.by_key.hash(short), at);
        if encoded > 0 {
            let key = whole(short);
            self.size -= key.len() + encoded;
            self.records -= 1;
            self.removed.push_back(key);
        }
        self.pool.remove(entry.bytes);
        self.drop_decoded(at);
        self.entries[at] = Entry::free(self.entries[at].serial.wrapping_add(1));
        self.free.push(at as u32);
    }

    /// Return the place of a new entry with this key and without counts, and with a record if there is one.
    fn take_place(&mut self, key: &[u8], record: &[u8]) -> usize {
        self.take_short(&shortened(key), record)
    }

    fn take_short(&mut self, short: &[u8], record: &[u8]) -> usize {
        assert!(short.len() <= usize::from(u16::MAX), "the key of a state record is too long");
        let at = match self.free.pop() {
            Some(at) => at as usize,
            None => self.entries.push(Entry::free(0)),
        };
        let entry = &mut self.entries[at];
        entry.bytes = self.pool.add([short, record]);
        entry.key_length = short.len() as u16;
        at
    }

    /// Set the record of an entry.
    fn set_encoded(&mut self, at: usize, value: &[u8]) {
        let entry = &mut self.entries[at];
        let key_length = usize::from(entry.key_length);
        let before = entry.encoded_length();
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

    /// The foreign entry in a place, decoded by Python. Raises UnreadableCounts.
    fn foreign(&mut self, py: Python, at: usize) -> PyResult<PyObject> {
        if let Some(Decoded::Foreign(found)) = self.decoded(at) {
            return Ok(found.clone_ref(py));
        }
        let entry = &self.entries[at];
        let found = self.interpreter.decode(py, &self.key(at), entry.encoded(&self.pool))?;
        self.set_decoded(at, Decoded::Foreign(found.clone_ref(py)));
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
            None => store.take_place(key, &[]),
        };
        store.set_decoded(at, decoded);
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
        self.entries[at].expiry()
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
            let record = record_of(self.counts(at), self.expires(at));
            let foreign = self.interpreter.decode(py, &self.key(at), &record)?;
            self.set_decoded(at, Decoded::Foreign(foreign));
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
            entries: Entries::default(),
            pool: Pool::default(),
            free: Vec::new(),
            by_key: KeyTable::default(),
            in_use: Vec::new(),
            free_in_use: Vec::new(),
            records: 0,
            generation: 1,
            newest: Vec::new(),
            older: Vec::new(),
            oldest: Vec::new(),
            touched: VecDeque::new(),
            removed: VecDeque::new(),
            days: DayNumbers::default(),
            sweep: 0,
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
        self.pool.memory()
            + self.records * RECORD_OVERHEAD
            + (self.newest.len() + self.older.len() + self.oldest.len()) * each
    }

    fn new_entry(slf: &Bound<Self>) -> CountEntry {
        CountEntry::new(slf.clone().unbind(), Held::Loose(Box::new(ChannelCounts::new())))
    }

    pub(crate) fn restore(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        if value.first() != Some(&STATE_VERSION) {
            let kind = PyBytes::new(py, &key[..key.len().min(1)]);
            self.interpreter.require_version.call1(py, (kind, PyBytes::new(py, value)))?;
        }
        if value.len() <= EXPIRY_DAY || key.len() > usize::from(u16::MAX) {
            return Err(PyValueError::new_err("a record of counts is cut off"));
        }
        let short = shortened(key);
        let hash = self.by_key.hash(&short);
        let at = match self.find_short(hash, &short) {
            Some(at) => {
                self.drop_decoded(at);
                self.set_encoded(at, value);
                at
            }
            None => {
                let at = self.take_short(&short, value);
                self.by_key.add(hash, at);
                self.count_record(key.len(), 0, value.len());
                at
            }
        };
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
        if let Some(Decoded::Foreign(foreign)) = store.decoded(at) {
            foreign.setattr(slf.py(), "expires", store.expires(at))?;
        }
        Ok(())
    }

    fn aged(slf: &Bound<Self>, key: &[u8], entry: &Bound<PyAny>) -> PyResult<()> {
        let at = CountStore::put(slf, key, entry)?;
        slf.borrow_mut().note_aged(at);
        Ok(())
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
            if entry.is_counted && i64::from(entry.expires) <= today {
                self.remove(at);
                removed += 1;
            }
        }
        true
    }

    fn turn_back(&mut self, py: Python, now_ms: i64) -> PyResult<()> {
        let mut places: Vec<usize> = self.by_key.iter().collect();
        places.sort_by_cached_key(|&at| self.key(at));
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
                    self.remove(at);
                }
                Some(newest) => {
                    self.set_expiry(at, expiry_day(newest));
                    if let Some(Decoded::Foreign(foreign)) = self.decoded(at) {
                        foreign.setattr(py, "expires", self.expires(at))?;
                    }
                    self.note_aged(at);
                }
            }
        }
        Ok(())
    }

    fn next_expiry(&self) -> Option<i64> {
        self.days.earliest_ms()
    }

    fn last_expiry(&self) -> Option<i64> {
        self.days.latest_ms()
    }

    fn drain_changes(slf: &Bound<Self>) -> Changes {
        Changes::of(slf)
    }
}

impl Restored for CountStore {
    fn table(&self) -> &KeyTable {
        &self.by_key
    }

    fn take(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        self.restore(py, key, value)
    }
}

impl Changing for CountStore {
    fn next_change(&mut self, py: Python) -> PyResult<Option<Change>> {
        if let Some(key) = self.removed.pop_front() {
            return Ok(Some(deletion(py, &key)));
        }
        while let Some((at, serial)) = self.touched.pop_front() {
            let at = at as usize;
            if self.entries[at].serial != serial {
                continue;
            }
            let mut value = Vec::with_capacity(USUAL_BYTES);
            match self.decoded(at) {
                Some(Decoded::Native(counts)) => counts.encode(&mut value),
                _ => {
                    let counts = self.foreign(py, at)?.getattr(py, "counts")?;
                    value.extend_from_slice(counts.call_method0(py, "encode")?.extract(py)?);
                }
            }
            let expires = self.expires(at).unwrap_or(0);
            value.extend_from_slice(&expires.to_be_bytes());
            self.set_encoded(at, &value);
            self.entries[at].touched = false;
            return Ok(Some(change(py, &self.key(at), &value)));
        }
        self.changed_bytes = 0;
        Ok(None)
    }
}
