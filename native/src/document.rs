//! Reads the documents in which Python hands over rules (streams/deciding/partition/native/handed_over.py).
//!
//! What follows says with serde which fields a document has: each of them, and no other. serde takes an `Option` that is
//! missing for None, unless a function reads it: hence `deserialize_with = "Option::deserialize"`.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Read a document. The error names the field.
pub fn read<T: DeserializeOwned>(document: &[u8]) -> PyResult<T> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        PyValueError::new_err(format!("the rules, at {}: {}", error.path(), error.inner()))
    })?;
    match reader.end() {
        Ok(()) => Ok(read),
        Err(_) => Err(PyValueError::new_err("the rules go on behind their end")),
    }
}

/// What is raised if the parts of a document do not fit together.
pub fn unfit(what: String) -> PyErr {
    PyValueError::new_err(format!("the rules: {what}"))
}

/// Bytes that no message says.
pub struct Secret(pub Vec<u8>);

impl<'de> Deserialize<'de> for Secret {
    /// Not derived: serde's errors say the value that is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(mut fields) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("a secret must be an object"));
        };
        let text = fields.remove("base64").ok_or_else(|| D::Error::missing_field("base64"))?;
        if let Some(name) = fields.keys().next() {
            return Err(D::Error::custom(format!("unknown field `{name}`")));
        }
        let bytes = text.as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes.map(Secret).ok_or_else(|| D::Error::custom("`base64` must be base64"))
    }
}
