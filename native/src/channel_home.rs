//! Applies ordinary reports at the home of their channel, as `handle_stamped_report` in deciding/reports/handle.py and
//! `apply_report` in deciding/reports/apply.py do.
//!
//! A report is Python's if something about it is rare: then it has changed nothing here. If only something may follow from
//! it, Python judges it after it was counted and published.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySequence, PyTuple};

use crate::channel_adds::{stamped_adds, unnamed_adds, Places};
use crate::channel_call::{
    channel_key, message_key, Call, Kind, Ordinary, State, CHANNEL_ARRIVALS, CHANNEL_COUNTS,
    MESSAGE_CLUSTERS, MESSAGE_REPORTERS,
};
use crate::channel_follows::Follows;
use crate::channel_output::EnrichedForm;
use crate::channel_plan::{read_plans, Plan};
use crate::channel_rules::ChannelHomeRules;
use crate::counts::ReporterKind;
use crate::daily_rows::Cell;
use crate::document;
use crate::entry_bytes::bytes_of;
use crate::hash::{event_hash, ReporterHash};
use crate::known_as::known_as;
use crate::law_cache::LawCache;
use crate::measures::Measured;
use crate::message::Role;
use crate::receiving::{Found, Receiving};
use crate::rest::Rest;
use crate::risk::{Risk, RiskModel};
use crate::signature::used_bins;
use crate::stamp::Stamped;
use crate::windows::{fine_of, pane_start, DAY};

/// Applies reports by one set of rules.
#[pyclass(module = "tocsin_native")]
pub struct ChannelHome {
    plans: HashMap<String, Plan>,
    categories: Vec<String>,
    reporters: Vec<Kind>,
    /// Kinds of reports, with what a report of it by each kind of reporter is.
    kinds: Vec<(String, Vec<Option<Role>>)>,
    anonymous: usize,
    hash: ReporterHash,
    risk: RiskModel,
    law: LawCache,
    follows: Follows,
    enriched: EnrichedForm,
    text: Vec<u8>,
    /// Which entry failed, from the first one of the call on.
    #[pyo3(get)]
    failed_at: usize,
}

/// What a call has done. `judge`: the last one was counted and published, and Python judges it.
#[pyclass(module = "tocsin_native", get_all)]
pub struct Counted {
    now: i64,
    newest_append: i64,
    /// The hashes to remember.
    hashes: Vec<u64>,
    event_times: Vec<i64>,
    outputs: Vec<Py<PyTuple>>,
    /// Arguments of DailyCounters.count.
    daily: Vec<Py<PyTuple>>,
    linked: usize,
    links_without_effect: usize,
    judge: bool,
}

/// What became of a report.
enum Outcome {
    Python,
    Applied,
    Judge,
}

#[pymethods]
impl ChannelHome {
    #[new]
    #[pyo3(signature = (rules, *, find_law, finding_of, open_episode))]
    fn new(
        py: Python,
        rules: &[u8],
        find_law: PyObject,
        finding_of: PyObject,
        open_episode: PyObject,
    ) -> PyResult<Self> {
        let rules: ChannelHomeRules = document::read(rules)?;
        Ok(ChannelHome {
            anonymous: rules.place_of_reporter("anonymous")?,
            kinds: rules.kinds_with_roles()?,
            plans: read_plans(py, rules.plans, &rules.categories)?,
            categories: rules.categories,
            reporters: rules.reporters.into_iter().map(Kind::from).collect(),
            hash: rules.hash_key,
            risk: rules.risk,
            law: LawCache::new(find_law, rules.days_of_change),
            follows: Follows::new(
                rules.sample_share,
                rules.integrity_is_live,
                rules.proven_voices,
                open_episode,
            ),
            enriched: EnrichedForm::new(py, rules.enriched, finding_of)?,
            text: Vec::new(),
            failed_at: 0,
        })
    }

    /// Apply the entries from the first of `places` on and before the second, until one is Python's, or is to be judged by
    /// Python.
    ///
    /// `more_outputs` is how many outputs beyond one for each entry end the call. `time` is (now, newest append time, limit,
    /// the time up to which ids are forgotten), in ms. The first enriched report has `since_last` as further headers. Raises
    /// what fails; then the state must not be used any more.
    #[allow(clippy::too_many_arguments)] // One call for each slice.
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        entries: &Bound<'py, PySequence>,
        places: (usize, usize),
        more_outputs: usize,
        time: (i64, i64, i64, i64),
        since_last: Bound<'py, PyList>,
        state: State<'py>,
    ) -> PyResult<Counted> {
        let mut call = Call::new(state, time, since_last);
        let mut judge = false;
        for at in places.0..places.1 {
            self.failed_at = at - places.0;
            let applied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.apply_one(&entries.get_item(at)?, &mut call)
            }))
            .unwrap_or_else(|_| {
                Err(PyRuntimeError::new_err("the native core panicked: its message is above"))
            })?;
            judge = matches!(applied, Outcome::Judge);
            let done = at + 1 - places.0;
            if !matches!(applied, Outcome::Applied) || call.outputs.len() >= done + more_outputs {
                break;
            }
        }
        call.arrivals.put();
        call.clusters.put();
        let reporters: Vec<String> = self.reporters.iter().map(|kind| kind.name.clone()).collect();
        let kinds: Vec<String> = self.kinds.iter().map(|kind| kind.0.clone()).collect();
        let daily = call.daily.calls(py, &self.categories, &reporters, &kinds)?;
        Ok(Counted {
            now: call.time.now,
            newest_append: call.time.newest_append,
            hashes: call.hashes,
            event_times: call.event_times,
            outputs: call.outputs.into_iter().map(Bound::unbind).collect(),
            daily: daily.into_iter().map(Bound::unbind).collect(),
            linked: call.linked,
            links_without_effect: call.links_without_effect,
            judge,
        })
    }
}

impl ChannelHome {
    fn apply_one<'py>(&mut self, entry: &Bound<'py, PyAny>, call: &mut Call<'py>) -> PyResult<Outcome> {
        let bytes = bytes_of(entry)?;
        let Some(Stamped { report, stamp }) = Stamped::read(&bytes) else { return Ok(Outcome::Python) };
        let Some(rest) = Rest::read(report.rest) else { return Ok(Outcome::Python) };
        let is_decided = stamp.as_ref().is_some_and(|stamp| stamp.is_decided);
        if is_decided || rest.has_times || rest.has_match || rest.message_version.is_some() {
            return Ok(Outcome::Python);
        }
        let reporter = match report.reporter_kind {
            None => self.anonymous,
            Some(kind) => match place_of(self.reporters.iter().map(|one| &one.name), kind) {
                Some(place) => place,
                None => return Ok(Outcome::Python),
            },
        };
        let Some(kind) = place_of(self.kinds.iter().map(|one| &one.0), rest.kind) else {
            return Ok(Outcome::Python);
        };
        let detected = stamp.is_some() && self.reporters[reporter].kind == ReporterKind::Automated;
        let classifier = rest.classifier.as_ref().map(|classifier| [classifier.name, classifier.version]);
        let source = known_as(rest.reporter_ref, classifier.filter(|_| detected));
        if source.is_some() != stamp.is_some() {
            return Ok(Outcome::Python);
        }
        let Some(law) = self.law.of(entry, &report, &rest)? else { return Ok(Outcome::Python) };
        let Some(plan) = self.plans.get(report.category) else { return Ok(Outcome::Python) };
        let received = report.received.unwrap_or(report.occurred);
        let of_channel;
        let about = match report.message {
            Some(message) => message,
            None => {
                of_channel = format!("\0{}", received.div_euclid(DAY));
                &of_channel
            }
        };
        let now = call.time.now.max(report.occurred);
        let one = Ordinary {
            channel: report.channel,
            report: &report,
            rest: &rest,
            stamp: stamp.as_ref(),
            plan,
            law: &Arc::clone(&law),
            who: &self.reporters[reporter],
            about,
            source: source.as_ref().map(|(root, parts)| (root.as_ref(), parts.as_slice())),
            classifier,
            reporter,
            kind,
            received,
            now,
        };
        let event = event_hash(report.source, report.id, one.channel, &mut self.text);
        let is_timely = now < call.limit
            && report.occurred > call.forgotten_until
            && pane_start(fine_of(report.occurred), fine_of(now)).is_some()
            && !(plan.floor && plan.is_outside(report.occurred, now));
        if !is_timely || call.is_known(event)? {
            return Ok(Outcome::Python);
        }
        let outcome = self.apply_ordinary(&one, call)?;
        if !matches!(outcome, Outcome::Python) {
            call.time.advance(report.occurred, report.appended);
            call.fresh.insert(event);
            call.hashes.push(event);
            call.event_times.push(report.occurred);
        }
        Ok(outcome)
    }

    fn apply_ordinary<'py>(&self, one: &Ordinary, call: &mut Call<'py>) -> PyResult<Outcome> {
        let Ordinary { report, plan, law, now, .. } = *one;
        let Some(risk) = self.risk_of(one) else { return Ok(Outcome::Python) };

        // What is known, of which nothing changes before all of it is found.
        let mut counts = call.state.counts.clone().borrow_mut();
        let mut messages = call.state.messages.clone().borrow_mut();
        let key = channel_key(CHANNEL_COUNTS, one.channel, &plan.suffix);
        let Some(known) = counts.find_native(&key) else { return Ok(Outcome::Python) };
        let mut places = Places { counts: 0, others: Vec::new(), arrivals: 0, clusters: None };
        if let Some(stamp) = one.stamp {
            for suffix in &plan.judged_together {
                match counts.find_native(&channel_key(CHANNEL_COUNTS, one.channel, suffix)) {
                    None => return Ok(Outcome::Python),
                    Some(place) => places.others.extend(place),
                }
            }
            if stamp.signature.as_ref().is_some_and(|signature| used_bins(signature) >= stamp.needed) {
                places.clusters =
                    call.clusters.find(&message_key(MESSAGE_CLUSTERS, one.channel, one.about))?;
                if places.clusters.is_none() {
                    return Ok(Outcome::Python);
                }
            }
        }
        if one.stamp.is_some() || self.follows.integrity_is_live {
            match call.arrivals.find(&channel_key(CHANNEL_ARRIVALS, one.channel, b""))? {
                None => return Ok(Outcome::Python),
                Some(place) => places.arrivals = place,
            }
        }
        let key_of_message = message_key(MESSAGE_REPORTERS, one.channel, one.about);
        let receiving = self.receiving(one, &key_of_message);
        let Some(prepared) = messages.prepare(counts.py(), &receiving)? else { return Ok(Outcome::Python) };
        let is_new_message = report.message.is_some() && !prepared.is_reported();
        if !call.admits(one, known.is_none(), is_new_message)? {
            return Ok(Outcome::Python);
        }

        // From here on nothing is left to Python.
        places.counts = known.unwrap_or_else(|| counts.add_new(&key));
        let (weight, beside, new) = match (one.stamp, receiving.reporter) {
            (Some(stamp), Some(hashed)) => {
                let noted = messages.note_prepared(counts.py(), prepared, &receiving)?;
                call.outputs.extend(noted.receipt.clone());
                if let Some(decision) = &noted.decision {
                    call.tell(one.about, &receiving, decision)?;
                }
                let millionths = risk.millionths();
                // Of most reporters nothing proves them right.
                let here = if stamp.proof.is_empty() { 0 } else { self.hash.channel_tag(one.channel) };
                let (weight, beside) = stamped_adds(
                    one,
                    stamp,
                    hashed,
                    here,
                    &noted,
                    millionths,
                    &places,
                    &mut counts,
                    &mut messages,
                    call,
                )?;
                (weight, Some(beside), noted.new)
            }
            _ => {
                let (weight, beside) = unnamed_adds(one.who, risk.millionths());
                (weight, beside, messages.count_prepared(prepared, &receiving))
            }
        };
        if let Some(new) = new {
            call.daily.count_items(now, &law.country, plan.number, new);
        }
        let own = counts.counts_mut(places.counts);
        let (occurred, tier) = (report.occurred, law.protection);
        own.add(occurred, now, one.who.kind, receiving.reporter, weight, receiving.message, tier);
        if let Some(beside) = beside {
            own.add_stamped(occurred, beside);
        }
        counts.note_counted(places.counts, occurred);
        let own = counts.counts(places.counts);
        let windows: Vec<Measured> =
            plan.windows.iter().map(|&(window, _)| Measured::of(own, window, now)).collect();
        let record = self.enriched.record(one, &risk, &windows, &places, call)?;
        call.outputs.push(record);
        if self.follows.may_follow(&self.hash, one, &places, &windows, &mut counts, call)? {
            return Ok(Outcome::Judge);
        }
        let automated = one.who.kind == ReporterKind::Automated || one.rest.kind == "automated_detection";
        let cell = Cell::Report { reporter: one.reporter, kind: one.kind, automated };
        call.daily.count(now, &law.country, plan.number, cell);
        Ok(Outcome::Applied)
    }

    /// The risk of a report; None if its kind of reporter is none that is known.
    fn risk_of(&self, one: &Ordinary) -> Option<Risk> {
        let who = one.report.reporter_kind.map(|_| (one.report.member, one.rest.account_age));
        let (member, age) = who.unwrap_or_default();
        let factor = one.stamp.map_or(1.0, |stamp| stamp.factor);
        let score = one.rest.classifier.as_ref().map(|classifier| classifier.score);
        self.risk.score(&one.plan.category, &one.who.name, member, age, factor, score)
    }

    /// What the record of its message takes of a report.
    fn receiving<'a>(&self, one: &Ordinary<'a>, key: &'a [u8]) -> Receiving<'a> {
        let report = one.report;
        let detected = one.source.filter(|_| one.who.kind == ReporterKind::Automated);
        Receiving {
            key,
            reporter: one.source.map(|(root, _)| self.hash.of(root)),
            received_ms: one.received,
            now_ms: one.now,
            source: report.source,
            report_id: report.id,
            channel: one.channel,
            message: report.message,
            role: self.kinds[one.kind].1[one.reporter].filter(|_| report.message.is_some()),
            country: &one.law.country,
            category: &one.plan.category,
            is_told: one.who.is_told && one.stamp.is_some(),
            proves: one.who.kind == ReporterKind::TrustedFlagger
                || one.stamp.is_some_and(|stamp| !stamp.proof.is_empty()),
            found: detected.map(|(_, parts)| Found { parts, classifier: one.classifier }),
        }
    }
}

fn place_of<'a>(names: impl Iterator<Item = &'a String>, name: &str) -> Option<usize> {
    names.enumerate().find(|(_, one)| one.as_str() == name).map(|(place, _)| place)
}
