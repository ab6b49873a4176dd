//! Reads the records of a partition's state (`read_records` of streams/deciding/partition/stores.py). Nearly all are those
//! of stores, so that nothing of Python runs for them.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::False;
use pyo3::types::PyBytes;
use pyo3::PyClass;

use crate::key_table::KeyTable;
use crate::message_store::MessageStore;
use crate::record_store::RecordStore;
use crate::short_key::shortened;
use crate::store::CountStore;

/// So many records are looked up before they are read, those of each store together. The tables of ten million channels are in
/// no cache, and the processor waits for several places at once, unless a store is borrowed in between, which waits for all. One by
/// one 291,000 of ten million channels were restored per second, and 412,000 so.
const AT_ONCE: usize = 256;

type Record<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// A store that is filled with records.
pub trait Restored: PyClass<Frozen = False> {
    fn table(&self) -> &KeyTable;

    /// The hash by which the table finds the place of a key.
    fn hash(&self, key: &[u8]) -> u64 {
        self.table().hash(&shortened(key))
    }

    fn take(&mut self, py: Python, key: &[u8], value: &[u8]) -> PyResult<()>;
}

/// What reads the records of a type of key.
trait Reads<'py> {
    fn read(&self, records: &[Record<'py>]) -> PyResult<()>;
}

impl<'py, Store: Restored> Reads<'py> for Bound<'py, Store> {
    fn read(&self, records: &[Record<'py>]) -> PyResult<()> {
        let mut store = self.borrow_mut();
        let hashes: Vec<_> = records.iter().map(|(key, _)| store.hash(key.as_bytes())).collect();
        hashes.into_iter().for_each(|hash| store.table().touch(hash));
        records.iter().try_for_each(|(key, value)| store.take(self.py(), key.as_bytes(), value.as_bytes()))
    }
}

/// A function of Python.
struct Function<'py>(Bound<'py, PyAny>);

impl<'py> Reads<'py> for Function<'py> {
    fn read(&self, records: &[Record<'py>]) -> PyResult<()> {
        records.iter().try_for_each(|record| self.0.call1(record.clone()).map(drop))
    }
}

/// The store whose method a reader is, or the reader.
fn reads<'py>(reader: Bound<'py, PyAny>) -> Box<dyn Reads<'py> + 'py> {
    let Ok(store) = reader.getattr("__self__") else { return Box::new(Function(reader)) };
    if let Ok(counts) = store.downcast::<CountStore>() {
        Box::new(counts.clone())
    } else if let Ok(messages) = store.downcast::<MessageStore>() {
        Box::new(messages.clone())
    } else if let Ok(records) = store.downcast::<RecordStore>() {
        Box::new(records.clone())
    } else {
        Box::new(Function(reader))
    }
}

/// Read records, each with the reader of its type of key, or with `other`: those of one type in their order. The readers of stores
/// are their method `restore`.
#[pyfunction]
pub fn restore_records<'py>(
    records: &Bound<'py, PyAny>,
    readers: HashMap<Vec<u8>, Bound<'py, PyAny>>,
    other: Bound<'py, PyAny>,
) -> PyResult<()> {
    let mut by_type = [0; 256];
    let mut all = vec![reads(other)];
    for (kind, reader) in readers {
        if let [kind] = kind[..] {
            by_type[usize::from(kind)] = all.len();
            all.push(reads(reader));
        }
    }
    let mut records = records.try_iter()?;
    let mut found: Vec<Vec<Record>> = all.iter().map(|_| Vec::with_capacity(AT_ONCE)).collect();
    let mut is_end = false;
    while !is_end {
        for _ in 0..AT_ONCE {
            let Some(record) = records.next() else {
                is_end = true;
                break;
            };
            let record: Record = record?.extract()?;
            let kind = record.0.as_bytes().first();
            found[kind.map_or(0, |&kind| by_type[usize::from(kind)])].push(record);
        }
        for (reader, found) in all.iter().zip(&mut found) {
            reader.read(found)?;
            found.clear();
        }
    }
    Ok(())
}
