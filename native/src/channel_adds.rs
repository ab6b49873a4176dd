//! What a report adds to its channel beside itself: to clusters and signs of a brigade (streams/deciding/reports/voices.py),
//! and to risk and voices (streams/deciding/reports/weighing.py).

use pyo3::prelude::*;

use crate::arrivals::Arrival;
use crate::channel_call::{Call, Kind, Ordinary};
use crate::clusters::{ClusterSums, ALONE, ALONE_KNOWN};
use crate::counts::ReporterKind;
use crate::measures::PROOF_CHANNELS;
use crate::message_store::MessageStore;
use crate::receiving::NotedReport;
use crate::signature::group_of;
use crate::stamp::Stamp;
use crate::store::CountStore;
use crate::voices::{Stamped, NUMBERS};
use crate::windows::fine_of;

/// `FEW_CHANNELS` of deciding/reports/weighing.py, and one reporter in the units of Scattered.
const FEW_CHANNELS: i64 = 5;
const WHOLE: i64 = 1_000;
/// `_NEVER` there: the pane of a risk that did not count.
const NEVER: i64 = 0;

/// Where what a stamped report changes was found: its counts, those of categories that are judged together with its own, the
/// arrivals of its channel, and the clusters of its message if it may be linked.
pub struct Places {
    pub counts: usize,
    pub others: Vec<usize>,
    pub arrivals: usize,
    pub clusters: Option<usize>,
}

/// What a report with a stamp adds to clusters and signs.
struct Contribution {
    added: ClusterSums,
    first_about_message: bool,
    linked: bool,
    stranger: bool,
    /// What proves the reporter right elsewhere, if that is to be noted with the message.
    proof: Option<Vec<u32>>,
}

/// What a stamped report adds: its risk in millionths, and what stands beside it in its pane. `here` is the tag of its channel
/// among those that prove reporters right. Call it before `counts` count the report, and after its message was `noted`.
#[allow(clippy::too_many_arguments)] // One call for each report.
pub fn stamped_adds<'py>(
    one: &Ordinary,
    stamp: &Stamp,
    hashed: u64,
    here: u32,
    noted: &NotedReport<'py>,
    millionths: i64,
    places: &Places,
    counts: &mut CountStore,
    messages: &mut MessageStore,
    call: &mut Call<'py>,
) -> PyResult<(i64, Stamped)> {
    let contribution = contribute(one, stamp, hashed, here, noted.is_first, places, call)?;
    let adds = if one.who.is_finder {
        finder_adds(one, stamp, &contribution)
    } else {
        person_adds(one, hashed, &contribution, places, counts)
    };
    let mut proven = Vec::new();
    if let Some(proof) = contribution.proof {
        messages.add_proof(noted.at, hashed, proof.iter().copied().map(u64::from).collect());
        if proof.len() >= PROOF_CHANNELS {
            proven.push((hashed as u32, proof));
        }
    }
    let risk = if adds.risk { millionths } else { 0 };
    let mut numbers = [0; NUMBERS];
    numbers[0] = 1;
    if adds.voice || contribution.linked {
        let ClusterSums { reports, linked, known, squares } = contribution.added;
        numbers[1..5].copy_from_slice(&[reports, linked, known, squares]);
    }
    if adds.doubtful {
        let is_anonymous = i64::from(one.who.kind == ReporterKind::Anonymous);
        numbers[5..9].copy_from_slice(&[1, i64::from(adds.voice), risk, is_anonymous]);
    }
    if !one.who.is_finder && stamp.channels > FEW_CHANNELS && stamp.is_low() {
        let missing = WHOLE - WHOLE * FEW_CHANNELS / stamp.channels;
        numbers[10] = if adds.voice { missing } else { 0 };
        numbers[11] = risk * missing / WHOLE;
    }
    Ok((risk, Stamped { numbers, proven }))
}

/// What a report adds whose reporter has no ref.
pub fn unnamed_adds(who: &Kind, millionths: i64) -> (i64, Option<Stamped>) {
    if who.is_finder {
        return (millionths, None);
    }
    let mut numbers = [0; NUMBERS];
    numbers[9] = millionths;
    (0, Some(Stamped { numbers, proven: Vec::new() }))
}

/// Add a report to the arrivals of its channel, and to the clusters of its message (`add_to_clusters`).
fn contribute<'py>(
    one: &Ordinary,
    stamp: &Stamp,
    hashed: u64,
    here: u32,
    is_first: bool,
    places: &Places,
    call: &mut Call<'py>,
) -> PyResult<Contribution> {
    let now = one.now;
    let young = matches!(one.rest.account_age, Some("under_1d" | "under_1w"));
    let outsider = one.report.member == Some(false);
    let stranger = young && outsider;
    let first_time = stamp.first_time;
    let arrival = Arrival { reporter: hashed, category: one.plan.code, first_time, young, outsider };
    call.arrivals.change(places.arrivals, now).add(now, &arrival);
    if !is_first {
        call.note_link(now, hashed, None)?;
        let added = ClusterSums::default();
        return Ok(Contribution { added, first_about_message: false, linked: false, stranger, proof: None });
    }
    let alone = if stamp.is_low() { ALONE } else { ALONE_KNOWN };
    let (mut joined, mut group) = (alone, None);
    if let (Some(signature), Some(place)) = (&stamp.signature, places.clusters) {
        let known = alone == ALONE_KNOWN;
        joined = call.clusters.change(place, now).add(signature, stamp.needed, known);
        group = (joined.size > 1).then(|| group_of(signature));
    }
    call.note_link(now, hashed, group)?;
    if group.is_some() {
        call.linked += 1;
        if call.state.is_tripped.call0()?.extract()? {
            call.links_without_effect += 1;
            joined = alone;
        }
    }
    let proof = if joined.size == 1 && !stamp.proof.is_empty() {
        elsewhere(stamp, here).filter(|tags| !tags.is_empty())
    } else {
        // They need no proof to confirm the reports of others.
        (one.who.kind == ReporterKind::TrustedFlagger).then(Vec::new)
    };
    Ok(Contribution {
        added: joined.added,
        first_about_message: true,
        linked: !joined.first,
        stranger,
        proof,
    })
}

/// The tags of other channels in which a reporter was right; None beyond the limit of the day.
fn elsewhere(stamp: &Stamp, here: u32) -> Option<Vec<u32>> {
    (!stamp.over_limit).then(|| stamp.proof.iter().copied().filter(|&tag| tag != here).collect())
}

/// Whether a report adds its risk, and a voice if its reporter stands alone; `doubtful`: a suspected brigade may have made it.
struct Adds {
    risk: bool,
    voice: bool,
    doubtful: bool,
}

/// What a report of a detector or a trusted flagger adds: each about another message is a finding of its own
/// (`_what_it_adds` of deciding/reports/weighing.py).
fn finder_adds(one: &Ordinary, stamp: &Stamp, contribution: &Contribution) -> Adds {
    let held = one.who.kind == ReporterKind::Automated && stamp.factor == 0.0;
    // What names no message may be about any.
    let first = contribution.first_about_message || one.report.message.is_none();
    let silent = held || (one.plan.silences && contribution.linked);
    Adds { risk: first && !silent, voice: first, doubtful: held }
}

/// What a report of anybody else adds, and note it.
fn person_adds(
    one: &Ordinary,
    hashed: u64,
    contribution: &Contribution,
    places: &Places,
    counts: &mut CountStore,
) -> Adds {
    let doubtful = contribution.linked || contribution.stranger;
    let together = places.others.iter().chain([&places.counts]);
    let counted_at = together.map(|&at| counts.counts(at).risk_counted_at(hashed)).max().flatten();
    let begins = one.plan.longest().start(fine_of(one.report.occurred));
    if let Some(counted_at) = counted_at.filter(|&at| at >= begins) {
        counts.counts_mut(places.counts).note_risk(hashed, Some(counted_at));
        return Adds { risk: false, voice: false, doubtful };
    }
    // Who reports a message again may have been linked when it was the first time.
    let silent = one.plan.silences
        && if contribution.first_about_message {
            contribution.linked
        } else {
            counted_at.unwrap_or(NEVER) == NEVER
        };
    counts.counts_mut(places.counts).note_risk(hashed, silent.then_some(NEVER));
    Adds { risk: !silent, voice: true, doubtful: doubtful || silent }
}
