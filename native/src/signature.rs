//! Signatures of what a reporter reported (streams/counting/coordination/signature.py, which says what they are).

use xxhash_rust::xxh3::xxh3_64;

pub use crate::targets::Signature;

/// The number of bins with a value.
pub fn used_bins(signature: &Signature) -> i64 {
    signature.iter().map(|&value| i64::from(value != 0)).sum()
}

/// Whether two reporters of a message belong together: `needed` bins agree, and a third of all used.
pub fn linked(one: &Signature, other: &Signature, needed: i64) -> bool {
    let (mut used, mut different) = (0u16, 0u16);
    for (this, that) in one.iter().zip(other) {
        used += u16::from(this | that != 0);
        different += u16::from(this != that);
    }
    let (used, equal) = (i64::from(used), i64::from(used - different));
    equal >= needed && 3 * (equal + 1) > used
}

/// A hash that most members of a brigade share, and strangers do not: of the first used bin.
pub fn group_of(signature: &Signature) -> u64 {
    let bin = signature.iter().position(|&value| value != 0).unwrap_or(0);
    xxh3_64(&((bin as u32) << 16 | u32::from(signature[bin])).to_le_bytes())
}
