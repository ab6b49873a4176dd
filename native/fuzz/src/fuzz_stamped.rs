//! An entry of a bundle at the home of its channel: the report, its stamp, and what only this home needs of it.

use crate::clusters::Clusters;
use crate::fuzz_passed::check;
use crate::json::{write_float, write_int, write_text, write_time};
use crate::rest::{Rest, Time};
use crate::signature::{group_of, used_bins};
use crate::stamp::Stamped;
use crate::times::read_moment;

pub fn run(input: &[u8]) -> bool {
    let Some(stamped) = Stamped::read(input) else { return false };
    check(&stamped.report);
    if let Some(stamp) = &stamped.stamp {
        stamp.is_low();
        if let Some(signature) = &stamp.signature {
            assert!((0..=32).contains(&used_bins(signature)));
            group_of(signature);
            let mut clusters = Clusters::default();
            clusters.add(signature, stamp.needed, true);
            assert_eq!(
                clusters.add(signature, stamp.needed, false).first,
                used_bins(signature) < stamp.needed
            );
        }
    }
    let Some(rest) = Rest::read(stamped.report.rest) else { return false };
    publish(&rest);
    true
}

/// Write what becomes part of the enriched report, as JSON.
fn publish(rest: &Rest) {
    check_time(rest.occurred);
    rest.received.into_iter().for_each(check_time);
    let mut out = Vec::new();
    let texts = [
        rest.country,
        rest.language,
        rest.reporter_ref,
        rest.reporter_country,
        rest.account_age,
        rest.message_version,
    ];
    for text in texts.into_iter().flatten().chain([rest.kind, rest.visibility, rest.channel_kind]) {
        write_text(&mut out, text);
    }
    if let Some(classifier) = &rest.classifier {
        write_text(&mut out, classifier.name);
        write_text(&mut out, classifier.version);
        write_float(&mut out, classifier.score);
    }
    for evidence in &rest.evidence {
        write_text(&mut out, evidence.country);
        write_text(&mut out, evidence.basis);
        write_float(&mut out, evidence.confidence);
    }
    if let Some(notice) = &rest.notice {
        let words = notice.elements.iter().chain(notice.declares.iter().flatten());
        words.for_each(|word| write_text(&mut out, word));
    }
    rest.members.into_iter().for_each(|members| write_int(&mut out, members));
    let text = String::from_utf8(out).unwrap_or_else(|error| panic!("JSON is UTF-8: {error}"));
    assert!(!text.bytes().any(|byte| byte < b' '));
}

/// A time that is written is read alike.
fn check_time(time: Time) {
    let mut out = Vec::new();
    write_time(&mut out, time.seconds, time.micros);
    let text = std::str::from_utf8(&out).ok().map(|text| text.trim_matches('"'));
    let again = text.and_then(read_moment).map(|moment| moment.micros);
    assert_eq!(again, Some(time.seconds * 1_000_000 + i64::from(time.micros)));
}
