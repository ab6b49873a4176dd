//! What the home of reporters is told of the rules (streams/deciding/reporters/native/home_rules.py), and what is known of
//! reporters by them.

use pyo3::prelude::*;
use serde::Deserialize;

use crate::hash::ReporterHash;
use crate::part::Band;

/// The document of `streams/deciding/reporters/native/home_rules.py`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReporterHomeRules {
    pub reporters: Vec<ReporterRow>,
    pub categories: Vec<CategoryRow>,
    pub channels: Vec<i64>,
    pub hash_key: ReporterHash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReporterRow {
    pub kind: String,
    pub trust: UntriedTrust,
    #[serde(deserialize_with = "Option::deserialize")]
    pub reports_per_day: Option<i64>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub many_channels: Option<usize>,
    pub has_signature: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    pub band: Option<Band>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntriedTrust {
    pub trust_class: String,
    pub mean: f64,
    pub lower: f64,
    pub outcomes: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryRow {
    pub category: String,
    pub floor: bool,
}

/// What a stamp says of the reporter (Known of deciding/reporters/reporter.py).
#[derive(FromPyObject)]
pub struct Known {
    pub trust: Trust,
    pub first_time: bool,
    /// Tags of channels.
    pub proof: Vec<u64>,
}

/// Of deciding/reporters/trust.py.
#[derive(FromPyObject)]
pub struct Trust {
    pub trust_class: String,
    pub mean: f64,
    pub lower: f64,
    pub outcomes: f64,
    pub factor: f64,
    pub vouched: bool,
}

pub struct Kind {
    /// Of whom no outcome is known.
    pub untried: Known,
    pub reports_per_day: Option<i64>,
    /// The bits of channels from which on a person should look.
    pub many_channels: Option<usize>,
    pub has_signature: bool,
    /// Of detectors.
    pub band: Option<Band>,
}

impl Kind {
    pub fn of(row: ReporterRow) -> (String, Self) {
        let UntriedTrust { trust_class, mean, lower, outcomes } = row.trust;
        let trust = Trust { trust_class, mean, lower, outcomes, factor: 1.0, vouched: false };
        let untried = Known { trust, first_time: true, proof: Vec::new() };
        let ReporterRow { reports_per_day, many_channels, has_signature, band, .. } = row;
        (row.kind, Kind { untried, reports_per_day, many_channels, has_signature, band })
    }
}
