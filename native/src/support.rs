//! What speaks for an upheld outcome besides the desk that upheld it (streams/counting/confirmation.py).

use crate::message::Message;

/// Different channels in which those who confirm a report were right, at least; and one for every two who had reported by
/// then.
const CONFIRMING_CHANNELS: usize = 3;
const REPORTERS_PER_CHANNEL: usize = 2;

/// Whether others confirm the report of somebody who is not yet among the reporters of a message and has no proof, received
/// then. The message was first decided on at `first`.
pub fn is_confirmed(message: &Message, received: u32, first: i64) -> bool {
    let others = message.reporters.iter().filter(|one| one.received <= received).count();
    confirming(message, None, received, first) >= needed(others)
}

/// Whether such a report is the first one, or changes what supports the outcome of anybody else.
pub fn changes_support(message: &Message, received: u32, first: i64) -> bool {
    // Who reported in the same second is nobody's forerunner.
    if !message.reporters.iter().any(|one| one.received < received) {
        return true;
    }
    if message.proofs.is_empty() {
        return false;
    }
    let mut times: Vec<u32> = message.reporters.iter().map(|one| one.received).collect();
    times.sort_unstable();
    let credited = |time: u32| time >= received && i64::from(time) < first;
    message.reporters.iter().filter(|one| credited(one.received)).any(|one| {
        let others = times.partition_point(|&time| time <= one.received) - 1;
        let (before, after) = (needed(others), needed(others + 1));
        before != after
            && (before..after).contains(&confirming(message, Some(one.reporter), one.received, first))
    })
}

fn needed(others: usize) -> usize {
    CONFIRMING_CHANNELS.max((others + 1) / REPORTERS_PER_CHANNEL)
}

/// In how many channels those were right who confirm a report that was received then; usize::MAX if one of them needs no
/// proof.
fn confirming(message: &Message, reporter: Option<u64>, received: u32, first: i64) -> usize {
    let own = message.proofs.iter().find(|(one, _)| Some(*one) == reporter);
    let mut channels: Vec<u64> = Vec::new();
    for (each, proof) in message.proofs.iter().filter(|(one, _)| Some(*one) != reporter) {
        let time = message.received(*each);
        if time.is_some_and(|time| received <= time && i64::from(time) < first) {
            if proof.is_empty() {
                return usize::MAX;
            }
            channels.extend(proof.iter().filter(|tag| !own.is_some_and(|(_, own)| own.contains(tag))));
        }
    }
    channels.sort_unstable();
    channels.dedup();
    channels.len()
}
