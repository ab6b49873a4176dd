//! The risk of one report, as in deciding/reports/risk.py: what a cohort has in common comes from there.

use crate::json::write_float;
use crate::report::Report;

const MILLION: f64 = 1_000_000.0;

/// The reporters of one kind, membership and age of account, in one category.
#[derive(Clone)]
pub struct Cohort {
    odds: f64,
    prior: f64,
    severity: f64,
    millionths: i64,
    /// The published risk of a report without a classifier.
    json: Vec<u8>,
    /// The published components up to the classifier's score.
    components: Vec<u8>,
}

/// Category, kind of reporter, membership, age of account; odds, odds of the prior, severity, risk in millionths; the texts.
pub type CohortRow = ((usize, usize, Option<bool>, Option<usize>), (f64, f64, f64, i64), (Vec<u8>, Vec<u8>));

pub struct RiskModel {
    cohorts: Vec<Option<Cohort>>,
    kinds: usize,
    ages: usize,
    anonymous: usize,
    classifier_limit: f64,
}

impl RiskModel {
    /// `kinds` and `ages` are the numbers of their words, `anonymous` is the place of that kind of reporter.
    pub fn new(
        rows: Vec<CohortRow>,
        categories: usize,
        kinds: usize,
        ages: usize,
        anonymous: usize,
        classifier_limit: f64,
    ) -> Self {
        let mut model = RiskModel {
            cohorts: vec![None; categories * kinds * 3 * (ages + 1)],
            kinds,
            ages,
            anonymous,
            classifier_limit,
        };
        for ((category, kind, member, age), (odds, prior, severity, millionths), (json, components)) in rows {
            let place = model.place(category, kind, member, age);
            model.cohorts[place] = Some(Cohort { odds, prior, severity, millionths, json, components });
        }
        model
    }

    fn place(&self, category: usize, kind: usize, member: Option<bool>, age: Option<usize>) -> usize {
        let member = member.map_or(0, |is| 1 + usize::from(is));
        let age = age.map_or(0, |age| 1 + age);
        ((category * self.kinds + kind) * 3 + member) * (self.ages + 1) + age
    }

    pub fn cohort(&self, report: &Report) -> Option<&Cohort> {
        let place = match &report.reporter {
            None => self.place(report.category.into(), self.anonymous, None, None),
            Some(one) => {
                self.place(report.category.into(), one.kind.into(), one.member, one.age.map(usize::from))
            }
        };
        self.cohorts[place].as_ref()
    }

    /// Write the published risk of a report, and return it in millionths.
    pub fn write(&self, cohort: &Cohort, report: &Report, out: &mut Vec<u8>) -> i64 {
        let classifier = match &report.classifier {
            None => {
                out.extend_from_slice(&cohort.json);
                return cohort.millionths;
            }
            Some(classifier) => classifier.score,
        };
        let limit = self.classifier_limit;
        let ratio = if classifier == 1.0 { limit } else { classifier / ((1.0 - classifier) * cohort.prior) };
        let within = if ratio > limit {
            limit
        } else if ratio < 1.0 / limit {
            1.0 / limit
        } else {
            ratio
        };
        let odds = cohort.odds * within;
        let probability = odds / (1.0 + odds);
        let millionths = round_half_even(cohort.severity * probability * MILLION);
        out.extend_from_slice(b"{\"score\":");
        write_float(out, millionths / MILLION);
        out.extend_from_slice(&cohort.components);
        write_float(out, classifier);
        out.extend_from_slice(b",\"probability\":");
        write_float(out, round_half_even(probability * MILLION) / MILLION);
        out.extend_from_slice(b"}}");
        // Python reads it back from the score: the nearest whole number is the one it was made of.
        millionths as i64
    }
}

/// As Python's round(), for numbers far below 2 ** 52.
fn round_half_even(number: f64) -> f64 {
    let rounded = number.round();
    if (rounded - number).abs() == 0.5 {
        2.0 * (number / 2.0).round()
    } else {
        rounded
    }
}
