//! What a call of the home of channels works on: reports as they were read, and what it has changed so far.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySet, PyTuple};

use crate::arrivals::Arrivals;
use crate::channel_plan::Plan;
use crate::checked::Checked;
use crate::clusters::Clusters;
use crate::counts::ReporterKind;
use crate::daily_rows::DailyRows;
use crate::event_time::EventTime;
use crate::id_table::IdTable;
use crate::law_cache::Law;
use crate::message::Told;
use crate::message_store::MessageStore;
use crate::receiving::{AppliedBefore, Receiving};
use crate::record_store::RecordStore;
use crate::records_in_use::RecordsInUse;
use crate::rest::Rest;
use crate::stamp::Stamp;
use crate::store::CountStore;
use crate::windows::DAY;

/// Types of state keys (streams/counting/held_counts.py, streams/deciding/reports/crowd.py).
pub const CHANNEL_COUNTS: u8 = b'K';
pub const MESSAGE_REPORTERS: u8 = b'A';
pub const MESSAGE_CLUSTERS: u8 = b'G';
pub const CHANNEL_ARRIVALS: u8 = b'V';

/// `CLUSTERS_KEPT_MS` and `ARRIVALS_KEPT_MS` of deciding/reports/crowd.py.
const CLUSTERS_KEPT_MS: i64 = 7 * DAY;
const ARRIVALS_KEPT_MS: i64 = 30 * DAY;

/// What is said of a kind of reporter: whether its reports count once per message, and whether it is sent receipts.
pub struct Kind {
    pub name: String,
    pub kind: ReporterKind,
    pub is_finder: bool,
    pub is_told: bool,
}

/// The parts of a partition's state, as Python hands them over for a call.
#[derive(FromPyObject)]
pub struct State<'py> {
    /// The hashes of known reports: those of the current slot, and all others.
    pub fresh: Bound<'py, PySet>,
    pub ids: Bound<'py, IdTable>,
    /// `admit(kinds, topic, ce_source, now)`: returns whether they may be brought, and counts them then.
    pub admit: Bound<'py, PyAny>,
    pub counts: Bound<'py, CountStore>,
    pub messages: Bound<'py, MessageStore>,
    pub arrivals: Bound<'py, RecordStore>,
    pub clusters: Bound<'py, RecordStore>,
    pub note_link: Bound<'py, PyAny>,
    /// `tell_decided(channel, about, reporter, received_s, standing, identity, finding, confirmed)`: passes on what a decision
    /// is to a report that is applied after it, and returns the fields of what tells its reporter, if anything. `confirmed`:
    /// whether others confirm the report, None if it came too late.
    pub tell_decided: Bound<'py, PyAny>,
    pub is_tripped: Bound<'py, PyAny>,
    pub episodes: Bound<'py, PyDict>,
    /// Whether any episode waits for the budget of its policy.
    pub any_rests: bool,
    pub partition: i64,
    /// From which hash on a reporter changes nothing of the guard-rail of this day.
    pub guard: Option<(i64, u64)>,
}

/// What a call has done so far.
pub struct Call<'py> {
    pub state: State<'py>,
    pub arrivals: RecordsInUse<'py, Arrivals>,
    pub clusters: RecordsInUse<'py, Clusters>,
    /// Headers of the next enriched report, which say what was applied since the last one.
    pub since_last: Option<Bound<'py, PyList>>,
    pub time: EventTime,
    /// Before which time all reports must be, and after which one each report is no possible repeat.
    pub limit: i64,
    pub forgotten_until: i64,
    pub fresh: HashSet<u64>,
    /// Where enriched reports are written, one after the other.
    pub text: Vec<u8>,
    pub hashes: Vec<u64>,
    pub event_times: Vec<i64>,
    pub outputs: Vec<Bound<'py, PyTuple>>,
    pub daily: DailyRows,
    pub linked: usize,
    pub links_without_effect: usize,
}

/// A report that is applied here.
pub struct Ordinary<'a> {
    pub report: &'a Checked<'a>,
    pub rest: &'a Rest<'a>,
    pub stamp: Option<&'a Stamp<'a>>,
    pub plan: &'a Plan,
    pub law: &'a Law,
    /// What is said of its kind of reporter.
    pub who: &'a Kind,
    pub channel: &'a str,
    /// The message it is about, or what stands for the channel.
    pub about: &'a str,
    /// By what the reporter is known, with the parts of the source of a finding.
    pub source: Option<(&'a str, &'a [u64])>,
    pub classifier: Option<[&'a str; 2]>,
    /// Places of the kinds of the reporter and the report.
    pub reporter: usize,
    pub kind: usize,
    pub received: i64,
    pub now: i64,
}

impl<'py> Call<'py> {
    /// `time` is (now, newest append time, limit, the time up to which ids are forgotten), in ms.
    pub fn new(state: State<'py>, time: (i64, i64, i64, i64), since_last: Bound<'py, PyList>) -> Self {
        Call {
            arrivals: RecordsInUse::new(state.arrivals.clone(), ARRIVALS_KEPT_MS),
            clusters: RecordsInUse::new(state.clusters.clone(), CLUSTERS_KEPT_MS),
            state,
            since_last: Some(since_last),
            time: EventTime { now: time.0, newest_append: time.1 },
            limit: time.2,
            forgotten_until: time.3,
            fresh: HashSet::new(),
            text: Vec::new(),
            hashes: Vec::new(),
            event_times: Vec::new(),
            outputs: Vec::new(),
            daily: DailyRows::default(),
            linked: 0,
            links_without_effect: 0,
        }
    }

    /// Whether the publisher of a report may bring what is new in it; then it is counted.
    pub fn admits(&self, one: &Ordinary, new_channel: bool, new_message: bool) -> PyResult<bool> {
        let kinds: &[&str] = match (new_channel, new_message) {
            (true, true) => &["channels", "messages"],
            (true, false) => &["channels"],
            (false, true) => &["messages"],
            (false, false) => return Ok(true),
        };
        self.state.admit.call1((kinds, &one.report.topic, &one.report.source, one.now))?.extract()
    }

    /// Whether a report with this hash is known.
    pub fn is_known(&self, event: u64) -> PyResult<bool> {
        Ok(self.fresh.contains(&event)
            || self.state.ids.borrow().contains(event)
            || self.state.fresh.contains(event)?)
    }

    /// Tell a reporter of a message, or of the channel itself, of a decision that was applied before.
    pub fn tell(&mut self, about: &str, receiving: &Receiving, decision: &AppliedBefore) -> PyResult<()> {
        let standing = PyBytes::new(self.state.tell_decided.py(), &decision.standing);
        let received_s = receiving.received_ms.div_euclid(1_000);
        let identity = decision.is_kept.then_some((receiving.source, receiving.report_id));
        let found = receiving.found.as_ref().filter(|_| decision.is_kept);
        let finding = found.map(|found| {
            (
                receiving.reporter,
                found.parts.to_vec(),
                receiving.category,
                found.classifier.map(|[a, b]| (a, b)),
            )
        });
        let confirmed = match decision.told {
            Told::TooLate => None,
            Told::InTime { is_confirmed } => Some(is_confirmed),
        };
        let written = self.state.tell_decided.call1((
            receiving.channel,
            about,
            decision.reporter,
            received_s,
            standing,
            identity,
            finding,
            confirmed,
        ))?;
        if !written.is_none() {
            self.outputs.push(written.downcast_into()?);
        }
        Ok(())
    }

    /// Add a report to those of the day (`Crowd.note_link` of streams/deciding/reports/crowd.py), if that changes anything.
    pub fn note_link(&self, now: i64, reporter: u64, group: Option<u64>) -> PyResult<()> {
        let is_nothing_new = group.is_none()
            && self.state.guard.is_some_and(|(day, from)| day == now.div_euclid(DAY) && reporter >= from);
        if !is_nothing_new {
            self.state.note_link.call1((now, reporter, group))?;
        }
        Ok(())
    }
}

/// The key of a record about a channel.
pub fn channel_key(kind: u8, channel: &str, end: &[u8]) -> Vec<u8> {
    [&[kind], channel.as_bytes(), end].concat()
}

/// The key of a record about a message, or about the channel itself on a day.
pub fn message_key(kind: u8, channel: &str, about: &str) -> Vec<u8> {
    [&[kind], channel.as_bytes(), &[0], about.as_bytes()].concat()
}
