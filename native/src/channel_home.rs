//! Applies ordinary reports at the home of their channel, as `handle_stamped_report` in deciding/reports/handle.py and
//! `apply_report` in deciding/reports/apply.py do.
//!
//! A report is Python's if something about it is rare: then it has changed nothing here. If only something may follow from
//! it, Python judges it after it was counted and published.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySequence, PyTuple};

use crate::arrivals::{Arrival, Arrivals};
use crate::assessment::suspected;
use crate::channel_plan::{read_plans, Plan};
use crate::checked::Checked;
use crate::clusters::{linked_of, ClusterSums, Clusters, ALONE, ALONE_KNOWN};
use crate::counts::ReporterKind;
use crate::daily_rows::{Cell, DailyRows};
use crate::enriched::{Enriched, Shown, Trust};
use crate::entry::kind_of;
use crate::event_time::EventTime;
use crate::handed_over::field;
use crate::hash::{event_hash, ReporterHash};
use crate::json::header_time;
use crate::known_as::known_as;
use crate::law_cache::{Law, LawCache};
use crate::measures::Measured;
use crate::message::Role;
use crate::message_record::role_of;
use crate::message_store::{Found, MessageStore, Receiving};
use crate::policies::{summed, Policy};
use crate::records_in_use::RecordsInUse;
use crate::rest::Rest;
use crate::risk::RiskModel;
use crate::signature::{group_of, used_bins};
use crate::stamp::Stamp;
use crate::store::CountStore;
use crate::voices::{Stamped, NUMBERS};
use crate::windows::{fine_of, pane_start, DAY};

/// Types of state keys.
const CHANNEL_COUNTS: u8 = b'K';
const MESSAGE_REPORTERS: u8 = b'A';
const MESSAGE_CLUSTERS: u8 = b'G';
const CHANNEL_ARRIVALS: u8 = b'V';

/// `CLUSTERS_KEPT_MS` and `ARRIVALS_KEPT_MS` of deciding/reports/crowd.py.
const CLUSTERS_KEPT_MS: i64 = 7 * DAY;
const ARRIVALS_KEPT_MS: i64 = 30 * DAY;
/// `FEW_CHANNELS` of deciding/reports/weighing.py, and one reporter in the units of Scattered.
const FEW_CHANNELS: i64 = 5;
const WHOLE: i64 = 1_000;
/// `_NEVER` there: the pane of a risk that did not count.
const NEVER: i64 = 0;

/// What is said of a kind of reporter: whether its reports count once per message, and whether it is sent receipts.
struct Kind {
    name: String,
    kind: ReporterKind,
    is_finder: bool,
    is_told: bool,
}

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
    /// Below which hash a message is drawn into the sample.
    drawn_below: u128,
    integrity_is_live: bool,
    /// How many voices raise a level without a desk.
    proven_voices: i64,
    /// `find(numbers of StampedSums, arrivals)` returns the finding about them as JSON, None without one.
    find_coordination: PyObject,
    enriched: EnrichedForm,
    open_episode: PyObject,
    text: Vec<u8>,
    /// Which entry failed, from the first one of the call on.
    #[pyo3(get)]
    failed_at: usize,
}

/// What all enriched reports have.
struct EnrichedForm {
    topic: PyObject,
    headers: Py<PyList>,
    versions: Vec<u8>,
}

/// What a call has done. `judge`: the last one was counted and published, and Python judges it.
#[pyclass(module = "tocsin_native", get_all)]
pub struct Counted {
    now: i64,
    newest_append: i64,
    /// The hashes to remember, with the time as of which.
    hashes: Vec<(u64, i64)>,
    event_times: Vec<i64>,
    outputs: Vec<Py<PyTuple>>,
    /// Arguments of DailyCounters.count.
    daily: Vec<Py<PyTuple>>,
    linked: usize,
    links_without_effect: usize,
    judge: bool,
}

/// The parts of a partition's state, as Python hands them over for a call.
#[derive(FromPyObject)]
struct State<'py> {
    recent: Bound<'py, PyAny>,
    /// `admit(kinds, topic, ce_source, now)`: returns whether they may be brought, and counts them then.
    admit: Bound<'py, PyAny>,
    counts: Bound<'py, CountStore>,
    messages: Bound<'py, MessageStore>,
    arrivals: Bound<'py, PyAny>,
    clusters: Bound<'py, PyAny>,
    note_link: Bound<'py, PyAny>,
    is_tripped: Bound<'py, PyAny>,
    episodes: Bound<'py, PyDict>,
    /// Whether any episode waits for the budget of its policy.
    any_rests: bool,
    partition: i64,
    /// From which hash on a reporter changes nothing of the guard-rail of this day.
    guard: Option<(i64, u64)>,
}

struct Call<'py> {
    state: State<'py>,
    arrivals: RecordsInUse<'py, Arrivals>,
    clusters: RecordsInUse<'py, Clusters>,
    time: EventTime,
    /// Before which time all reports must be, and after which one each report is no possible repeat.
    limit: i64,
    forgotten_until: i64,
    fresh: HashSet<u64>,
    hashes: Vec<(u64, i64)>,
    event_times: Vec<i64>,
    outputs: Vec<Bound<'py, PyTuple>>,
    daily: DailyRows,
    linked: usize,
    links_without_effect: usize,
}

/// What became of a report.
enum Outcome {
    Python,
    Applied,
    Judge,
}

/// A report that is applied here.
struct Ordinary<'a, 'py> {
    report: &'a Checked<'py>,
    rest: &'a Rest<'a>,
    stamp: Option<&'a Stamp<'py>>,
    plan: &'a Plan,
    law: &'a Law,
    channel: &'a str,
    /// The message it is about, or what stands for the channel.
    about: &'a str,
    /// By what the reporter is known, with the parts of the source of a finding.
    source: Option<(&'a str, &'a [u64])>,
    classifier: Option<[&'a str; 2]>,
    /// Places of the kinds of the reporter and the report.
    reporter: usize,
    kind: usize,
    received: i64,
    now: i64,
}

/// What a report with a stamp adds to clusters and signs.
struct Contribution {
    added: ClusterSums,
    first_about_message: bool,
    linked: bool,
    stranger: bool,
}

#[pymethods]
impl ChannelHome {
    /// `rules` are those of `streams/deciding/reports/native/home_rules.py`.
    #[new]
    fn new(rules: &Bound<PyDict>) -> PyResult<Self> {
        let plans = read_plans(&field::<Bound<PyAny>>(rules, "plans")?)?;
        let rows: Vec<(String, bool, bool)> = field(rules, "reporters")?;
        let reporters: Vec<Kind> = rows
            .into_iter()
            .map(|(name, is_finder, is_told)| Kind { kind: kind_of(&name), name, is_finder, is_told })
            .collect();
        let kinds: Vec<(String, Vec<Option<String>>)> = field(rules, "kinds")?;
        let anonymous = reporters.iter().position(|kind| kind.name == "anonymous").unwrap_or_default();
        Ok(ChannelHome {
            plans,
            categories: field(rules, "categories")?,
            reporters,
            kinds: kinds
                .into_iter()
                .map(|(name, roles)| {
                    (name, roles.into_iter().map(|role| role.as_deref().map(role_of)).collect())
                })
                .collect(),
            anonymous,
            hash: ReporterHash::new(&field::<Vec<u8>>(rules, "hash_key")?),
            risk: RiskModel::new(rules)?,
            law: LawCache::new(field(rules, "find_law")?, field(rules, "days_of_change")?),
            drawn_below: field(rules, "drawn_below")?,
            integrity_is_live: field(rules, "integrity_is_live")?,
            find_coordination: field(rules, "find_coordination")?,
            enriched: EnrichedForm {
                topic: field(rules, "enriched_topic")?,
                headers: field(rules, "enriched_headers")?,
                versions: field(rules, "versions")?,
            },
            proven_voices: field(rules, "proven_voices")?,
            open_episode: field(rules, "open_episode")?,
            text: Vec::new(),
            failed_at: 0,
        })
    }

    /// Apply the entries from `begin` on and before `end`, until one is Python's, or is to be judged by Python.
    ///
    /// `more_outputs` is how many outputs beyond one for each entry end the call. `time` is (now, newest append time, limit,
    /// the time up to which ids are forgotten), in ms. Raises what fails; then the state must not be used any more.
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        entries: &Bound<'py, PySequence>,
        places: (usize, usize),
        more_outputs: usize,
        time: (i64, i64, i64, i64),
        state: State<'py>,
    ) -> PyResult<Counted> {
        let mut call = Call {
            arrivals: RecordsInUse::new(state.arrivals.clone(), ARRIVALS_KEPT_MS),
            clusters: RecordsInUse::new(state.clusters.clone(), CLUSTERS_KEPT_MS),
            state,
            time: EventTime { now: time.0, newest_append: time.1 },
            limit: time.2,
            forgotten_until: time.3,
            fresh: HashSet::new(),
            hashes: Vec::new(),
            event_times: Vec::new(),
            outputs: Vec::new(),
            daily: DailyRows::default(),
            linked: 0,
            links_without_effect: 0,
        };
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
        call.arrivals.put()?;
        call.clusters.put()?;
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
        let py = entry.py();
        let report = Checked::of(&entry.getattr(intern!(py, "report"))?)?;
        let Some(rest) = Rest::read(&report.rest) else { return Ok(Outcome::Python) };
        let stored = entry.getattr(intern!(py, "stamp"))?;
        let stamp = if stored.is_none() { None } else { Stamp::of(&stored)? };
        if (stamp.is_none() && !stored.is_none())
            || rest.has_times
            || rest.has_match
            || rest.message_version.is_some()
        {
            return Ok(Outcome::Python);
        }
        let reporter = match &report.reporter_kind {
            None => self.anonymous,
            Some(kind) => match place_of(self.reporters.iter().map(|one| &one.name), kind.to_str()?) {
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
        let Some(plan) = self.plans.get(report.category.to_str()?) else { return Ok(Outcome::Python) };
        let received = report.received.unwrap_or(report.occurred);
        let of_channel;
        let about = match &report.message {
            Some(message) => message.to_str()?,
            None => {
                of_channel = format!("\0{}", received.div_euclid(DAY));
                &of_channel
            }
        };
        let now = call.time.now.max(report.occurred);
        let one = Ordinary {
            channel: report.channel.to_str()?,
            report: &report,
            rest: &rest,
            stamp: stamp.as_ref(),
            plan,
            law: &Arc::clone(&law),
            about,
            source: source.as_ref().map(|(root, parts)| (root.as_ref(), parts.as_slice())),
            classifier,
            reporter,
            kind,
            received,
            now,
        };
        let event = event_hash(report.source.to_str()?, report.id.to_str()?, one.channel, &mut self.text);
        let may_be_here = now < call.limit
            && report.occurred > call.forgotten_until
            && pane_start(fine_of(report.occurred), fine_of(now)).is_some()
            && !(plan.floor && plan.is_outside(report.occurred, now));
        if !may_be_here || call.fresh.contains(&event) || call.state.recent.contains(event)? {
            return Ok(Outcome::Python);
        }
        let outcome = self.apply_ordinary(&one, call)?;
        if !matches!(outcome, Outcome::Python) {
            call.time.advance(report.occurred, report.appended);
            call.fresh.insert(event);
            call.hashes.push((event, now));
            call.event_times.push(report.occurred);
        }
        Ok(outcome)
    }

    fn apply_ordinary<'py>(&self, one: &Ordinary<'_, 'py>, call: &mut Call<'py>) -> PyResult<Outcome> {
        let Ordinary { report, plan, now, .. } = *one;
        let factor = one.stamp.map_or(1.0, |stamp| stamp.factor);
        let score = one.rest.classifier.as_ref().map(|classifier| classifier.score);
        let who = report.reporter_kind.as_ref().map(|_| (report.member, one.rest.account_age));
        let (member, age) = who.unwrap_or_default();
        let kind = &self.reporters[one.reporter];
        let Some(risk) = self.risk.score(&plan.category, &kind.name, member, age, factor, score) else {
            return Ok(Outcome::Python);
        };

        // What is known, of which nothing changes before all of it is found.
        let state = &call.state;
        let mut counts = state.counts.borrow_mut();
        let mut messages = state.messages.borrow_mut();
        let key = channel_key(CHANNEL_COUNTS, one.channel, &plan.suffix);
        let Some(known) = counts.find_native(&key) else { return Ok(Outcome::Python) };
        let mut others = Vec::new();
        if one.stamp.is_some() {
            for suffix in &plan.judged_together {
                let key = channel_key(CHANNEL_COUNTS, one.channel, suffix);
                match counts.find_native(&key) {
                    None => return Ok(Outcome::Python),
                    Some(place) => others.extend(place),
                }
            }
        }
        let message_key = message_key(MESSAGE_REPORTERS, one.channel, one.about);
        let role = self.kinds[one.kind].1[one.reporter].filter(|_| report.message.is_some());
        let receiving = Receiving {
            key: &message_key,
            reporter: one.source.map(|(root, _)| self.hash.of(root)),
            received_ms: one.received,
            now_ms: now,
            source: report.source.to_str()?,
            report_id: report.id.to_str()?,
            channel: one.channel,
            message: report.message.as_ref().map(|message| message.to_str()).transpose()?,
            role,
            country: &one.law.country,
            category: &plan.category,
            is_told: kind.is_told && one.stamp.is_some(),
            found: one
                .source
                .filter(|_| kind.kind == ReporterKind::Automated)
                .map(|(_, parts)| Found { parts, classifier: one.classifier }),
            is_proof: kind.kind == ReporterKind::TrustedFlagger,
        };
        let Some(prepared) = messages.prepare(&receiving) else { return Ok(Outcome::Python) };
        let (mut arrivals, mut clusters) = (None, None);
        if one.stamp.is_some() || self.integrity_is_live {
            arrivals = call.arrivals.find(&channel_key(CHANNEL_ARRIVALS, one.channel, b""))?;
            if arrivals.is_none() {
                return Ok(Outcome::Python);
            }
        }
        let linkable = one.stamp.and_then(|stamp| {
            stamp.signature.as_ref().filter(|signature| used_bins(signature) >= stamp.needed)
        });
        if linkable.is_some() {
            clusters = call.clusters.find(&self::message_key(MESSAGE_CLUSTERS, one.channel, one.about))?;
            if clusters.is_none() {
                return Ok(Outcome::Python);
            }
        }
        let is_new_message = report.message.is_some() && !prepared.is_reported();
        if known.is_none() || is_new_message {
            let kinds: &[&str] = match (known.is_none(), is_new_message) {
                (true, true) => &["channels", "messages"],
                (true, false) => &["channels"],
                _ => &["messages"],
            };
            let admitted = state.admit.call1((kinds, &report.topic, &report.source, now))?;
            if !admitted.extract::<bool>()? {
                return Ok(Outcome::Python);
            }
        }

        // From here on nothing is left to Python.
        let at = known.unwrap_or_else(|| counts.add_new(&key));
        let millionths = risk.millionths();
        let mut beside = Stamped { numbers: [0; NUMBERS], proven: Vec::new() };
        let mut weight = millionths;
        if let (Some(stamp), Some(hashed), Some(arrivals)) = (one.stamp, receiving.reporter, arrivals) {
            let noted = messages.note_prepared(state.counts.py(), prepared, &receiving)?;
            call.outputs.extend(noted.receipt);
            if let Some(new) = noted.new {
                call.daily.count_items(now, &one.law.country, plan.number, new);
            }
            let contribution =
                self.contribute(one, stamp, hashed, noted.is_first, arrivals, clusters, call)?;
            let adds = if kind.is_finder {
                finder_adds(one, kind, stamp, &contribution)
            } else {
                person_adds(one, hashed, &contribution, at, &others, &mut counts)
            };
            if !adds.risk {
                weight = 0;
            }
            beside.numbers[0] = 1;
            if adds.voice || contribution.linked {
                let ClusterSums { reports, linked, known, squares } = contribution.added;
                beside.numbers[1..5].copy_from_slice(&[reports, linked, known, squares]);
            }
            if adds.doubtful {
                let is_anonymous = i64::from(one.reporter == self.anonymous);
                beside.numbers[5..9].copy_from_slice(&[1, i64::from(adds.voice), weight, is_anonymous]);
            }
            if !kind.is_finder && stamp.channels > FEW_CHANNELS && stamp.is_low()? {
                let missing = WHOLE - WHOLE * FEW_CHANNELS / stamp.channels;
                beside.numbers[10] = if adds.voice { missing } else { 0 };
                beside.numbers[11] = weight * missing / WHOLE;
            }
        } else {
            if !kind.is_finder {
                beside.numbers[9] = millionths;
                weight = 0;
            }
            if let Some(new) = messages.count_prepared(prepared, &receiving) {
                call.daily.count_items(now, &one.law.country, plan.number, new);
            }
        }
        let has_beside = one.stamp.is_some() || !kind.is_finder;
        let own = counts.counts_mut(at);
        own.add(
            report.occurred,
            now,
            kind.kind,
            receiving.reporter,
            weight,
            receiving.message,
            one.law.protection,
        );
        if has_beside {
            own.add_stamped(report.occurred, beside);
        }
        counts.note_counted(at, report.occurred);
        drop(messages);
        let own = counts.counts(at);
        let windows: Vec<Measured> = plan
            .windows
            .iter()
            .map(|&(window, _)| Measured {
                counts: own.measure(window, now),
                stamped: own.measure_stamped(window, now),
            })
            .collect();
        let finding = match arrivals.filter(|_| one.stamp.is_some()) {
            Some(place) => self.finding(&windows[windows.len() - 1], call.arrivals.at(place), call)?,
            None => None,
        };
        let record = self.enriched(one, &risk, &windows, finding.as_deref(), call)?;
        call.outputs.push(record);
        if self.may_follow(one, at, &windows, arrivals, &mut counts, call)? {
            return Ok(Outcome::Judge);
        }
        let automated = kind.name == "automated" || self.kinds[one.kind].0 == "automated_detection";
        let cell = Cell::Report { reporter: one.reporter, kind: one.kind, automated };
        call.daily.count(now, &one.law.country, plan.number, cell);
        Ok(Outcome::Applied)
    }

    /// Add a report to the arrivals of its channel, and to the clusters of its message (`add_to_clusters`).
    #[allow(clippy::too_many_arguments)] // One call for each report.
    fn contribute<'py>(
        &self,
        one: &Ordinary<'_, 'py>,
        stamp: &Stamp<'py>,
        hashed: u64,
        is_first: bool,
        arrivals: usize,
        clusters: Option<usize>,
        call: &mut Call<'py>,
    ) -> PyResult<Contribution> {
        let now = one.now;
        let young = matches!(one.rest.account_age, Some("under_1d" | "under_1w"));
        let outsider = one.report.member == Some(false);
        let stranger = young && outsider;
        let first_time = stamp.first_time;
        let arrival = Arrival { reporter: hashed, category: one.plan.code, first_time, young, outsider };
        call.arrivals.change(arrivals, now).add(now, &arrival);
        if !is_first {
            call.note_link(now, hashed, None)?;
            let added = ClusterSums::default();
            return Ok(Contribution { added, first_about_message: false, linked: false, stranger });
        }
        let known = !stamp.is_low()?;
        let alone = || if known { ALONE_KNOWN } else { ALONE };
        let mut joined = alone();
        if let (Some(signature), Some(place)) = (&stamp.signature, clusters) {
            joined = call.clusters.change(place, now).add(signature, stamp.needed, known);
            if joined.size > 1 {
                call.linked += 1;
                call.note_link(now, hashed, Some(group_of(signature)))?;
                if call.state.is_tripped.call0()?.extract()? {
                    call.links_without_effect += 1;
                    joined = alone();
                }
                return Ok(Contribution {
                    added: joined.added,
                    first_about_message: true,
                    linked: !joined.first,
                    stranger,
                });
            }
        }
        call.note_link(now, hashed, None)?;
        Ok(Contribution { added: joined.added, first_about_message: true, linked: !joined.first, stranger })
    }

    /// What the reports of a window show of coordination (`find_coordination`), as JSON; None for nearly all.
    fn finding(&self, window: &Measured, arrivals: &Arrivals, call: &Call) -> PyResult<Option<Vec<u8>>> {
        if linked_of(&window.clusters()) == 0 && !arrivals.may_be_fresh() {
            return Ok(None);
        }
        let py = call.state.counts.py();
        let mut encoded = Vec::new();
        arrivals.encode(&mut encoded);
        let numbers = PyTuple::new(py, window.stamped.numbers)?;
        self.find_coordination.bind(py).call1((numbers, PyBytes::new(py, &encoded)))?.extract()
    }

    /// The fields of the OutputRecord of an enriched report.
    fn enriched<'py>(
        &self,
        one: &Ordinary<'_, 'py>,
        risk: &crate::risk::Risk,
        windows: &[Measured],
        finding: Option<&[u8]>,
        call: &Call<'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = call.state.counts.py();
        let report = one.report;
        let shown: Vec<Shown> = one
            .plan
            .windows
            .iter()
            .zip(windows)
            .map(|((_, text), window)| Shown {
                text,
                reports: window.counts.sums.reports,
                distinct_reporters: window.counts.distinct_reporters,
                trusted_flaggers: window.counts.sums.trusted_flaggers,
                automated: window.counts.sums.automated,
                risk: window.risk(),
            })
            .collect();
        let says = |stamp: &&Stamp| stamp.outcomes != 0.0 || stamp.over_limit || stamp.factor != 1.0;
        let trust = one.stamp.filter(says).map(|stamp| {
            Ok::<_, PyErr>(Trust {
                trust_class: stamp.trust_class.to_str()?,
                mean: stamp.mean,
                lower: stamp.lower,
                outcomes: stamp.outcomes,
                over_limit: stamp.over_limit,
            })
        });
        let enriched = Enriched {
            report_id: report.id.to_str()?,
            channel: one.channel,
            category: &one.plan.category,
            message: report.message.as_ref().map(|message| message.to_str()).transpose()?,
            reporter_kind: report.reporter_kind.as_ref().map(|kind| kind.to_str()).transpose()?,
            member: report.member,
            rest: one.rest,
            jurisdictions: &one.law.jurisdictions,
            obligations: &one.law.obligations,
            routing: &one.law.routing,
            rule_of_law: &one.law.rule_of_law,
            dsa: &one.plan.dsa,
            risk,
            windows: &shown,
            counted: true,
            versions: &self.enriched.versions,
            topic: report.topic.to_str()?,
            partition: report.partition,
            offset: report.offset,
            trust: trust.transpose()?,
            finding,
            possible_repeat: false,
        };
        let mut value = Vec::with_capacity(2_560);
        enriched.write(&mut value);
        let headers = self.enriched.headers.bind(py).get_slice(0, usize::MAX);
        headers.set_item(1, (intern!(py, "ce_id"), PyBytes::new(py, report.id.to_str()?.as_bytes())))?;
        headers.set_item(4, (intern!(py, "ce_time"), PyBytes::new(py, &header_time(report.occurred))))?;
        let fields = [
            self.enriched.topic.bind(py).clone(),
            call.state.partition.into_pyobject(py)?.into_any(),
            PyBytes::new(py, one.channel.as_bytes()).into_any(),
            PyBytes::new(py, &value).into_any(),
            headers.into_any(),
        ];
        PyTuple::new(py, fields)
    }

    /// Whether Python has to judge a report that is counted: an episode may open, rise, or be clear; a window that ended may
    /// have a level; or its message is drawn (`_judge_counted` of deciding/reports/apply.py).
    fn may_follow(
        &self,
        one: &Ordinary,
        at: usize,
        windows: &[Measured],
        arrivals: Option<usize>,
        counts: &mut CountStore,
        call: &Call,
    ) -> PyResult<bool> {
        if self.drawn_below > 0 {
            let drawn = self.hash.of(&format!("\0sample\0{}\0{}", one.channel, one.about));
            if u128::from(drawn) < self.drawn_below {
                return Ok(true);
            }
        }
        let episodes = match call.state.episodes.get_item(&one.report.channel)? {
            Some(found) => Some(found.downcast_into::<PyDict>()?),
            None => None,
        };
        for policy in &one.plan.policies {
            if policy.channel_kind.as_deref().is_some_and(|kind| kind != one.rest.channel_kind) {
                continue;
            }
            let episode = match &episodes {
                Some(episodes) => episodes.get_item(&policy.key)?,
                None => None,
            };
            if self.policy_may_follow(one, policy, episode, at, windows, arrivals, counts, call)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[allow(clippy::too_many_arguments)] // What `may_follow` knows.
    fn policy_may_follow(
        &self,
        one: &Ordinary,
        policy: &Policy,
        episode: Option<Bound<PyAny>>,
        at: usize,
        windows: &[Measured],
        arrivals: Option<usize>,
        counts: &mut CountStore,
        call: &Call,
    ) -> PyResult<bool> {
        // The places of all counts that it judges, those of the report's category among them.
        let mut places = vec![at];
        if let Some(suffixes) = &policy.suffixes {
            places.clear();
            for suffix in suffixes {
                match counts.find_native(&channel_key(CHANNEL_COUNTS, one.channel, suffix)) {
                    None => return Ok(true),
                    Some(place) => places.extend(place),
                }
            }
        }
        let episode = episode.map(|episode| Seen::of(&episode, &self.open_episode)).transpose()?;
        let reached = episode.as_ref().map_or(0, |episode| episode.level);
        let mut ended = Ended { level: 0, shares: Vec::new() };
        if policy.is_late(one.report.occurred, one.now) {
            let above = if self.integrity_is_live { 0 } else { reached };
            match judge_ended(policy, &places, above, one, counts) {
                // What is left of a level if a brigade is suspected, Python knows.
                Some(found) if found.level == 0 || !self.integrity_is_live => ended = found,
                _ => return Ok(true),
            }
        }
        let current = &windows[policy.shown_at];
        let measured;
        let shares = if policy.suffixes.is_none() {
            let few = current.counts.sums.reports < policy.least_reports();
            if few && episode.is_none() && ended.level == 0 {
                return Ok(false);
            }
            std::slice::from_ref(current)
        } else {
            measured = shares_at(policy, &places, one.now, counts);
            &measured
        };
        let Some(verdict) = policy.judge_shares(shares) else { return Ok(true) };
        if episode
            .as_ref()
            .is_some_and(|episode| episode.is_clear.is_some_and(|clear| clear != verdict.clear))
        {
            return Ok(true);
        }
        let is_ended = ended.level > verdict.level;
        let (level, judged) =
            if is_ended { (ended.level, &ended.shares[..]) } else { (verdict.level, shares) };
        if level > reached {
            let waits = episode.is_some_and(|episode| episode.waits_for_desk)
                && policy.is_asked_about
                && !call.state.any_rests
                && policy.level_without_asking(level, judged, self.proven_voices) <= reached;
            if !waits {
                return Ok(true);
            }
        }
        if verdict.level == 0 || !self.integrity_is_live {
            return Ok(false);
        }
        let Some(arrivals) = arrivals.map(|place| call.arrivals.at(place)) else { return Ok(true) };
        let window = summed(shares, 0);
        let clusters = window.clusters();
        Ok(window.stamped.numbers[0] > 0
            && (linked_of(&clusters) > 0 || arrivals.may_be_fresh())
            && suspected(&clusters, &arrivals.signs()))
    }
}

/// Whether a report adds its risk, and a voice if its reporter stands alone; `doubtful`: a suspected brigade may have made it.
struct Adds {
    risk: bool,
    voice: bool,
    doubtful: bool,
}

/// What a report of a detector or a trusted flagger adds: each about another message is a finding of its own
/// (`_what_it_adds` of deciding/reports/weighing.py).
fn finder_adds(one: &Ordinary, kind: &Kind, stamp: &Stamp, contribution: &Contribution) -> Adds {
    let held = kind.kind == ReporterKind::Automated && stamp.factor == 0.0;
    // What names no message may be about any.
    let first = contribution.first_about_message || one.report.message.is_none();
    let silent = held || (one.plan.silences && contribution.linked);
    Adds { risk: first && !silent, voice: first, doubtful: held }
}

/// What a report of anybody else adds, and note it; `at` is the place of the counts, `others` those of the categories that are
/// judged together with it.
fn person_adds(
    one: &Ordinary,
    hashed: u64,
    contribution: &Contribution,
    at: usize,
    others: &[usize],
    counts: &mut CountStore,
) -> Adds {
    let doubtful = contribution.linked || contribution.stranger;
    let counted_at = others.iter().chain([&at]).map(|&at| counts.counts(at).risk_counted_at(hashed)).max();
    let counted_at = counted_at.flatten();
    let begins = one.plan.longest().start(fine_of(one.report.occurred));
    if let Some(counted_at) = counted_at.filter(|&at| at >= begins) {
        counts.counts_mut(at).note_risk(hashed, Some(counted_at));
        return Adds { risk: false, voice: false, doubtful };
    }
    // Who reports a message again may have been linked when it was the first time.
    let silent = one.plan.silences
        && if contribution.first_about_message {
            contribution.linked
        } else {
            counted_at.unwrap_or(NEVER) == NEVER
        };
    counts.counts_mut(at).note_risk(hashed, silent.then_some(NEVER));
    Adds { risk: !silent, voice: true, doubtful: doubtful || silent }
}

/// What the episode of a policy in a channel has reached.
struct Seen {
    level: i64,
    /// None in a cooldown.
    is_clear: Option<bool>,
    /// Whether a desk was asked about it, may still answer in time, and need not be asked again before.
    waits_for_desk: bool,
}

impl Seen {
    fn of(episode: &Bound<PyAny>, open: &PyObject) -> PyResult<Self> {
        let py = episode.py();
        if !episode.get_type().is(open) {
            let level = episode.getattr(intern!(py, "last_level"))?.extract()?;
            return Ok(Seen { level, is_clear: None, waits_for_desk: false });
        }
        let question = episode.getattr(intern!(py, "question"))?;
        let waits_for_desk = !question.is_none()
            && question.getattr(intern!(py, "is_open"))?.extract::<bool>()?
            && !question.getattr(intern!(py, "overdue"))?.extract::<bool>()?;
        Ok(Seen {
            level: episode.getattr(intern!(py, "level"))?.extract()?,
            is_clear: Some(!episode.getattr(intern!(py, "clear_since"))?.is_none()),
            waits_for_desk,
        })
    }
}

/// The shares of the categories that have reports in the window that ends with the pane of `end`.
fn shares_at(policy: &Policy, places: &[usize], end: i64, counts: &CountStore) -> Vec<Measured> {
    let measure = |&at: &usize| {
        let own = counts.counts(at);
        Measured { counts: own.measure(policy.window, end), stamped: own.measure_stamped(policy.window, end) }
    };
    places.iter().map(measure).filter(|share| share.counts.sums.reports > 0).collect()
}

/// The highest level of the windows that ended, 0 for none, with the shares of the first window with it.
struct Ended {
    level: i64,
    shares: Vec<Measured>,
}

/// Judge a policy in each window that a late report is in and that ended, as `judge_ended` of
/// streams/deciding/reports/escalation/late_windows.py; None if one of them cannot be measured any more, or Python must.
fn judge_ended(
    policy: &Policy,
    places: &[usize],
    above: i64,
    one: &Ordinary,
    counts: &CountStore,
) -> Option<Ended> {
    let (occurred, now) = (one.report.occurred, one.now);
    if !places.iter().all(|&at| counts.counts(at).is_whole(policy.window, occurred)) {
        return None;
    }
    let mut found = Ended { level: 0, shares: Vec::new() };
    let most: i64 =
        places.iter().map(|&at| counts.counts(at).most_reports(policy.window, occurred, now)).sum();
    let least = policy.least_reports_above(above);
    if policy.top_level() <= above || least.is_none_or(|least| most < least) {
        return Some(found);
    }
    let ends: BTreeSet<i64> =
        places.iter().flat_map(|&at| counts.counts(at).later_ends(policy.window, occurred, now)).collect();
    for end in ends {
        let shares = shares_at(policy, places, end, counts);
        let level = policy.judge_shares(&shares)?.level;
        if level > above.max(found.level) {
            found = Ended { level, shares };
            if level == policy.top_level() {
                break;
            }
        }
    }
    Some(found)
}

impl Call<'_> {
    fn note_link(&self, now: i64, reporter: u64, group: Option<u64>) -> PyResult<()> {
        let is_nothing_new = group.is_none()
            && self.state.guard.is_some_and(|(day, from)| day == now.div_euclid(DAY) && reporter >= from);
        if !is_nothing_new {
            self.state.note_link.call1((now, reporter, group))?;
        }
        Ok(())
    }
}

fn place_of<'a>(names: impl Iterator<Item = &'a String>, name: &str) -> Option<usize> {
    names.enumerate().find(|(_, one)| one.as_str() == name).map(|(place, _)| place)
}

fn channel_key(kind: u8, channel: &str, end: &[u8]) -> Vec<u8> {
    [&[kind], channel.as_bytes(), end].concat()
}

fn message_key(kind: u8, channel: &str, about: &str) -> Vec<u8> {
    [&[kind], channel.as_bytes(), &[0], about.as_bytes()].concat()
}
