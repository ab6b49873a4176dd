//! What is computed for a report of a category (`CategoryPlan` of streams/deciding/reports/rules.py), as it is handed over.

use std::collections::HashMap;

use pyo3::prelude::*;

use crate::policies::{Policy, PolicyRow};
use crate::windows::{fine_of, Window};

pub struct Plan {
    /// The place among the plans, and the code of the category.
    pub number: usize,
    pub code: i64,
    pub category: String,
    pub suffix: Vec<u8>,
    /// With their texts, the shortest first.
    pub windows: Vec<(Window, String)>,
    pub policies: Vec<Policy>,
    pub judged_together: Vec<Vec<u8>>,
    pub floor: bool,
    live_windows: Vec<Window>,
    /// Category and keywords in the EU's transparency database, as an enriched report has them.
    pub dsa: Vec<u8>,
    /// Whether a further member of a cluster adds no risk.
    pub silences: bool,
}

#[derive(FromPyObject)]
struct PlanRow {
    #[pyo3(item)]
    number: usize,
    #[pyo3(item)]
    code: i64,
    #[pyo3(item)]
    suffix: Vec<u8>,
    #[pyo3(item)]
    windows: Vec<(usize, i64, String)>,
    #[pyo3(item)]
    policies: Vec<PolicyRow>,
    #[pyo3(item)]
    judged_together: Vec<Vec<u8>>,
    #[pyo3(item)]
    floor: bool,
    #[pyo3(item)]
    live_windows: Vec<(usize, i64)>,
    #[pyo3(item)]
    dsa: Vec<u8>,
    #[pyo3(item)]
    silences: bool,
}

/// The plans by category, without those that have a policy which only Python judges. Each row is a dict by the names of the fields.
pub fn read_plans(rows: &Bound<PyAny>) -> PyResult<HashMap<String, Plan>> {
    let rows: Vec<(String, PlanRow)> = rows.extract()?;
    let mut plans = HashMap::new();
    for (category, row) in rows {
        let Some(policies) = row.policies.into_iter().map(Policy::of).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let plan = Plan {
            number: row.number,
            code: row.code,
            category: category.clone(),
            suffix: row.suffix,
            windows: row
                .windows
                .into_iter()
                .map(|(ring, panes, text)| (Window { ring, panes }, text))
                .collect(),
            policies,
            judged_together: row.judged_together,
            floor: row.floor,
            live_windows: row.live_windows.into_iter().map(|(ring, panes)| Window { ring, panes }).collect(),
            dsa: row.dsa,
            silences: row.silences,
        };
        plans.insert(category, plan);
    }
    Ok(plans)
}

impl Plan {
    pub fn longest(&self) -> Window {
        self.windows[self.windows.len() - 1].0
    }

    /// Whether a report is in the window of now of no live policy, though there are some.
    pub fn is_outside(&self, occurred_ms: i64, now_ms: i64) -> bool {
        let (fine, now) = (fine_of(occurred_ms), fine_of(now_ms));
        !self.live_windows.is_empty() && self.live_windows.iter().all(|window| fine < window.start(now))
    }
}
