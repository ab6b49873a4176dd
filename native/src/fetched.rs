//! Records of a Kafka record batch, of which objects are made only as far as Python asks for them.
//!
//! A published report has six headers, each of which is three objects in Python; what the gate reads needs none of them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::record_bytes::{Place, Reader};

/// `APPEND_TIME` of running/log/append_times.py.
const APPEND_TIME: u8 = 1;
/// A consumed record (StampedRecord of running/log/append_times.py), with its bytes among those of the others that were read
/// with it.
#[pyclass(frozen, module = "tocsin_native")]
pub struct FetchedRecord {
    pub topic: Py<PyString>,
    #[pyo3(get)]
    pub partition: i64,
    #[pyo3(get)]
    pub offset: i64,
    #[pyo3(get)]
    pub timestamp: i64,
    #[pyo3(get)]
    timestamp_type: u8,
    bytes: Arc<[u8]>,
    key: Option<Place>,
    value: Option<Place>,
    headers: Place,
    number_of_headers: usize,
}

#[pymethods]
impl FetchedRecord {
    #[getter]
    fn topic(&self, py: Python) -> Py<PyString> {
        self.topic.clone_ref(py)
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.bytes_at(&self.key).map(|key| PyBytes::new(py, key))
    }

    #[getter]
    #[pyo3(name = "value")]
    fn python_value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.value().map(|value| PyBytes::new(py, value))
    }

    #[getter]
    #[pyo3(name = "headers")]
    fn python_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let found = PyList::empty(py);
        for (name, content) in self.headers() {
            let content = content.map(|content| PyBytes::new(py, content));
            found.append(PyTuple::new(
                py,
                [PyString::new(py, name).into_any(), content.into_pyobject(py)?],
            )?)?;
        }
        Ok(found)
    }
}

impl FetchedRecord {
    pub fn value(&self) -> Option<&[u8]> {
        self.bytes_at(&self.value)
    }

    /// The headers, which were found to be sound when the record was read.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let mut reader = Reader::at(&self.bytes[..self.headers.end], self.headers.start);
        (0..self.number_of_headers).map_while(move |_| reader.header())
    }

    fn bytes_at(&self, place: &Option<Place>) -> Option<&[u8]> {
        place.as_ref().map(|place| &self.bytes[place.clone()])
    }
}

/// Read `count` records from the bytes of `records` (no longer compressed) between `begin` and `end`. None if they are not as
/// clients write them: then aiokafka says what is wrong, and running/patches/lenient_batch.py what becomes of it.
///
/// `place` is (topic, partition, offset of the batch), `timestamps` are the type, the first one and the largest one of the batch.
#[pyfunction]
pub fn read_records(
    records: &Bound<PyBytes>,
    span: (usize, usize),
    count: usize,
    place: (Py<PyString>, i64, i64),
    timestamps: (u8, i64, i64),
) -> Option<Vec<FetchedRecord>> {
    let bytes: Arc<[u8]> = records.as_bytes().get(span.0..span.1)?.into();
    let mut reader = Reader::at(&bytes, 0);
    let mut found = Vec::with_capacity(count);
    let (topic, partition, base_offset) = place;
    let (timestamp_type, first, largest) = timestamps;
    for _ in 0..count {
        let read = reader.record()?;
        let timestamp =
            if timestamp_type == APPEND_TIME { largest } else { first.checked_add(read.later)? };
        found.push(FetchedRecord {
            topic: topic.clone_ref(records.py()),
            partition,
            offset: base_offset.checked_add(read.delta)?,
            timestamp,
            timestamp_type,
            bytes: bytes.clone(),
            key: read.key,
            value: read.value,
            headers: read.headers,
            number_of_headers: read.number_of_headers,
        });
    }
    reader.is_at_end().then_some(found)
}
