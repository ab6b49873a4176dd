//! The risk of one report (streams/deciding/reports/risk.py), by the same operations on floats in the same order.

use serde::Deserialize;

use crate::json::{write_float, write_null};
use crate::vocabulary::Words;

const MILLION: f64 = 1_000_000.0;
/// A reporter is a member, or not, or that is unknown.
const MEMBERSHIPS: usize = 3;

/// A report's risk and its components, as they are published.
#[derive(Clone, Copy)]
pub struct Risk {
    pub score: f64,
    pub severity: f64,
    pub prior: f64,
    pub weight: f64,
    pub classifier: Option<f64>,
    pub probability: f64,
}

impl Risk {
    fn new(severity: f64, prior: f64, weight: f64, classifier: Option<f64>, odds: f64) -> Self {
        let probability = odds / (1.0 + odds);
        Risk {
            score: to_millionths(severity * probability),
            severity,
            prior,
            weight,
            classifier,
            probability: to_millionths(probability),
        }
    }

    /// The score in millionths: exactly the integer from which it was made.
    pub fn millionths(&self) -> i64 {
        (self.score * MILLION).round_ties_even() as i64
    }

    /// Write it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut number = |name: &str, number| {
            out.extend_from_slice(name.as_bytes());
            write_float(out, number);
        };
        number(r#"{"score":"#, self.score);
        number(r#","components":{"severity":"#, self.severity);
        number(r#","prior":"#, self.prior);
        number(r#","reporter_weight":"#, self.weight);
        out.extend_from_slice(br#","classifier":"#);
        match self.classifier {
            Some(score) => write_float(out, score),
            None => write_null(out),
        }
        out.extend_from_slice(br#","probability":"#);
        write_float(out, self.probability);
        out.extend_from_slice(b"}}");
    }
}

/// Reporters of a kind, membership and age of account in a category, and their risk without a classifier. `full` is their
/// weight before it is limited to `most`.
#[derive(Clone, Copy)]
struct Cohort {
    odds: f64,
    prior: f64,
    risk: Risk,
    full: f64,
    most: f64,
}

/// The table of `streams/deciding/reports/native/risk_table.py`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RiskTable {
    classifier_limit: f64,
    reporter_limit: f64,
    categories: Vec<CategoryRisk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryRisk {
    category: String,
    severity: f64,
    prior: f64,
    prior_odds: f64,
    cohorts: Vec<CohortRisk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CohortRisk {
    reporter: String,
    #[serde(deserialize_with = "Option::deserialize")]
    member: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    account_age: Option<String>,
    odds: f64,
    score: f64,
    probability: f64,
    reporter_weight: f64,
    full_weight: f64,
    most_weight: f64,
}

#[derive(Deserialize)]
#[serde(from = "RiskTable")]
pub struct RiskModel {
    classifier_limit: f64,
    limit: f64,
    categories: Words,
    kinds: Words,
    ages: Words,
    /// By category, kind, membership and age.
    cohorts: Vec<Option<Cohort>>,
}

impl From<RiskTable> for RiskModel {
    fn from(table: RiskTable) -> Self {
        let (mut categories, mut kinds, mut ages) = (Vec::new(), Vec::new(), Vec::new());
        for of in &table.categories {
            add(&mut categories, &of.category);
            for cohort in &of.cohorts {
                add(&mut kinds, &cohort.reporter);
                cohort.account_age.iter().for_each(|age| add(&mut ages, age));
            }
        }
        let places = categories.len() * kinds.len() * MEMBERSHIPS * (1 + ages.len());
        let mut model = RiskModel {
            classifier_limit: table.classifier_limit,
            limit: table.reporter_limit,
            categories: Words::from(categories),
            kinds: Words::from(kinds),
            ages: Words::from(ages),
            cohorts: vec![None; places],
        };
        for of in &table.categories {
            for one in &of.cohorts {
                let age = one.account_age.as_deref();
                if let Some(place) = model.place(&of.category, &one.reporter, one.member, age) {
                    model.cohorts[place] = Some(Cohort::new(of, one));
                }
            }
        }
        model
    }
}

impl RiskModel {
    /// The risk of a report; one without a reporter is an anonymous one's. `factor` multiplies the weight of its reporter.
    /// None if there is no such cohort.
    pub fn score(
        &self,
        category: &str,
        kind: &str,
        member: Option<bool>,
        age: Option<&str>,
        factor: f64,
        classifier: Option<f64>,
    ) -> Option<Risk> {
        let place = self.place(category, kind, member, age)?;
        let Cohort { mut odds, prior, mut risk, full, most } = self.cohorts[place]?;
        if factor != 1.0 {
            let weight = (full * factor).min(most);
            odds = prior * clamp(odds_of(weight) / prior, self.limit);
            risk = Risk::new(risk.severity, risk.prior, to_millionths(weight), None, odds);
        }
        let Some(confidence) = classifier else { return Some(risk) };
        // A classifier score of 1 means infinite odds; the limit applies.
        let ratio =
            if confidence == 1.0 { self.classifier_limit } else { confidence / ((1.0 - confidence) * prior) };
        odds *= clamp(ratio, self.classifier_limit);
        Some(Risk::new(risk.severity, risk.prior, risk.weight, classifier, odds))
    }

    fn place(&self, category: &str, kind: &str, member: Option<bool>, age: Option<&str>) -> Option<usize> {
        let category = usize::from(self.categories.place(category)?);
        let kind = usize::from(self.kinds.place(kind)?);
        let member = member.map_or(0, |member| 1 + usize::from(member));
        let age = match age {
            Some(age) => 1 + usize::from(self.ages.place(age)?),
            None => 0,
        };
        let ages = 1 + self.ages.len();
        Some(((category * self.kinds.len() + kind) * MEMBERSHIPS + member) * ages + age)
    }
}

impl Cohort {
    fn new(category: &CategoryRisk, one: &CohortRisk) -> Self {
        let risk = Risk {
            score: one.score,
            severity: category.severity,
            prior: category.prior,
            weight: one.reporter_weight,
            classifier: None,
            probability: one.probability,
        };
        let (full, most) = (one.full_weight, one.most_weight);
        Cohort { odds: one.odds, prior: category.prior_odds, risk, full, most }
    }
}

fn add(words: &mut Vec<String>, word: &str) {
    if !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

fn odds_of(probability: f64) -> f64 {
    probability / (1.0 - probability)
}

/// What is within its limits comes out as it is, so there is no need to ask that first.
fn clamp(ratio: f64, limit: f64) -> f64 {
    if ratio > limit {
        limit
    } else {
        ratio.max(1.0 / limit)
    }
}

fn to_millionths(number: f64) -> f64 {
    (number * MILLION).round_ties_even() / MILLION
}
