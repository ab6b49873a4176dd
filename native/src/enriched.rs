//! The enriched report as JSON: `PreparedReport` of streams/deciding/reports/enrich.py.

use crate::json::{write_bool, write_float, write_int, write_null, write_text, write_time};
use crate::rest::{Classifier, Evidence, Notice, Rest};
use crate::risk::Risk;

const MILLION: f64 = 1_000_000.0;
const USUAL_CHANNEL: &str = "channel";
/// The counts of a window (`ChannelWindow`). `text` is its name, `risk` in millionths.
pub struct Shown<'a> {
    pub text: &'a str,
    pub reports: i64,
    pub distinct_reporters: i64,
    pub trusted_flaggers: i64,
    pub automated: i64,
    pub risk: i64,
}

/// `ReporterTrust`.
pub struct Trust<'a> {
    pub trust_class: &'a str,
    pub mean: f64,
    pub lower: f64,
    pub outcomes: f64,
    pub over_limit: bool,
}

/// An enriched report whose law and rules are JSON already. `dsa` and `versions` are fields with their names, `finding` is the
/// value of the field `integrity`. `member` is of the reporter, and `reporter_kind` None without one. What has no weight is not
/// among these reports, so one that is not counted is late.
pub struct Enriched<'a> {
    pub report_id: &'a str,
    pub channel: &'a str,
    pub category: &'a str,
    pub message: Option<&'a str>,
    pub reporter_kind: Option<&'a str>,
    pub member: Option<bool>,
    pub rest: &'a Rest<'a>,
    pub jurisdictions: &'a [u8],
    pub obligations: &'a [u8],
    pub routing: &'a [u8],
    pub rule_of_law: &'a [u8],
    pub dsa: &'a [u8],
    pub risk: &'a Risk,
    pub windows: &'a [Shown<'a>],
    pub counted: bool,
    pub versions: &'a [u8],
    pub topic: &'a str,
    pub partition: i64,
    pub offset: i64,
    pub trust: Option<Trust<'a>>,
    pub finding: Option<&'a [u8]>,
    pub possible_repeat: bool,
}

impl Enriched<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        put(out, r#"{"report":"#);
        self.write_report(out);
        put_json(out, r#","jurisdictions":"#, self.jurisdictions);
        put_json(out, r#","obligations":"#, self.obligations);
        put_json(out, r#","routing":"#, self.routing);
        put_json(out, r#","rule_of_law":"#, self.rule_of_law);
        put_json(out, ",", self.dsa);
        put(out, r#","risk":"#);
        self.risk.write(out);
        put(out, r#","channel_windows":"#);
        write_list(out, self.windows, |out, window| window.write(out));
        put(out, r#","counted":"#);
        write_bool(out, self.counted);
        put(out, r#","not_counted_reason":"#);
        if self.counted {
            write_null(out);
        } else {
            write_text(out, "late");
        }
        put_json(out, ",", self.versions);
        put_text(out, r#","source":{"topic":"#, self.topic);
        put_int(out, r#","partition":"#, self.partition);
        put_int(out, r#","offset":"#, self.offset);
        out.push(b'}');
        if let Some(trust) = &self.trust {
            trust.write(out);
        }
        if let Some(finding) = self.finding {
            put_json(out, r#","integrity":"#, finding);
        }
        if self.possible_repeat {
            put(out, r#","possible_repeat":true"#);
        }
        out.push(b'}');
    }

    /// `PublicReport`, which leaves out what is not known.
    fn write_report(&self, out: &mut Vec<u8>) {
        let rest = self.rest;
        put_text(out, r#"{"report_id":"#, self.report_id);
        put_text(out, r#","kind":"#, rest.kind);
        put(out, r#","occurred_at":"#);
        write_time(out, rest.occurred.seconds, rest.occurred.micros);
        self.write_channel(out);
        put_text(out, r#","category":"#, self.category);
        if let Some(received) = rest.received {
            put(out, r#","received_at":"#);
            write_time(out, received.seconds, received.micros);
        }
        put_if_known(out, r#","message_ref":"#, self.message);
        if let Some(kind) = self.reporter_kind {
            self.write_reporter(out, kind);
        }
        if let Some(classifier) = &rest.classifier {
            write_classifier(out, classifier);
        }
        if !rest.evidence.is_empty() {
            put(out, r#","evidence":"#);
            write_list(out, &rest.evidence, write_evidence);
        }
        if let Some(notice) = &rest.notice {
            write_notice(out, notice);
        }
        put_if_known(out, r#","message_version":"#, rest.message_version);
        out.push(b'}');
    }

    fn write_channel(&self, out: &mut Vec<u8>) {
        let rest = self.rest;
        put_text(out, r#","channel":{"ref":"#, self.channel);
        put_text(out, r#","visibility":"#, rest.visibility);
        put_if_known(out, r#","country":"#, rest.country);
        put_if_known(out, r#","language":"#, rest.language);
        if let Some(members) = rest.members {
            put_int(out, r#","members":"#, members);
        }
        put_if_known(out, r#","kind":"#, Some(rest.channel_kind).filter(|kind| *kind != USUAL_CHANNEL));
        out.push(b'}');
    }

    /// `PublicReporter`.
    fn write_reporter(&self, out: &mut Vec<u8>, kind: &str) {
        put_text(out, r#","reporter":{"kind":"#, kind);
        put_if_known(out, r#","country":"#, self.rest.reporter_country);
        if let Some(member) = self.member {
            put(out, r#","member":"#);
            write_bool(out, member);
        }
        put_if_known(out, r#","account_age":"#, self.rest.account_age);
        out.push(b'}');
    }
}

impl Shown<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, r#"{"window":"#, self.text);
        put_int(out, r#","reports":"#, self.reports);
        put_int(out, r#","distinct_reporters":"#, self.distinct_reporters);
        put_int(out, r#","trusted_flaggers":"#, self.trusted_flaggers);
        put_int(out, r#","automated":"#, self.automated);
        put_float(out, r#","risk":"#, self.risk as f64 / MILLION);
        out.push(b'}');
    }
}

impl Trust<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, r#","trust":{"trust_class":"#, self.trust_class);
        put_float(out, r#","mean":"#, self.mean);
        put_float(out, r#","lower":"#, self.lower);
        put_float(out, r#","outcomes":"#, self.outcomes);
        put(out, r#","over_limit":"#);
        write_bool(out, self.over_limit);
        out.push(b'}');
    }
}

fn write_classifier(out: &mut Vec<u8>, classifier: &Classifier) {
    put_text(out, r#","classifier":{"name":"#, classifier.name);
    put_text(out, r#","version":"#, classifier.version);
    put_float(out, r#","score":"#, classifier.score);
    out.push(b'}');
}

fn write_evidence(out: &mut Vec<u8>, evidence: &Evidence) {
    put_text(out, r#"{"country":"#, evidence.country);
    put_text(out, r#","basis":"#, evidence.basis);
    put_float(out, r#","confidence":"#, evidence.confidence);
    out.push(b'}');
}

fn write_notice(out: &mut Vec<u8>, notice: &Notice) {
    put(out, r#","notice":{"elements":"#);
    write_list(out, &notice.elements, |out, text| write_text(out, text));
    if let Some(declares) = &notice.declares {
        put(out, r#","declares":"#);
        write_list(out, declares, |out, text| write_text(out, text));
    }
    out.push(b'}');
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[inline]
fn put(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

fn put_json(out: &mut Vec<u8>, before: &str, json: &[u8]) {
    put(out, before);
    out.extend_from_slice(json);
}

fn put_text(out: &mut Vec<u8>, before: &str, text: &str) {
    put(out, before);
    write_text(out, text);
}

fn put_if_known(out: &mut Vec<u8>, before: &str, text: Option<&str>) {
    if let Some(text) = text {
        put_text(out, before, text);
    }
}

fn put_int(out: &mut Vec<u8>, before: &str, number: i64) {
    put(out, before);
    write_int(out, number);
}

fn put_float(out: &mut Vec<u8>, before: &str, number: f64) {
    put(out, before);
    write_float(out, number);
}
