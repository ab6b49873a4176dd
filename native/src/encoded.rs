//! Writes the records of a Kafka record batch (version 2), as aiokafka's DefaultRecordBatchBuilder does.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

/// A length that says that there is nothing.
const NULL: i64 = -1;

/// Write records from `begin` on, as many as take fewer than `room` bytes together, and at least one. Returns them, as they
/// are in a batch before it is compressed, and their number.
///
/// `rows` are (key, value, headers), each with a list of (name, content). All have the time of the batch. Raises TypeError.
#[pyfunction]
pub fn encode_records<'py>(
    rows: &Bound<'py, PyList>,
    begin: usize,
    room: usize,
) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let mut batch = Vec::new();
    let mut record = Vec::new();
    let mut number = 0;
    for at in begin..rows.len() {
        record.clear();
        write_record(&mut record, number, &rows.get_item(at)?)?;
        let before = batch.len();
        write_varint(&mut batch, record.len() as i64);
        batch.extend_from_slice(&record);
        if number > 0 && batch.len() >= room {
            batch.truncate(before);
            break;
        }
        number += 1;
    }
    Ok((PyBytes::new(rows.py(), &batch), number))
}

/// What comes after its length.
fn write_record(out: &mut Vec<u8>, number: usize, row: &Bound<PyAny>) -> PyResult<()> {
    let row = row.downcast::<PyTuple>()?;
    // No attributes, the time of the batch, and the offset.
    out.extend_from_slice(&[0, 0]);
    write_varint(out, number as i64);
    write_bytes(out, &row.get_item(0)?)?;
    write_bytes(out, &row.get_item(1)?)?;
    let headers = row.get_item(2)?;
    let headers = headers.downcast::<PyList>()?;
    write_varint(out, headers.len() as i64);
    for pair in headers.iter() {
        let pair = pair.downcast::<PyTuple>()?;
        let name = pair.get_item(0)?;
        let name = name.downcast::<PyString>()?.to_str()?;
        write_varint(out, name.len() as i64);
        out.extend_from_slice(name.as_bytes());
        write_bytes(out, &pair.get_item(1)?)?;
    }
    Ok(())
}

fn write_bytes(out: &mut Vec<u8>, content: &Bound<PyAny>) -> PyResult<()> {
    if content.is_none() {
        write_varint(out, NULL);
        return Ok(());
    }
    let content = content
        .downcast::<PyBytes>()
        .map_err(|_| PyTypeError::new_err(format!("a record has bytes, not {}", content.get_type())))?
        .as_bytes();
    write_varint(out, content.len() as i64);
    out.extend_from_slice(content);
    Ok(())
}

/// A zigzag varint.
#[inline]
fn write_varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
