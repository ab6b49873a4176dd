//! Reads what Python hands over when a core is made (streams/deciding/reports/native_rules.py).

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::vocabulary::Words;

pub fn field<'py, T: FromPyObject<'py>>(rules: &Bound<'py, PyDict>, name: &str) -> PyResult<T> {
    match rules.get_item(name)? {
        Some(value) => value.extract(),
        None => Err(PyValueError::new_err(format!("the rules have no {name}"))),
    }
}

/// The place of a word that must be in the vocabulary.
pub fn place_of(words: &Words, word: &str) -> PyResult<u8> {
    words.place(word).ok_or_else(|| PyValueError::new_err(format!("the vocabulary has no {word}")))
}

/// Name the record at which an error happened, as Stage._apply_slice does.
pub fn with_place(error: PyErr, record: &Bound<PyAny>) -> PyErr {
    let py = record.py();
    let name =
        |attribute: &str| record.getattr(attribute).map_or_else(|_| "?".to_owned(), |it| it.to_string());
    let note =
        format!("while applying {} partition {} offset {}", name("topic"), name("partition"), name("offset"));
    // An error without this note is still the error.
    let _ = error.value(py).call_method1("add_note", (note,));
    error
}
