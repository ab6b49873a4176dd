//! Who reported each message of a partition: as bytes, and decoded what a batch has changed
//! (streams/counting/message_store.py).
//!
//! A record that `message_bytes::decode` does not take, as of a message of which single reports were decided on, is foreign:
//! Python decodes it.

use std::collections::{HashMap, VecDeque};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::changed_messages::{ChangedMessages, Held};
use crate::changes::{change, deletion, Change, Changes, Changing};
use crate::counts::STATE_VERSION;
use crate::expiry::{day_after, DayNumbers, SEEN_AT_ONCE};
use crate::key_table::KeyTable;
use crate::message::{Finding, Identity, Message, NewItems};
use crate::message_bytes::{decode, encode};
use crate::message_record::MessageRecord;
use crate::message_shapes::{day_in, whole_of, Shapes, EXPIRY_DAY};
use crate::packed::{PackedRecords, Place};
use crate::receipts::Receipts;
use crate::receiving::{AppliedBefore, NotedReport, Prepared, Receiving};
use crate::restoring::Restored;
use crate::windows::DAY;

/// For the limit of a batch: about the bytes of a record, and of each of its reporters.
const RECORD_BYTES: usize = 64;
const REPORTER_BYTES: usize = 40;

/// Most records are shorter, so that writing one seldom moves it.
const USUAL_BYTES: usize = 256;

/// A record of so many reporters takes a microsecond to decode, and its message is likely to be reported again. So many are
/// kept, of up to 20 KB each.
const LARGE: usize = 32;
const MOST_LARGE: usize = 256;

/// What the store needs of Python.
struct Interpreter {
    decode_record: PyObject,
    encode_record: PyObject,
    require_version: PyObject,
    day_in: PyObject,
}

/// `streams.counting.message_store.MessageStore` with the same methods.
///
/// `MessageStore(module, topic, namespace, of_day)`: that module; the others are those of `Receipts::new`.
#[pyclass(module = "tocsin_native")]
pub struct MessageStore {
    #[pyo3(get)]
    size: usize,
    #[pyo3(get)]
    changed_bytes: usize,
    packed: PackedRecords,
    shapes: Shapes,
    /// Since the last `drain_changes`.
    changed: ChangedMessages,
    /// Large records as they were last written, which the next batch would decode again.
    large: HashMap<Box<[u8]>, Box<Message>>,
    removed: VecDeque<Box<[u8]>>,
    days: DayNumbers,
    sweep: Option<Place>,
    interpreter: Interpreter,
    receipts: Receipts,
}

/// For the home of channels.
impl MessageStore {
    /// Find the record of the message of a report, and change nothing; None if record or report are Python's.
    pub(crate) fn prepare(&mut self, py: Python, receiving: &Receiving) -> PyResult<Option<Prepared>> {
        if !receiving.is_usual() {
            return Ok(None);
        }
        if let Some(at) = self.changed.find(receiving.key) {
            self.take_back(py, at)?;
            return Ok(match self.changed.get(at) {
                Some(Held::Native(message)) if !receiving.changes_decisions(message) => {
                    Some(Prepared::Changed { at, is_reported: message.is_reported() })
                }
                _ => None,
            });
        }
        let kept = match (self.large.remove(receiving.key), self.packed.get(receiving.key)) {
            (Some(message), _) => Some(message),
            (None, None) => Some(Box::default()),
            (None, Some(kept)) => self.shapes.unpack(kept).map(Box::new),
        };
        Ok(kept.filter(|message| !receiving.changes_decisions(message)).map(Prepared::Kept))
    }

    /// Take a record back that was Python's in this batch. Nobody holds it between two reports.
    fn take_back(&mut self, py: Python, at: usize) -> PyResult<()> {
        let Some(Held::Foreign(foreign)) = self.changed.get(at) else { return Ok(()) };
        let record = self.interpreter.encode_record.call1(py, (foreign,))?;
        let record: &[u8] = record.extract(py)?;
        if let Some(message) = record.get(1..record.len() - EXPIRY_DAY).and_then(decode) {
            self.changed.at(at).held = Some(Held::Native(Box::new(message)));
        }
        Ok(())
    }

    /// Note who reported a message, as `streams.deciding.reports.outcomes.note_reporter`. The report names its reporter.
    pub(crate) fn note_prepared<'py>(
        &mut self,
        py: Python<'py>,
        prepared: Prepared,
        receiving: &Receiving,
    ) -> PyResult<NotedReport<'py>> {
        let (at, is_added) = self.put_prepared(prepared, receiving);
        let known = self.changed.native(at);
        let before = known.reports;
        let identity = Identity { source: receiving.source.into(), id: receiving.report_id.into() };
        let root = receiving.reporter.unwrap_or_default();
        let reporter = receiving.noted_as().unwrap_or_default();
        let (mut finding, mut is_known) = (None, false);
        if let Some(found) = &receiving.found {
            // Several parts of a source are no several findings.
            is_known = known.has_found(root);
            finding = Some(Finding {
                root,
                parts: found.parts.to_vec(),
                category: receiving.category.into(),
                classifier: found.classifier.map(|names| names.map(Box::from)),
            });
        }
        let told = known.add_report(reporter, receiving.received_s() as u32, identity, finding);
        let decision = told.zip(known.decided.as_ref()).map(|(told, decided)| AppliedBefore {
            standing: decided.standing.clone(),
            told,
            reporter,
            is_kept: known.has(reporter),
        });
        let is_first = known.reports > before;
        let new = count_in(known, receiving);
        self.set_changed(at, is_added, receiving);
        // Each report about the channel itself is a notice of its own.
        let receipt = if receiving.is_told && (is_first || receiving.message.is_none()) {
            Some(self.receipts.record(py, &receiving.receipt())?)
        } else {
            None
        };
        Ok(NotedReport { at, is_first: is_first && !is_known, new, receipt, decision })
    }

    /// Note where the reporter of a report that was noted just now was right elsewhere.
    pub(crate) fn add_proof(&mut self, at: usize, reporter: u64, proof: Vec<u64>) {
        self.changed.native(at).add_proof(reporter, proof);
    }

    /// Count a report without a reporter for its message, as `streams.deciding.reports.message_counts.count_message`.
    pub(crate) fn count_prepared(
        &mut self,
        mut prepared: Prepared,
        receiving: &Receiving,
    ) -> Option<NewItems> {
        let new = match &mut prepared {
            Prepared::Changed { at, .. } => count_in(self.changed.native(*at), receiving),
            Prepared::Kept(message) => count_in(message, receiving),
        }?;
        let (at, is_added) = self.put_prepared(prepared, receiving);
        self.set_changed(at, is_added, receiving);
        Some(new)
    }

    fn set_changed(&mut self, at: usize, is_added: bool, receiving: &Receiving) {
        let message = self.changed.native(at);
        let (reporters, expires) = (message.reporters.len(), receiving.expires(message));
        if is_added {
            self.changed_bytes += RECORD_BYTES + REPORTER_BYTES * reporters;
        }
        self.set_expiry(at, expires);
    }
}

fn count_in(message: &mut Message, receiving: &Receiving) -> Option<NewItems> {
    message.add_to_facts(receiving.role?, receiving.received_s(), receiving.country, receiving.category)
}

/// For MessageRecord.
impl MessageStore {
    pub(crate) fn held(&mut self, at: usize, taken: u64) -> PyResult<&mut Held> {
        self.changed.held(at, taken)
    }

    pub(crate) fn expires(&mut self, at: usize, taken: u64) -> PyResult<u32> {
        self.changed.held(at, taken)?;
        Ok(self.changed.at(at).expires)
    }

    /// Python's record of a message in the bytes of the state topic.
    pub(crate) fn decode(&self, py: Python, record: &[u8]) -> PyResult<PyObject> {
        self.interpreter.decode_record.call1(py, (PyBytes::new(py, record),))
    }
}

impl MessageStore {
    /// Add a record to the changed ones, which is to expire on that day if it is new; return its place.
    fn add_changed(&mut self, key: &[u8], held: Held, expires: u32) -> usize {
        let before = self.packed.get(key).map(day_in);
        if before.is_none() {
            self.days.change(None, Some(expires));
        }
        self.changed.add(key, held, before.unwrap_or(expires))
    }

    /// Put what was prepared among the changed ones; return its place, and whether it is new there.
    fn put_prepared(&mut self, prepared: Prepared, receiving: &Receiving) -> (usize, bool) {
        match prepared {
            Prepared::Changed { at, .. } => (at, false),
            Prepared::Kept(message) => {
                let expires = receiving.expires(&message);
                (self.add_changed(receiving.key, Held::Native(message), expires), true)
            }
        }
    }

    fn set_expiry(&mut self, at: usize, expires: u32) {
        let known = std::mem::replace(&mut self.changed.at(at).expires, expires);
        if known != expires {
            self.days.change(Some(known), Some(expires));
        }
    }

    /// Remove a record if it expires on `today` or before; return whether it did.
    fn remove_expired(&mut self, key: &[u8], today: i64) -> bool {
        let at = self.changed.find(key);
        let day = match at {
            Some(at) => Some(self.changed.at(at).expires),
            None => self.packed.get(key).map(day_in),
        };
        let Some(day) = day.filter(|&day| i64::from(day) <= today) else { return false };
        self.days.change(Some(day), None);
        if let Some(at) = at {
            self.changed.remove(at);
        }
        self.large.remove(key);
        if let Some(kept) = self.packed.remove(key) {
            self.size -= key.len() + self.shapes.length(&kept);
            self.removed.push_back(key.into());
        }
        true
    }

    /// Store the bytes of a record for the state topic.
    fn keep(&mut self, key: &[u8], value: &[u8], kept: &[u8]) {
        match self.packed.put(key, kept) {
            None => self.size += key.len(),
            Some(before) => self.size -= self.shapes.length(&before),
        }
        self.size += value.len();
    }
}

fn write_record(message: &Message, expires: u32, out: &mut Vec<u8>) {
    out.push(STATE_VERSION);
    encode(message, out);
    out.extend_from_slice(&expires.to_be_bytes());
}

/// The bytes of a record in the state topic.
pub(crate) fn record_of(message: &Message, expires: u32) -> Vec<u8> {
    let mut record = Vec::new();
    write_record(message, expires, &mut record);
    record
}

#[pymethods]
impl MessageStore {
    #[new]
    fn new(module: &Bound<PyAny>, topic: PyObject, namespace: Vec<u8>, of_day: PyObject) -> PyResult<Self> {
        let named = |name: &str| module.getattr(name).map(Bound::unbind);
        Ok(MessageStore {
            size: 0,
            changed_bytes: 0,
            packed: PackedRecords::default(),
            shapes: Shapes::default(),
            changed: ChangedMessages::default(),
            large: HashMap::new(),
            removed: VecDeque::new(),
            days: DayNumbers::default(),
            sweep: None,
            interpreter: Interpreter {
                decode_record: named("decode_record")?,
                encode_record: named("encode_record")?,
                require_version: named("require_version")?,
                day_in: named("day_in")?,
            },
            receipts: Receipts::new(topic, namespace, of_day),
        })
    }

    fn __len__(&self) -> usize {
        self.packed.len()
    }

    /// About the bytes that all records take in this process, as of the last `drain_changes`.
    #[getter]
    fn memory(&self) -> usize {
        self.packed.memory() + self.shapes.memory()
    }

    pub(crate) fn restore(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        if value.first() != Some(&STATE_VERSION) {
            let kind = PyBytes::new(py, &key[..key.len().min(1)]);
            self.interpreter.require_version.call1(py, (kind, PyBytes::new(py, value)))?;
        }
        if value.len() < EXPIRY_DAY {
            // Raises what it raises for Python.
            self.interpreter.day_in.call1(py, (PyBytes::new(py, value),))?;
        }
        let mut kept = Vec::new();
        self.shapes.pack_bytes(value, &mut kept);
        self.keep(key, value, &kept);
        self.days.change(None, Some(day_in(value)));
        Ok(())
    }

    fn new_record(slf: &Bound<Self>) -> MessageRecord {
        MessageRecord::loose(slf.clone().unbind(), Box::default(), None)
    }

    fn find(slf: &Bound<Self>, key: &[u8]) -> PyResult<Option<PyObject>> {
        let py = slf.py();
        let mut store = slf.borrow_mut();
        let record = if let Some(at) = store.changed.find(key) {
            if let Some(Held::Foreign(foreign)) = &store.changed.at(at).held {
                return Ok(Some(foreign.clone_ref(py)));
            }
            MessageRecord::stored(slf.clone().unbind(), at, store.changed.taken)
        } else {
            let Some(kept) = store.packed.get(key) else { return Ok(None) };
            // Of decisions only Python knows all words.
            let message = store.shapes.unpack(kept).filter(|message| !message.has_decisions());
            match (message, whole_of(kept)) {
                (None, Some(record)) => return store.decode(py, record).map(Some),
                (message, _) => MessageRecord::loose(
                    slf.clone().unbind(),
                    Box::new(message.unwrap_or_default()),
                    Some(day_in(kept)),
                ),
            }
        };
        Ok(Some(Py::new(py, record)?.into_any()))
    }

    fn put(slf: &Bound<Self>, key: &[u8], record: &Bound<PyAny>, expires_ms: i64) -> PyResult<()> {
        let expires = day_after(expires_ms);
        let handle = record.downcast::<MessageRecord>().ok();
        let held = match handle {
            None => Some(Held::Foreign(record.clone().unbind())),
            Some(handle) => handle.borrow_mut().take(),
        };
        let mut store = slf.borrow_mut();
        let at = match (store.changed.find(key), held) {
            (Some(at), None) => at,
            (Some(at), Some(held)) if handle.is_none() => {
                store.changed.at(at).held = Some(held);
                at
            }
            (None, Some(held)) => {
                let reporters = match &held {
                    Held::Native(message) => message.reporters.len(),
                    Held::Foreign(foreign) => foreign.bind(slf.py()).getattr("reporters")?.len()?,
                };
                store.changed_bytes += RECORD_BYTES + REPORTER_BYTES * reporters;
                store.add_changed(key, held, expires)
            }
            _ => return Err(PyRuntimeError::new_err("the record was changed since it was found")),
        };
        store.set_expiry(at, expires);
        if let Some(Held::Foreign(foreign)) = &store.changed.at(at).held {
            foreign.setattr(slf.py(), "expires", expires)?;
        }
        if let Some(handle) = handle {
            handle.borrow_mut().store_at(at, store.changed.taken);
        }
        Ok(())
    }

    fn of_channel(&self, py: Python, channel: &[u8], part: &[u8]) -> Vec<Py<PyBytes>> {
        let mut found = self.packed.of_group(channel, part);
        let is_of_channel = |key: &&[u8]| key.starts_with(channel) && key.get(channel.len()) == Some(&0);
        found.extend(self.changed.keys().filter(is_of_channel).map(<[u8]>::to_vec));
        found.sort_unstable();
        found.dedup();
        found.iter().map(|key| PyBytes::new(py, key).unbind()).collect()
    }

    fn expire(&mut self, now_ms: i64, at_most: usize) -> bool {
        let today = now_ms.div_euclid(DAY);
        let (mut removed, mut seen) = (0, 0);
        while self.days.has_expired(today) {
            if removed >= at_most || seen >= SEEN_AT_ONCE {
                return false;
            }
            let mut expired = Vec::new();
            let place = self.sweep.take().unwrap_or_default();
            let within = (&mut seen, SEEN_AT_ONCE);
            self.sweep = self.packed.find_expired(place, today, within, |key| expired.push(key));
            let is_last = self.sweep.is_none();
            if is_last {
                // What was changed need not be in the blocks yet.
                expired.extend(self.changed.keys().map(<[u8]>::to_vec));
            }
            for key in expired {
                removed += usize::from(self.remove_expired(&key, today));
            }
            if is_last {
                return !self.days.has_expired(today);
            }
        }
        self.sweep = None;
        true
    }

    fn next_expiry(&self) -> Option<i64> {
        self.days.earliest_ms()
    }

    fn drain_changes(slf: &Bound<Self>) -> Changes {
        Changes::of(slf)
    }
}

impl Restored for MessageStore {
    fn table(&self) -> &KeyTable {
        self.packed.groups()
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.packed.group_hash(key)
    }

    fn take(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()> {
        self.restore(py, key, value)
    }
}

impl Changing for MessageStore {
    fn next_change(&mut self, py: Python) -> PyResult<Option<Change>> {
        while let Some(key) = self.removed.pop_front() {
            // What was put again is written below.
            if self.changed.find(&key).is_none() {
                return Ok(Some(deletion(py, &key)));
            }
        }
        let Some((key, held, expires)) = self.changed.take_first() else {
            self.changed_bytes = 0;
            return Ok(None);
        };
        self.large.remove(&key);
        let (mut value, mut kept) = (Vec::with_capacity(USUAL_BYTES), Vec::with_capacity(USUAL_BYTES));
        let mut large = None;
        match held {
            Held::Native(message) => {
                write_record(&message, expires, &mut value);
                self.shapes.pack(&message, &value, &mut kept);
                large = Some(message).filter(|message| message.reporters.len() >= LARGE);
            }
            Held::Foreign(foreign) => {
                let encoded = self.interpreter.encode_record.call1(py, (foreign,))?;
                value.extend_from_slice(encoded.extract(py)?);
                self.shapes.pack_bytes(&value, &mut kept);
            }
        }
        self.keep(&key, &value, &kept);
        let written = change(py, &key, &value);
        if let Some(message) = large {
            if self.large.len() >= MOST_LARGE {
                self.large.clear();
            }
            self.large.insert(key, message);
        }
        Ok(Some(written))
    }
}
