//! The enriched report, as deciding/reports/enrich.py writes it.

use crate::json::{write_float, write_integer, write_string};
use crate::report::{Notice, Report};
use crate::sums::WindowCounts;
use crate::vocabulary::{Vocabulary, Words};

const MILLION: f64 = 1_000_000.0;

/// Write `{"report":{...}`: the report without its reporter's pseudonym.
pub fn write_report(out: &mut Vec<u8>, report: &Report, words: &Vocabulary) {
    out.extend_from_slice(b"{\"report\":{\"report_id\":");
    write_string(out, report.id);
    out.extend_from_slice(b",\"kind\":");
    write_string(out, words.kinds.word(report.kind));
    out.extend_from_slice(b",\"occurred_at\":");
    report.occurred.write_json(out);
    out.extend_from_slice(b",\"channel\":{\"ref\":");
    write_string(out, report.channel.reference);
    out.extend_from_slice(b",\"visibility\":");
    write_string(out, words.visibilities.word(report.channel.visibility));
    write_optional(out, b",\"country\":", report.channel.country);
    write_optional(out, b",\"language\":", report.channel.language);
    out.extend_from_slice(b"},\"category\":");
    write_string(out, words.categories.word(report.category));
    if let Some(received) = report.received {
        out.extend_from_slice(b",\"received_at\":");
        received.write_json(out);
    }
    write_optional(out, b",\"message_ref\":", report.message);
    if let Some(reporter) = &report.reporter {
        out.extend_from_slice(b",\"reporter\":{\"kind\":");
        write_string(out, words.reporters.word(reporter.kind));
        write_optional(out, b",\"country\":", reporter.country);
        if let Some(member) = reporter.member {
            out.extend_from_slice(if member { b",\"member\":true" } else { b",\"member\":false" });
        }
        write_optional(out, b",\"account_age\":", reporter.age.map(|age| words.ages.word(age)));
        out.push(b'}');
    }
    if let Some(classifier) = &report.classifier {
        out.extend_from_slice(b",\"classifier\":{\"name\":");
        write_string(out, classifier.name);
        out.extend_from_slice(b",\"version\":");
        write_string(out, classifier.version);
        out.extend_from_slice(b",\"score\":");
        write_float(out, classifier.score);
        out.push(b'}');
    }
    if !report.evidence.is_empty() {
        out.extend_from_slice(b",\"evidence\":");
        write_array(out, &report.evidence, |out, piece| {
            out.extend_from_slice(b"{\"country\":");
            write_string(out, piece.country);
            out.extend_from_slice(b",\"basis\":");
            write_string(out, words.bases.word(piece.basis));
            out.extend_from_slice(b",\"confidence\":");
            write_float(out, piece.confidence);
            out.push(b'}');
        });
    }
    if let Some(notice) = &report.notice {
        write_notice(out, notice, words);
    }
    out.push(b'}');
}

fn write_notice(out: &mut Vec<u8>, notice: &Notice, words: &Vocabulary) {
    let write_words = |out: &mut Vec<u8>, places: &[u8], words: &Words| {
        write_array(out, places, |out, &place| write_string(out, words.word(place)));
    };
    out.extend_from_slice(b",\"notice\":{\"elements\":");
    write_words(out, &notice.elements, &words.elements);
    if let Some(declares) = &notice.declares {
        out.extend_from_slice(b",\"declares\":");
        write_words(out, declares, &words.declarations);
    }
    out.push(b'}');
}

/// Write `,"channel_windows":[...`, without the end of the array.
pub fn write_windows(out: &mut Vec<u8>, names: &[Vec<u8>], windows: &[WindowCounts]) {
    out.extend_from_slice(b",\"channel_windows\":[");
    for (number, (name, counts)) in names.iter().zip(windows).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"window\":");
        out.extend_from_slice(name);
        for (field, value) in [
            (&b",\"reports\":"[..], counts.sums.reports),
            (b",\"distinct_reporters\":", counts.distinct_reporters),
            (b",\"trusted_flaggers\":", counts.sums.trusted_flaggers),
            (b",\"automated\":", counts.sums.automated),
        ] {
            out.extend_from_slice(field);
            write_integer(out, value);
        }
        out.extend_from_slice(b",\"risk\":");
        write_float(out, counts.sums.risk as f64 / MILLION);
        out.push(b'}');
    }
}

fn write_optional(out: &mut Vec<u8>, field: &[u8], text: Option<&str>) {
    if let Some(text) = text {
        out.extend_from_slice(field);
        write_string(out, text);
    }
}

fn write_array<T>(out: &mut Vec<u8>, all: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (number, one) in all.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, one);
    }
    out.push(b']');
}
