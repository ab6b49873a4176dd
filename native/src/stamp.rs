//! The stamp of a report (`StoredStamp` of streams/contract/events/internal/passed_report.py), as Python has unpacked it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::targets::{read_signature, Signature};

pub struct Stamp<'py> {
    pub trust_class: Bound<'py, PyString>,
    pub mean: f64,
    pub lower: f64,
    pub outcomes: f64,
    pub factor: f64,
    pub first_time: bool,
    pub over_limit: bool,
    /// None if it is empty.
    pub signature: Option<Signature>,
    pub needed: i64,
    /// Tags of the channels in which the reporter was right.
    pub proof: Vec<u32>,
    pub channels: i64,
}

impl<'py> Stamp<'py> {
    /// None if it says what only Python knows to use: that people decided about the reporter.
    pub fn of(stored: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let fields = stored.downcast::<PyTuple>()?;
        let flag = |at: usize| -> PyResult<bool> { fields.get_item(at)?.extract() };
        let number = |at: usize| -> PyResult<f64> { fields.get_item(at)?.extract() };
        if flag(10)? || flag(11)? {
            return Ok(None);
        }
        let signature = fields.get_item(7)?;
        let Some(signature) = read_signature(signature.downcast::<PyBytes>()?.as_bytes()) else {
            return Ok(None);
        };
        Ok(Some(Stamp {
            trust_class: fields.get_item(0)?.extract()?,
            mean: number(1)?,
            lower: number(2)?,
            outcomes: number(3)?,
            factor: number(4)?,
            first_time: flag(5)?,
            over_limit: flag(6)?,
            signature,
            needed: fields.get_item(8)?.extract()?,
            proof: fields.get_item(9)?.extract()?,
            channels: fields.get_item(12)?.extract()?,
        }))
    }

    pub fn is_low(&self) -> PyResult<bool> {
        Ok(self.trust_class.to_str()? == "low")
    }
}
