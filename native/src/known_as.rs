//! By what the reporter of a report is known: a ref, or the source of a finding with its parts
//! (streams/contract/events/internal/findings.py).

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

/// The text that is hashed, and the hashes of the narrower sources. None for a report without. `classifier` has name and
/// version, if the report is a detector's; it matches no list.
pub fn known_as<'a>(
    reference: Option<&'a str>,
    classifier: Option<[&str; 2]>,
) -> Option<(Cow<'a, str>, Vec<u64>)> {
    match (classifier, reference) {
        (None, reference) => reference.map(|reference| (Cow::Borrowed(reference), Vec::new())),
        (Some([name, version]), None) => {
            let root = format!("\0classifier\0{name}");
            Some((Cow::Owned(root), vec![part(0, "version", version)]))
        }
        (Some([name, version]), Some(reference)) => {
            let named = part(0, "classifier", name);
            Some((Cow::Borrowed(reference), vec![named, part(named, "version", version)]))
        }
    }
}

/// The hash of a narrower source, as `_with_part` makes it.
fn part(above: u64, kind: &str, name: &str) -> u64 {
    xxh3_64(format!("{above:x}\0{kind}\0{name}").as_bytes())
}
