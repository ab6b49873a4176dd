//! Reads what Python hands over when a core is made (streams/deciding/reports/native/).

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
