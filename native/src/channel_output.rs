//! Enriched reports as records (streams/deciding/reports/enrich.py).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use serde::Deserialize;

use crate::arrivals::{Arrivals, Signs};
use crate::assessment::suspected;
use crate::channel_adds::Places;
use crate::channel_call::{Call, Ordinary};
use crate::clusters::linked_of;
use crate::document::unfit;
use crate::enriched::{Enriched, Shown, Trust};
use crate::json::header_time;
use crate::measures::Measured;
use crate::risk::Risk;
use crate::stamp::Stamp;

/// `EnrichedForm` of streams/deciding/reports/native/home_rules.py.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrichedRules {
    topic: String,
    headers: Vec<Header>,
    versions: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

/// What all enriched reports have.
pub struct EnrichedForm {
    topic: Py<PyString>,
    headers: Py<PyList>,
    /// The places of `ce_id` and `ce_time` among the headers.
    id_at: usize,
    time_at: usize,
    /// The versions of the rules, as they stand in the JSON.
    versions: Vec<u8>,
    /// `finding_of(numbers of StampedSums, fields of Signs)` returns what is published of them as JSON, None for nothing.
    finding_of: PyObject,
}

impl EnrichedForm {
    pub fn new(py: Python, rules: EnrichedRules, finding_of: PyObject) -> PyResult<Self> {
        let place = |name| {
            let place = rules.headers.iter().position(|header| header.name == name);
            place.ok_or_else(|| unfit(format!("`headers` lacks {name}")))
        };
        let headers = rules.headers.iter().map(|Header { name, value }| {
            (PyString::intern(py, name), PyBytes::new(py, value.as_bytes())).into_pyobject(py)
        });
        Ok(EnrichedForm {
            id_at: place("ce_id")?,
            time_at: place("ce_time")?,
            topic: PyString::intern(py, &rules.topic).unbind(),
            headers: PyList::new(py, headers.collect::<PyResult<Vec<_>>>()?)?.unbind(),
            versions: rules.versions.into_bytes(),
            finding_of,
        })
    }

    /// What the reports of a window show of coordination (`find_coordination`), as JSON; None for nearly all.
    fn finding(&self, window: &Measured, arrivals: &Arrivals, call: &Call) -> PyResult<Option<Vec<u8>>> {
        let clusters = window.clusters();
        let is_linked = linked_of(&clusters) > 0;
        if !is_linked && !arrivals.may_be_fresh() {
            return Ok(None);
        }
        let signs = arrivals.signs();
        if !is_linked && !suspected(&clusters, &signs) {
            return Ok(None);
        }
        let Signs { reporters, usual, first_time, young, outsiders, repeating, disagreement } = signs;
        let signs = (reporters, usual, first_time, young, outsiders, repeating, disagreement);
        let py = call.state.counts.py();
        let numbers = PyTuple::new(py, window.stamped.numbers)?;
        self.finding_of.bind(py).call1((numbers, signs))?.extract()
    }

    /// The fields of the OutputRecord of an enriched report.
    pub fn record<'py>(
        &self,
        one: &Ordinary,
        risk: &Risk,
        windows: &[Measured],
        places: &Places,
        call: &mut Call<'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = call.state.counts.py();
        let report = one.report;
        let finding = match (one.stamp, windows.last()) {
            (Some(_), Some(longest)) => self.finding(longest, call.arrivals.at(places.arrivals), call)?,
            _ => None,
        };
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
        let trust = one.stamp.filter(says).map(|stamp| Trust {
            trust_class: stamp.trust_class,
            mean: stamp.mean,
            lower: stamp.lower,
            outcomes: stamp.outcomes,
            over_limit: stamp.over_limit,
        });
        let enriched = Enriched {
            report_id: report.id,
            channel: one.channel,
            category: &one.plan.category,
            message: report.message,
            reporter_kind: report.reporter_kind,
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
            versions: &self.versions,
            topic: report.topic,
            partition: report.partition,
            offset: report.offset,
            trust,
            finding: finding.as_deref(),
            possible_repeat: false,
        };
        call.text.clear();
        enriched.write(&mut call.text);
        let headers = self.headers.bind(py).get_slice(0, usize::MAX);
        headers.set_item(self.id_at, (intern!(py, "ce_id"), PyBytes::new(py, report.id.as_bytes())))?;
        headers.set_item(
            self.time_at,
            (intern!(py, "ce_time"), PyBytes::new(py, &header_time(report.occurred))),
        )?;
        if let Some(since_last) = call.since_last.take() {
            since_last.iter().try_for_each(|header| headers.append(header))?;
        }
        let fields = [
            self.topic.bind(py).clone().into_any(),
            call.state.partition.into_pyobject(py)?.into_any(),
            PyBytes::new(py, one.channel.as_bytes()).into_any(),
            PyBytes::new(py, &call.text).into_any(),
            headers.into_any(),
        ];
        PyTuple::new(py, fields)
    }
}
