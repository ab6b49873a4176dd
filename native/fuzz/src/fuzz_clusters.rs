//! The clusters of a message, to which reports are added.

use crate::clusters::{linked_of, voices_millionths, ClusterSums, Clusters, LIMIT};
use crate::msgpack::Reader;
use crate::numbers::Numbers;
use crate::signature::group_of;
use crate::targets::Signature;

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let Some(mut clusters) = Clusters::decode(bytes) else { return false };
    let written = encoded(&clusters);
    assert_eq!(Clusters::decode(&written).map(|again| encoded(&again)), Some(written));

    let found = signature_in(bytes);
    let mut largest = 0;
    while !numbers.is_empty() {
        let mut signature = found;
        signature[usize::from(numbers.byte() & 31)] = u16::from(numbers.byte());
        let joined = clusters.add(&signature, numbers.below(40), numbers.is_odd());
        largest = largest.max(joined.size);
        let ClusterSums { reports, linked, known, squares } = joined.added;
        let sums = ClusterSums {
            reports: reports + linked,
            squares: squares + numbers.below(1 << 40),
            ..joined.added
        };
        assert!((0..=sums.reports).contains(&linked_of(&sums)) && known <= reports);
        assert!(voices_millionths(&sums) >= 0);
        group_of(&signature);
    }
    // A damaged cluster that grows to the limit is Python's from then on.
    assert!(largest >= LIMIT || Clusters::decode(&encoded(&clusters)).is_some());
    true
}

fn encoded(clusters: &Clusters) -> Vec<u8> {
    let mut out = Vec::new();
    clusters.encode(&mut out);
    out
}

/// The first signature of a state, to which others are near.
fn signature_in(bytes: &[u8]) -> Signature {
    let mut reader = Reader::new(bytes);
    let mut first = || {
        reader.array()?;
        reader.array()?;
        reader.array()?;
        reader.bin()
    };
    let mut found = Signature::default();
    for (value, two) in found.iter_mut().zip(first().unwrap_or_default().chunks_exact(2)) {
        *value = u16::from_le_bytes([two[0], two[1]]);
    }
    found
}
