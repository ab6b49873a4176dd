//! The rules of the home of channels, as they are handed over.

use pyo3::prelude::*;
use serde::Deserialize;

use crate::channel_call::Kind;
use crate::channel_output::EnrichedRules;
use crate::channel_plan::PlanRules;
use crate::document::unfit;
use crate::entry::kind_of;
use crate::hash::ReporterHash;
use crate::message::Role;
use crate::risk::RiskModel;

/// The document of `streams/deciding/reports/native/home_rules.py`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelHomeRules {
    pub categories: Vec<String>,
    pub plans: Vec<PlanRules>,
    pub reporters: Vec<ReporterRow>,
    kinds: Vec<String>,
    roles: Vec<RoleRow>,
    pub hash_key: ReporterHash,
    pub risk: RiskModel,
    pub days_of_change: Vec<i64>,
    pub sample_share: f64,
    pub proven_voices: i64,
    pub integrity_is_live: bool,
    pub enriched: EnrichedRules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReporterRow {
    kind: String,
    is_finder: bool,
    is_told: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRow {
    kind: String,
    reporter: String,
    #[serde(deserialize_with = "Option::deserialize")]
    role: Option<Role>,
}

impl From<ReporterRow> for Kind {
    fn from(row: ReporterRow) -> Self {
        Kind { kind: kind_of(&row.kind), name: row.kind, is_finder: row.is_finder, is_told: row.is_told }
    }
}

impl ChannelHomeRules {
    /// The place of a kind of reporter that must be there.
    pub fn place_of_reporter(&self, kind: &str) -> PyResult<usize> {
        let place = self.reporters.iter().position(|reporter| reporter.kind == kind);
        place.ok_or_else(|| unfit(format!("`reporters` lacks {kind}")))
    }

    /// Kinds of reports, with what a report of it by each kind of reporter is.
    pub fn kinds_with_roles(&self) -> PyResult<Vec<(String, Vec<Option<Role>>)>> {
        let of = |kind: &String| {
            let roles = self.reporters.iter().map(|reporter| self.role(kind, &reporter.kind));
            Ok((kind.clone(), roles.collect::<PyResult<_>>()?))
        };
        self.kinds.iter().map(of).collect()
    }

    fn role(&self, kind: &str, reporter: &str) -> PyResult<Option<Role>> {
        let row = self.roles.iter().find(|row| row.kind == kind && row.reporter == reporter);
        row.map(|row| row.role).ok_or_else(|| unfit(format!("`roles` lacks {kind} by {reporter}")))
    }
}
