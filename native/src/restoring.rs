//! Reads the records of a partition's state (`read_records` of streams/deciding/partition/stores.py). Nearly all are those
//! of stores, so that nothing of Python runs for them.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::message_store::MessageStore;
use crate::record_store::RecordStore;
use crate::store::CountStore;

/// What reads the records of a type of key.
enum Reads<'py> {
    Counts(Bound<'py, CountStore>),
    Messages(Bound<'py, MessageStore>),
    Records(Bound<'py, RecordStore>),
    Python(Bound<'py, PyAny>),
}

impl<'py> Reads<'py> {
    /// The store whose method a reader is, or the reader.
    fn of(reader: Bound<'py, PyAny>) -> Self {
        let Ok(store) = reader.getattr("__self__") else { return Reads::Python(reader) };
        if let Ok(counts) = store.downcast() {
            Reads::Counts(counts.clone())
        } else if let Ok(messages) = store.downcast() {
            Reads::Messages(messages.clone())
        } else if let Ok(records) = store.downcast() {
            Reads::Records(records.clone())
        } else {
            Reads::Python(reader)
        }
    }

    fn read(&self, key: &Bound<'py, PyBytes>, value: &Bound<'py, PyBytes>) -> PyResult<()> {
        let (py, bytes) = (key.py(), value.as_bytes());
        match self {
            Reads::Counts(store) => store.borrow_mut().restore(py, key.as_bytes(), bytes),
            Reads::Messages(store) => store.borrow_mut().restore(py, key.as_bytes(), bytes),
            Reads::Records(store) => store.borrow_mut().restore(py, key.as_bytes(), bytes),
            Reads::Python(reader) => reader.call1((key, value)).map(drop),
        }
    }
}

/// Read records, each with the reader of its type of key, or with `other`. The readers of stores are their method `restore`.
#[pyfunction]
pub fn restore_records<'py>(
    records: &Bound<'py, PyAny>,
    readers: HashMap<Vec<u8>, Bound<'py, PyAny>>,
    other: Bound<'py, PyAny>,
) -> PyResult<()> {
    let readers: HashMap<_, _> =
        readers.into_iter().map(|(kind, reader)| (kind, Reads::of(reader))).collect();
    let mut by_type: [Option<&Reads>; 256] = [None; 256];
    for (kind, reader) in &readers {
        if let [kind] = kind[..] {
            by_type[usize::from(kind)] = Some(reader);
        }
    }
    let other = Reads::Python(other);
    for record in records.try_iter()? {
        let (key, value): (Bound<PyBytes>, Bound<PyBytes>) = record?.extract()?;
        let kind = key.as_bytes().first();
        let reader = kind.and_then(|&kind| by_type[usize::from(kind)]).unwrap_or(&other);
        reader.read(&key, &value)?;
    }
    Ok(())
}
