//! A report as a publisher wrote it. What is read of it and written again as JSON is read alike.

use std::sync::OnceLock;

use crate::json::{write_bool, write_text, write_time};
use crate::report::{read_report, Report};
use crate::times::Moment;
use crate::vocabulary::{Countries, Vocabulary, Words};

/// Words of each list, those of tests/bench/traffic.py and tests/native/fuzz.py among them.
const WORDS: [(&str, &[&str]); 9] = [
    ("kinds", &["user_report", "automated_detection", "trusted_flagger_notice", "statutory_victim_request"]),
    (
        "categories",
        &[
            "spam",
            "fraud",
            "harassment",
            "hate",
            "ip",
            "doxxing",
            "unspecified",
            "csam",
            "ncii_deepfake",
            "threat_to_life",
            "sextortion",
            "defamation",
            "csam_synthetic",
        ],
    ),
    ("visibilities", &["public", "private", "unknown"]),
    ("reporters", &["user", "trusted_flagger", "automated", "anonymous", "state_actor"]),
    ("ages", &["under_1d", "under_1w", "under_1m", "under_1y", "over_1y"]),
    ("bases", &["victim", "offence", "suspect", "authority"]),
    (
        "elements",
        &[
            "explanation",
            "location",
            "identity",
            "good_faith",
            "signature",
            "contact",
            "subject_or_authorised",
        ],
    ),
    ("declarations", &["intimate_image_content", "against_a_woman"]),
    ("countries", &["DE", "FR", "PL", "US", "BR", "IN", "RU", "GB"]),
];

pub fn run(input: &[u8]) -> bool {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    let words = VOCABULARY.get_or_init(|| {
        let list = |wanted: &str| -> Vec<String> {
            let (_, words) = WORDS.iter().find(|(name, _)| *name == wanted).expect("a list of words");
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let words = |name: &str| Words::from(list(name));
        Vocabulary {
            kinds: words("kinds"),
            categories: words("categories"),
            visibilities: words("visibilities"),
            reporters: words("reporters"),
            ages: words("ages"),
            bases: words("bases"),
            elements: words("elements"),
            declarations: words("declarations"),
            countries: Countries::try_from(list("countries")).expect("codes"),
        }
    });
    let Some(report) = read_report(input, words) else { return false };
    let text = written(&report, words);
    let again = read_report(&text, words).map(|report| written(&report, words));
    assert_eq!(again.as_deref().map(String::from_utf8_lossy), Some(String::from_utf8_lossy(&text)));
    true
}

/// Fields in their order, with what is not known left out.
struct Fields(Vec<u8>);

impl Fields {
    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(if self.0.last() == Some(&b'{') { b"\"" } else { b",\"" });
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            write_text(&mut self.0, value);
        }
    }

    fn time(&mut self, name: &str, value: Option<Moment>) {
        if let Some(Moment { micros }) = value {
            self.name(name);
            write_time(&mut self.0, micros / 1_000_000, (micros % 1_000_000) as u32);
        }
    }

    /// Without an exponent, with which json.rs writes the smallest.
    fn share(&mut self, name: &str, value: f64) {
        self.name(name);
        self.0.extend_from_slice(value.to_string().as_bytes());
    }

    fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braces(write);
    }

    fn braces(&mut self, write: impl FnOnce(&mut Self)) {
        self.0.push(b'{');
        write(self);
        self.0.push(b'}');
    }

    fn list<T>(&mut self, name: &str, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.name(name);
        self.0.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            write(self, value);
        }
        self.0.push(b']');
    }
}

fn written(report: &Report, words: &Vocabulary) -> Vec<u8> {
    let mut fields = Fields(Vec::new());
    fields.braces(|fields| {
        fields.text("report_id", Some(report.id));
        fields.text("kind", Some(words.kinds.word(report.kind)));
        fields.time("occurred_at", Some(report.occurred));
        fields.time("received_at", report.received);
        fields.text("category", Some(words.categories.word(report.category)));
        fields.text("message_ref", report.message);
        fields.object("channel", |fields| {
            let channel = &report.channel;
            fields.text("ref", Some(channel.reference));
            fields.text("visibility", Some(words.visibilities.word(channel.visibility)));
            fields.text("country", channel.country);
            fields.text("language", channel.language);
        });
        if let Some(reporter) = &report.reporter {
            fields.object("reporter", |fields| {
                fields.text("kind", Some(words.reporters.word(reporter.kind)));
                fields.text("ref", reporter.reference);
                fields.text("country", reporter.country);
                if let Some(member) = reporter.member {
                    fields.name("member");
                    write_bool(&mut fields.0, member);
                }
                fields.text("account_age", reporter.age.map(|age| words.ages.word(age)));
            });
        }
        if let Some(classifier) = &report.classifier {
            fields.object("classifier", |fields| {
                fields.text("name", Some(classifier.name));
                fields.text("version", Some(classifier.version));
                fields.share("score", classifier.score);
            });
        }
        fields.list("evidence", &report.evidence, |fields, evidence| {
            fields.braces(|fields| {
                fields.text("country", Some(evidence.country));
                fields.text("basis", Some(words.bases.word(evidence.basis)));
                fields.share("confidence", evidence.confidence);
            });
        });
        if let Some(notice) = &report.notice {
            fields.object("notice", |fields| {
                fields.list("elements", &notice.elements, |fields, place| {
                    write_text(&mut fields.0, words.elements.word(*place));
                });
                if let Some(declares) = &notice.declares {
                    fields.list("declares", declares, |fields, place| {
                        write_text(&mut fields.0, words.declarations.word(*place));
                    });
                }
            });
        }
    });
    fields.0
}
