//! The clusters of a message's reporters, and the voices that they amount to (streams/counting/coordination/clusters.py,
//! which argues it).

use crate::msgpack::{write_array, write_bin, write_bool, write_int, Reader};
use crate::signature::{linked, used_bins, Signature};
use crate::targets::{read_signature, write_signature, SIGNATURE_BYTES};

/// Signatures kept of reports that stand alone, and clusters that can still grow.
const MOST_ALONE: usize = 4;
const MOST_GROUPS: usize = 4;
/// Fields of a group.
const FIELDS: usize = 4;
const MILLION: i128 = 1_000_000;
/// Larger numbers do not occur, unless a state is damaged.
pub const LIMIT: i64 = 1 << 32;

/// What clusters add up to; sums over messages, panes and categories are meaningful.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterSums {
    pub reports: i64,
    pub linked: i64,
    pub known: i64,
    pub squares: i64,
}

/// What a report did: whether it is the first of its cluster, and so weighted; the cluster's size; what it added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    pub first: bool,
    pub size: i64,
    pub added: ClusterSums,
}

pub const ALONE: Joined =
    Joined { first: true, size: 1, added: ClusterSums { reports: 1, linked: 0, known: 0, squares: 1 } };
pub const ALONE_KNOWN: Joined =
    Joined { first: true, size: 1, added: ClusterSums { reports: 1, linked: 0, known: 1, squares: 0 } };

/// A cluster that can grow, with its latest member's signature and the evidence needed for a link.
struct Group {
    signature: Signature,
    needed: i64,
    size: i64,
    /// Of size 1, and founded by a reporter with trust.
    known: bool,
}

/// The clusters of one message. The newest are last in both lists.
#[derive(Default)]
pub struct Clusters {
    alone: Vec<Group>,
    groups: Vec<Group>,
}

impl Clusters {
    /// Read what `encode` has written. None if it is anything else, such as a state of fewer or more lists.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != 2 {
            return None;
        }
        let found = Clusters { alone: read_groups(&mut reader)?, groups: read_groups(&mut reader)? };
        reader.is_at_end().then_some(found)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        write_array(out, 2);
        for kept in [&self.alone, &self.groups] {
            write_array(out, kept.len());
            for group in kept {
                write_array(out, FIELDS);
                write_bin(out, SIGNATURE_BYTES);
                write_signature(out, &group.signature);
                write_int(out, group.needed);
                write_int(out, group.size);
                write_bool(out, group.known);
            }
        }
    }

    /// Add the first report of a reporter about the message. `known`: the reporter's trust is medium or more.
    pub fn add(&mut self, signature: &Signature, needed: i64, known: bool) -> Joined {
        let alone = if known { ALONE_KNOWN } else { ALONE };
        if used_bins(signature) < needed {
            return alone;
        }
        let fits = |group: &Group| linked(&group.signature, signature, group.needed.max(needed));
        if let Some(group) = take_last(&mut self.groups, fits).or_else(|| take_last(&mut self.alone, fits)) {
            return self.join(group, signature, needed);
        }
        push(&mut self.alone, Group { signature: *signature, needed, size: 1, known }, MOST_ALONE);
        alone
    }

    /// Add a report to a group that was taken out of its list.
    fn join(&mut self, group: Group, signature: &Signature, needed: i64) -> Joined {
        let before = group.size;
        let mut added = ClusterSums { reports: 1, linked: 1, known: 0, squares: 2 * before + 1 };
        if before == 1 {
            // The founder is now known to be linked.
            added.linked += 1;
            added.known -= i64::from(group.known);
            added.squares += i64::from(group.known);
        }
        let size = before + 1;
        push(&mut self.groups, Group { signature: *signature, needed, size, known: false }, MOST_GROUPS);
        Joined { first: false, size, added }
    }
}

fn take_last(kept: &mut Vec<Group>, fits: impl Fn(&Group) -> bool) -> Option<Group> {
    kept.iter().rposition(fits).map(|place| kept.remove(place))
}

fn push(kept: &mut Vec<Group>, group: Group, most: usize) {
    kept.push(group);
    if kept.len() > most {
        kept.remove(0);
    }
}

fn read_groups(reader: &mut Reader) -> Option<Vec<Group>> {
    (0..reader.array()?).map(|_| read_group(reader)).collect()
}

fn read_group(reader: &mut Reader) -> Option<Group> {
    if reader.array()? != FIELDS {
        return None;
    }
    Some(Group {
        signature: read_signature(reader.bin()?)??,
        needed: reader.int(LIMIT)?,
        size: reader.int(LIMIT)?,
        known: reader.bool()?,
    })
}

/// The number of independent voices, in millionths: who stands alone counts one, those in clusters as the number of equally
/// large clusters with the same concentration.
pub fn voices_millionths(sums: &ClusterSums) -> i64 {
    let linked = i128::from(linked_of(sums));
    let alone = i128::from(sums.reports) - linked;
    let mut voices = alone * MILLION;
    if linked != 0 {
        // Those without trust who stand alone are in the squares, with one each. A window may hold a report that joined a
        // cluster, but not the one that founded it.
        let squares = i128::from(sums.squares) - (alone - i128::from(sums.known.max(0))).max(0);
        let equal = (linked * linked).saturating_mul(MILLION) / squares.max(1);
        voices += equal.min(linked * MILLION).max(MILLION);
    }
    i64::try_from(voices).unwrap_or(i64::MAX)
}

/// How many of the reports are in clusters of two or more. A window may hold who joined a cluster without who founded it.
pub fn linked_of(sums: &ClusterSums) -> i64 {
    sums.linked.max(0).min(sums.reports)
}
