//! A report as the records of messages take it, and what it was to its message.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::expiry::day_after;
use crate::message::{Message, NewItems, Role, Told};
use crate::receipts::Receipt;
use crate::windows::DAY;

/// A report of a message, or of a channel without one. `role` is None if nothing is counted, `reporter` if it has no ref.
pub struct Receiving<'a> {
    pub key: &'a [u8],
    pub reporter: Option<u64>,
    pub received_ms: i64,
    pub now_ms: i64,
    pub source: &'a str,
    pub report_id: &'a str,
    pub channel: &'a str,
    pub message: Option<&'a str>,
    pub role: Option<Role>,
    pub country: &'a str,
    pub category: &'a str,
    pub is_told: bool,
    /// Whether it may prove its reporter right elsewhere.
    pub proves: bool,
    /// What a detector found the message with; `reporter` is its root then.
    pub found: Option<Found<'a>>,
}

/// The narrower sources of a finding, and name and version of the classifier.
pub struct Found<'a> {
    pub parts: &'a [u64],
    pub classifier: Option<[&'a str; 2]>,
}

impl Receiving<'_> {
    pub fn receipt(&self) -> Receipt<'_> {
        Receipt {
            reporter: self.reporter.unwrap_or_default(),
            channel: self.channel,
            message: self.message,
            report_id: self.report_id,
            source: self.source,
            day: self.received_ms.div_euclid(DAY),
        }
    }

    /// When the record of the message expires that it changes.
    pub fn expires(&self, message: &Message) -> u32 {
        day_after(message.needed_until(self.now_ms))
    }

    pub fn received_s(&self) -> i64 {
        self.received_ms.div_euclid(1_000)
    }

    /// As whom the record of the message knows the reporter: of several parts of a source each is credited.
    pub fn noted_as(&self) -> Option<u64> {
        let part = self.found.as_ref().and_then(|found| found.parts.last());
        self.reporter.map(|root| part.map_or(root, |part| root ^ part))
    }

    /// Whether it is Python's to say what it changes in a message.
    pub fn changes_decisions(&self, message: &Message) -> bool {
        let counted = self.role.map(|role| (role, self.category));
        !message.changes_no_decision(self.noted_as(), self.received_s() as u32, counted, self.proves)
    }

    /// Whether it fits into a record that is not Python's.
    pub fn is_usual(&self) -> bool {
        u32::try_from(self.received_s()).is_ok() && (!self.is_told || self.receipt().is_plain())
    }
}

/// The record of a message as it was found, before a report changes it.
pub enum Prepared {
    /// In a place among the changed ones.
    Changed {
        at: usize,
        is_reported: bool,
    },
    Kept(Box<Message>),
}

impl Prepared {
    pub fn is_reported(&self) -> bool {
        match self {
            Prepared::Changed { is_reported, .. } => *is_reported,
            Prepared::Kept(message) => message.is_reported(),
        }
    }
}

/// What a report was: the first one of its reporter, in which counts of items its message is new, the fields of the receipt,
/// and what to tell of a decision that was applied before it.
pub struct NotedReport<'py> {
    /// The place of the record among the changed ones.
    pub at: usize,
    pub is_first: bool,
    pub new: Option<NewItems>,
    pub receipt: Option<Bound<'py, PyTuple>>,
    pub decision: Option<AppliedBefore>,
}

/// The decision that holds, as it is stored, and what it is to a report. `reporter` is known to the message by this hash, and
/// `is_kept` there.
pub struct AppliedBefore {
    pub standing: Box<[u8]>,
    pub told: Told,
    pub reporter: u64,
    pub is_kept: bool,
}
