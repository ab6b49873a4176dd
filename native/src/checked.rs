//! Reads the entries of bundles (streams/contract/events/internal/passed_report.py).

use crate::msgpack::Reader;
use crate::windows::LATEST_MS;

const CHECKED_FIELDS: usize = 16;
const PASSED_FIELDS: usize = 4;

/// A CheckedReport; `rest` is left unread.
pub struct Checked<'a> {
    pub topic: &'a str,
    pub partition: i64,
    pub offset: i64,
    pub appended: i64,
    pub occurred: i64,
    pub received: Option<i64>,
    pub category: &'a str,
    pub reporter_kind: Option<&'a str>,
    pub member: Option<bool>,
    pub channel: &'a str,
    pub message: Option<&'a str>,
    pub source: &'a str,
    pub id: &'a str,
    pub rest: &'a [u8],
}

impl<'a> Checked<'a> {
    /// None if it is anything else, or of a time that Python has to read.
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        if reader.array()? != CHECKED_FIELDS {
            return None;
        }
        let report = Checked {
            topic: reader.str()?,
            partition: reader.int(i64::MAX)?,
            offset: reader.int(i64::MAX)?,
            appended: reader.int(LATEST_MS)?,
            occurred: reader.int(LATEST_MS)?,
            received: reader.or_nil(|reader| reader.signed(LATEST_MS))?,
            category: reader.str()?,
            reporter_kind: reader.or_nil(Reader::str)?,
            member: reader.or_nil(Reader::bool)?,
            channel: reader.str()?,
            message: reader.or_nil(Reader::str)?,
            source: reader.str()?,
            id: reader.str()?,
            rest: &[],
        };
        // Traceparent and attempts are for what becomes a dead letter, or is traced.
        reader.or_nil(Reader::str)?;
        reader.uint()?;
        Some(Checked { rest: reader.any()?, ..report })
    }
}

/// A PassedReport.
pub struct Passed<'a> {
    pub report: Checked<'a>,
    /// From which the report was read.
    pub report_bytes: &'a [u8],
    pub reporter: u64,
    /// Whether workers have another key, of before.
    pub has_earlier: bool,
    /// The narrower sources of a finding.
    pub parts: Vec<u64>,
}

impl<'a> Passed<'a> {
    /// None if it is anything else.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != PASSED_FIELDS {
            return None;
        }
        let (report, report_bytes) = reader.with_bytes(Checked::read)?;
        let reporter = reader.uint()?;
        if reader.nil().is_none() {
            return Some(Passed { report, report_bytes, reporter, has_earlier: true, parts: Vec::new() });
        }
        let parts = (0..reader.array()?).map(|_| reader.uint()).collect::<Option<_>>()?;
        Some(Passed { report, report_bytes, reporter, has_earlier: false, parts })
    }
}
