//! Reads the entries of bundles as Python has unpacked them (streams/contract/events/internal/passed_report.py).

use pyo3::buffer::PyBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A CheckedReport. Texts are Python's.
pub struct Checked<'py> {
    pub topic: Bound<'py, PyString>,
    pub partition: i64,
    pub offset: i64,
    pub appended: i64,
    pub occurred: i64,
    pub received: Option<i64>,
    pub category: Bound<'py, PyString>,
    pub reporter_kind: Option<Bound<'py, PyString>>,
    pub member: Option<bool>,
    pub channel: Bound<'py, PyString>,
    pub message: Option<Bound<'py, PyString>>,
    pub source: Bound<'py, PyString>,
    pub id: Bound<'py, PyString>,
    pub traceparent: Option<Bound<'py, PyString>>,
    pub attempts: i64,
    pub rest: Vec<u8>,
}

impl<'py> Checked<'py> {
    /// The rest is that of an entry whose reader leaves it unread.
    pub fn of(report: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = report.py();
        let rest = report.getattr(intern!(py, "rest"))?;
        Ok(Checked {
            topic: report.getattr(intern!(py, "topic"))?.extract()?,
            partition: report.getattr(intern!(py, "partition"))?.extract()?,
            offset: report.getattr(intern!(py, "offset"))?.extract()?,
            appended: report.getattr(intern!(py, "appended"))?.extract()?,
            occurred: report.getattr(intern!(py, "occurred"))?.extract()?,
            received: report.getattr(intern!(py, "received"))?.extract()?,
            category: report.getattr(intern!(py, "category"))?.extract()?,
            reporter_kind: report.getattr(intern!(py, "reporter_kind"))?.extract()?,
            member: report.getattr(intern!(py, "member"))?.extract()?,
            channel: report.getattr(intern!(py, "channel_ref"))?.extract()?,
            message: report.getattr(intern!(py, "message_ref"))?.extract()?,
            source: report.getattr(intern!(py, "ce_source"))?.extract()?,
            id: report.getattr(intern!(py, "report_id"))?.extract()?,
            traceparent: report.getattr(intern!(py, "traceparent"))?.extract()?,
            attempts: report.getattr(intern!(py, "attempts"))?.extract()?,
            rest: PyBuffer::get(&rest)?.to_vec(py)?,
        })
    }
}
