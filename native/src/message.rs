//! Who reported a message, and how it was reported first (streams/counting/attribution.py,
//! streams/counting/message_facts.py). What a report changes for others because of a decision is Python's.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Deserialize;

use crate::decided::Decided;
use crate::support::{changes_support, is_confirmed};
use crate::windows::DAY;

/// The reporters kept per message.
const KEPT: usize = 256;
/// The proofs kept per message, those of who came first (streams/counting/confirmation.py).
const MOST_PROOFS: usize = 32;
/// As long as an outcome may be superseded, and what nobody decided on for so long will not be decided.
const DECIDED_DAYS: i64 = 180;
const UNDECIDED_DAYS: i64 = 90;

#[derive(Default)]
pub struct Message {
    /// In the order of hashes.
    pub reporters: Vec<Reported>,
    pub reports: i64,
    pub sampled: bool,
    /// None if nothing was decided. A message of which single reports were decided on is Python's.
    pub decided: Option<Box<Decided>>,
    pub notice: Option<FirstReport>,
    pub facts: Option<Box<Facts>>,
    /// What the reports of detectors name as their source, and where reporters were right elsewhere: by reporter, in the
    /// order of hashes.
    pub found: Vec<(u64, Finding)>,
    pub proofs: Vec<(u64, Vec<u64>)>,
}

/// The first report of somebody: when it was received (s since the epoch), and which one it was.
pub struct Reported {
    pub reporter: u64,
    pub received: u32,
    pub identity: Option<Identity>,
}

#[derive(Clone)]
pub struct Identity {
    /// Of most messages one publisher sends all reports.
    pub source: Arc<str>,
    pub id: Box<str>,
}

/// The finding of a detector that does not match a list.
pub struct Finding {
    pub root: u64,
    pub parts: Vec<u64>,
    pub category: Box<str>,
    pub classifier: Option<[Box<str>; 2]>,
}

/// In the order of Python's tuples.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirstReport {
    pub received: i64,
    pub country: Box<str>,
    pub category: Box<str>,
}

#[derive(Default)]
pub struct Facts {
    pub notice: Option<FirstReport>,
    pub trusted: Option<FirstReport>,
    pub detection: Option<FirstReport>,
    pub items: Vec<Box<str>>,
    pub trusted_items: Vec<Box<str>>,
    /// The decisions and what was counted of them, as they are stored; None without any.
    pub decisions: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Notice,
    TrustedFlaggerNotice,
    Detection,
}

/// What a decision is to somebody whose first report is applied after it: it does not count for them if that was received
/// after the first decision, and else it does. Then others may confirm it; nobody of whom it is told was the first.
#[derive(Clone, Copy)]
pub enum Told {
    TooLate,
    InTime { is_confirmed: bool },
}

/// In which counts of items a message is new.
#[derive(Clone, Copy, Default)]
pub struct NewItems {
    pub any_notice: bool,
    pub trusted_flagger_notice: bool,
}

impl Message {
    pub fn is_reported(&self) -> bool {
        let in_facts = |facts: &Facts| facts.notice.is_some() || facts.detection.is_some();
        self.reports > 0 || self.notice.is_some() || self.facts.as_deref().is_some_and(in_facts)
    }

    /// Whether anything was decided about it.
    pub fn has_decisions(&self) -> bool {
        self.decided.is_some() || self.has_decisions_counted()
    }

    /// Whether decisions are among the facts, of which what is counted may change.
    pub fn has_decisions_counted(&self) -> bool {
        self.facts.as_deref().is_some_and(|facts| facts.decisions.is_some())
    }

    /// Whether a report, received then (s), changes nothing that was decided: neither what counts for anybody else, nor what
    /// was counted of the message. Without a role it is not counted, without a reporter nobody reported it. `proves`:
    /// `add_proof` may follow.
    pub fn changes_no_decision(
        &self,
        reporter: Option<u64>,
        received: u32,
        counted: Option<(Role, &str)>,
        proves: bool,
    ) -> bool {
        let is_nothing = match (&self.decided, reporter) {
            (Some(decided), Some(reporter)) => match self.find(reporter) {
                Ok(at) => received >= self.reporters[at].received,
                Err(_) => {
                    !self.is_in_time(decided, received)
                        || !decided.is_upheld()
                        || !(proves || changes_support(self, received, decided.first))
                }
            },
            _ => true,
        };
        is_nothing
            && match (&self.facts, counted) {
                (Some(facts), Some((role, category))) if facts.decisions.is_some() => {
                    facts.is_known(role, i64::from(received), category)
                }
                _ => true,
            }
    }

    /// When (ms) the record is no longer needed; `newest` is the time of its newest report.
    pub fn needed_until(&self, newest: i64) -> i64 {
        match &self.decided {
            None => newest + UNDECIDED_DAYS * DAY,
            Some(decided) => decided.first * 1_000 + DECIDED_DAYS * DAY,
        }
    }

    pub fn has(&self, reporter: u64) -> bool {
        self.find(reporter).is_ok()
    }

    /// Whether a source or one of its parts has reported the message.
    pub fn has_found(&self, root: u64) -> bool {
        self.has(root) || self.found.iter().any(|(_, finding)| finding.root == root)
    }

    /// The first report of somebody who is no detector, if it is known which one it was.
    pub fn report_of(&self, reporter: u64) -> Option<(u32, &Identity)> {
        let one = &self.reporters[self.find(reporter).ok()?];
        let is_found = place(&self.found, reporter).is_ok();
        one.identity.as_ref().filter(|_| !is_found).map(|identity| (one.received, identity))
    }

    /// Whether the first report of somebody, received then (s), is credited with the decision: not if all are kept that may
    /// be, as nobody is dropped then.
    fn is_in_time(&self, decided: &Decided, received: u32) -> bool {
        i64::from(received) < decided.first && self.reporters.len() < KEPT
    }

    /// Note a report that `changes_no_decision`, of a detector with its finding. Return what is to be told of a decision
    /// about the message that was applied before: if it is the first one of somebody.
    pub fn add_report(
        &mut self,
        reporter: u64,
        received: u32,
        identity: Identity,
        finding: Option<Finding>,
    ) -> Option<Told> {
        let mut told = None;
        match self.find(reporter) {
            Ok(at) => {
                let known = &mut self.reporters[at];
                if received >= known.received {
                    return None;
                }
                *known = Reported { reporter, received, identity: Some(identity) };
            }
            Err(at) => {
                self.reports += 1;
                told = self.decided.as_deref().map(|decided| self.told(decided, received));
                if self.reporters.len() == KEPT {
                    self.sampled = true;
                    // After a decision nobody is dropped: a credit was given, and must be reversible.
                    if told.is_some() || at == KEPT {
                        return told;
                    }
                    self.drop_last();
                }
                self.reporters.insert(at, Reported { reporter, received, identity: Some(identity) });
            }
        }
        if let Some(finding) = finding {
            match place(&self.found, reporter) {
                Ok(at) => self.found[at].1 = finding,
                Err(at) => self.found.insert(at, (reporter, finding)),
            }
        }
        told
    }

    fn told(&self, decided: &Decided, received: u32) -> Told {
        if !self.is_in_time(decided, received) {
            return Told::TooLate;
        }
        Told::InTime { is_confirmed: decided.is_upheld() && is_confirmed(self, received, decided.first) }
    }

    /// When (s) the first report of somebody was received.
    pub fn received(&self, reporter: u64) -> Option<u32> {
        self.find(reporter).ok().map(|at| self.reporters[at].received)
    }

    /// Note where a reporter of the message was right elsewhere.
    pub fn add_proof(&mut self, reporter: u64, proof: Vec<u64>) {
        if !self.has(reporter) || self.proofs.len() >= MOST_PROOFS {
            return;
        }
        if let Err(at) = place(&self.proofs, reporter) {
            self.proofs.insert(at, (reporter, proof));
        }
    }

    fn drop_last(&mut self) {
        if let Some(Reported { reporter, .. }) = self.reporters.pop() {
            self.found.retain(|(one, _)| *one != reporter);
            self.proofs.retain(|(one, _)| *one != reporter);
        }
    }

    /// The categories in which notices name the message, none if that is not known.
    pub fn reported_as(&self) -> impl Iterator<Item = &str> {
        let items = self.facts.iter().flat_map(|facts| &facts.items);
        self.notice.iter().map(|notice| &notice.category).chain(items).map(|category| &**category)
    }

    /// Note how it was reported; return in which counts of items it is new, None if nothing has changed.
    pub fn add_to_facts(
        &mut self,
        role: Role,
        received: i64,
        country: &str,
        category: &str,
    ) -> Option<NewItems> {
        let first = || FirstReport { received, country: country.into(), category: category.into() };
        match (&self.facts, &self.notice) {
            (Some(facts), _) if facts.is_known(role, received, category) => return None,
            (Some(_), _) => {}
            (None, Some(notice)) if role == Role::Notice && notice.covers(received, category) => return None,
            (None, Some(_)) => {}
            (None, None) if role == Role::Notice => {
                self.notice = Some(first());
                return Some(NewItems { any_notice: true, trusted_flagger_notice: false });
            }
            (None, None) => {}
        }
        let notice = self.notice.take();
        let facts = self.facts.get_or_insert_with(Box::default);
        if let Some(notice) = notice {
            facts.add_report(Role::Notice, notice);
        }
        Some(facts.add_report(role, first()))
    }

    fn find(&self, reporter: u64) -> Result<usize, usize> {
        self.reporters.binary_search_by(|one| one.reporter.cmp(&reporter))
    }
}

fn place<T>(by_reporter: &[(u64, T)], reporter: u64) -> Result<usize, usize> {
    by_reporter.binary_search_by(|(one, _)| one.cmp(&reporter))
}

impl FirstReport {
    fn covers(&self, received: i64, category: &str) -> bool {
        received > self.received && *self.category == *category
    }
}

impl Facts {
    /// Whether a report changes nothing, as nearly all further reports of a message.
    fn is_known(&self, role: Role, received: i64, category: &str) -> bool {
        let (first, items) = match role {
            Role::Notice => (&self.notice, &self.items),
            Role::Detection => {
                return self.detection.as_ref().is_some_and(|first| received > first.received);
            }
            // Then it is known as a notice as well: every one of a trusted flagger is.
            Role::TrustedFlaggerNotice => (&self.trusted, &self.trusted_items),
        };
        first.as_ref().is_some_and(|first| received > first.received) && has(items, category)
    }

    fn add_report(&mut self, role: Role, report: FirstReport) -> NewItems {
        let mut new = NewItems::default();
        if role == Role::Detection {
            keep_first(&mut self.detection, &report);
            return new;
        }
        keep_first(&mut self.notice, &report);
        new.any_notice = add_item(&mut self.items, &report.category);
        if role == Role::TrustedFlaggerNotice {
            keep_first(&mut self.trusted, &report);
            new.trusted_flagger_notice = add_item(&mut self.trusted_items, &report.category);
        }
        new
    }
}

fn keep_first(first: &mut Option<FirstReport>, report: &FirstReport) {
    let is_first = first.as_ref().is_none_or(|known| report.cmp(known) == Ordering::Less);
    if is_first {
        *first = Some(report.clone());
    }
}

/// Add a category to those in which a message is an item; return whether it is new there.
fn add_item(items: &mut Vec<Box<str>>, category: &str) -> bool {
    let is_new = !has(items, category);
    if is_new {
        items.push(category.into());
    }
    is_new
}

fn has(items: &[Box<str>], category: &str) -> bool {
    items.iter().any(|item| **item == *category)
}
