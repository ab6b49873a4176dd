//! Whether something may follow from a report that is counted, so that Python has to judge it: `_decide` and `_judge` of
//! streams/deciding/reports/apply.py, streams/deciding/reports/escalation/late_windows.py.

use std::collections::BTreeSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::assessment::suspected;
use crate::channel_adds::Places;
use crate::channel_call::{channel_key, Call, Ordinary, CHANNEL_COUNTS};
use crate::clusters::linked_of;
use crate::hash::ReporterHash;
use crate::measures::Measured;
use crate::policies::{summed, Policy};
use crate::store::CountStore;

/// How many there are: 2^64.
const HASHES: f64 = 18_446_744_073_709_551_616.0;

/// What the rules say of what follows, beside the policies.
pub struct Follows {
    /// Below which hash a message is drawn into the sample.
    drawn_below: u128,
    pub integrity_is_live: bool,
    /// How many voices raise a level without a desk.
    proven_voices: i64,
    /// The class of an open episode.
    open_episode: PyObject,
}

impl Follows {
    /// `sample_share` of all messages are drawn.
    pub fn new(
        sample_share: f64,
        integrity_is_live: bool,
        proven_voices: i64,
        open_episode: PyObject,
    ) -> Self {
        // Exact: only the exponent changes.
        let drawn_below = (sample_share * HASHES).ceil() as u128;
        Follows { drawn_below, integrity_is_live, proven_voices, open_episode }
    }

    /// Whether Python has to judge a report that is counted: an episode may open, rise, or be clear; a window that ended may
    /// have a level; or its message is drawn (`judge_counted` of deciding/reports/apply.py).
    pub fn may_follow(
        &self,
        hash: &ReporterHash,
        one: &Ordinary,
        known: &Places,
        windows: &[Measured],
        counts: &mut CountStore,
        call: &Call,
    ) -> PyResult<bool> {
        if self.drawn_below > 0 {
            let drawn = hash.of(&format!("\0sample\0{}\0{}", one.channel, one.about));
            if u128::from(drawn) < self.drawn_below {
                return Ok(true);
            }
        }
        let episodes = match call.state.episodes.get_item(one.report.channel)? {
            Some(found) => Some(found.downcast_into::<PyDict>()?),
            None => None,
        };
        for policy in &one.plan.policies {
            if policy.channel_kind.as_deref().is_some_and(|kind| kind != one.rest.channel_kind) {
                continue;
            }
            let episode = match &episodes {
                Some(episodes) => episodes.get_item(&policy.key)?,
                None => None,
            };
            if self.policy_may_follow(one, policy, episode, known, windows, counts, call)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[allow(clippy::too_many_arguments)] // What `may_follow` knows.
    fn policy_may_follow(
        &self,
        one: &Ordinary,
        policy: &Policy,
        episode: Option<Bound<PyAny>>,
        known: &Places,
        windows: &[Measured],
        counts: &mut CountStore,
        call: &Call,
    ) -> PyResult<bool> {
        // The places of all counts that it judges, those of the report's category among them.
        let mut places = vec![known.counts];
        if let Some(suffixes) = &policy.suffixes {
            places.clear();
            for suffix in suffixes {
                match counts.find_native(&channel_key(CHANNEL_COUNTS, one.channel, suffix)) {
                    None => return Ok(true),
                    Some(place) => places.extend(place),
                }
            }
        }
        let episode = episode.map(|episode| Seen::of(episode, &self.open_episode)).transpose()?;
        let reached = episode.as_ref().map_or(0, |episode| episode.level);
        let mut ended = Ended { level: 0, shares: Vec::new() };
        if policy.is_late(one.report.occurred, one.now) {
            let above = if self.integrity_is_live { 0 } else { reached };
            match judge_ended(policy, &places, above, one, counts) {
                // What is left of a level if a brigade is suspected, Python knows.
                Some(found) if found.level == 0 || !self.integrity_is_live => ended = found,
                _ => return Ok(true),
            }
        }
        let current = &windows[policy.shown_at];
        let measured;
        let shares = if policy.suffixes.is_none() {
            let few = current.counts.sums.reports < policy.least_reports();
            if few && episode.is_none() && ended.level == 0 {
                return Ok(false);
            }
            std::slice::from_ref(current)
        } else {
            measured = shares_at(policy, &places, one.now, counts);
            &measured
        };
        let Some(verdict) = policy.judge_shares(shares) else { return Ok(true) };
        if episode
            .as_ref()
            .is_some_and(|episode| episode.is_clear.is_some_and(|clear| clear != verdict.clear))
        {
            return Ok(true);
        }
        let is_ended = ended.level > verdict.level;
        let (level, judged) =
            if is_ended { (ended.level, &ended.shares[..]) } else { (verdict.level, shares) };
        if level > reached {
            let waits = match episode {
                Some(episode) if policy.is_asked_about && !call.state.any_rests => {
                    policy.level_without_asking(level, judged, self.proven_voices) <= reached
                        && episode.waits_for_desk()?
                }
                _ => false,
            };
            if !waits {
                return Ok(true);
            }
        }
        if verdict.level == 0 || !self.integrity_is_live {
            return Ok(false);
        }
        let arrivals = call.arrivals.at(known.arrivals);
        let window = summed(shares, 0);
        let clusters = window.clusters();
        Ok(window.stamped.numbers[0] > 0
            && (linked_of(&clusters) > 0 || arrivals.may_be_fresh())
            && suspected(&clusters, &arrivals.signs()))
    }
}

/// What the episode of a policy in a channel has reached.
struct Seen<'py> {
    level: i64,
    /// None in a cooldown.
    is_clear: Option<bool>,
    episode: Bound<'py, PyAny>,
}

impl<'py> Seen<'py> {
    fn of(episode: Bound<'py, PyAny>, open: &PyObject) -> PyResult<Self> {
        let py = episode.py();
        if !episode.get_type().is(open) {
            let level = episode.getattr(intern!(py, "last_level"))?.extract()?;
            return Ok(Seen { level, is_clear: None, episode });
        }
        Ok(Seen {
            level: episode.getattr(intern!(py, "level"))?.extract()?,
            is_clear: Some(!episode.getattr(intern!(py, "clear_since"))?.is_none()),
            episode,
        })
    }

    /// Whether a desk was asked about it, may still answer in time, and need not be asked again before.
    fn waits_for_desk(&self) -> PyResult<bool> {
        if self.is_clear.is_none() {
            return Ok(false);
        }
        let py = self.episode.py();
        let question = self.episode.getattr(intern!(py, "question"))?;
        Ok(!question.is_none()
            && question.getattr(intern!(py, "is_open"))?.extract::<bool>()?
            && !question.getattr(intern!(py, "overdue"))?.extract::<bool>()?)
    }
}

/// The shares of the categories that have reports in the window that ends with the pane of `end`.
fn shares_at(policy: &Policy, places: &[usize], end: i64, counts: &CountStore) -> Vec<Measured> {
    let measure = |&at: &usize| Measured::of(counts.counts(at), policy.window, end);
    places.iter().map(measure).filter(|share| share.counts.sums.reports > 0).collect()
}

/// The highest level of the windows that ended, 0 for none, with the shares of the first window with it.
struct Ended {
    level: i64,
    shares: Vec<Measured>,
}

/// Judge a policy in each window that a late report is in and that ended, as `judge_ended` of
/// streams/deciding/reports/escalation/late_windows.py; None if one of them cannot be measured any more, or Python must.
fn judge_ended(
    policy: &Policy,
    places: &[usize],
    above: i64,
    one: &Ordinary,
    counts: &CountStore,
) -> Option<Ended> {
    let (occurred, now) = (one.report.occurred, one.now);
    if !places.iter().all(|&at| counts.counts(at).is_whole(policy.window, occurred)) {
        return None;
    }
    let mut found = Ended { level: 0, shares: Vec::new() };
    let most: i64 =
        places.iter().map(|&at| counts.counts(at).most_reports(policy.window, occurred, now)).sum();
    let least = policy.least_reports_above(above);
    if policy.top_level() <= above || least.is_none_or(|least| most < least) {
        return Some(found);
    }
    let ends: BTreeSet<i64> =
        places.iter().flat_map(|&at| counts.counts(at).later_ends(policy.window, occurred, now)).collect();
    for end in ends {
        let shares = shares_at(policy, places, end, counts);
        let level = policy.judge_shares(&shares)?.level;
        if level > above.max(found.level) {
            found = Ended { level, shares };
            if level == policy.top_level() {
                break;
            }
        }
    }
    Some(found)
}
