//! What is computed for a report of a category (`CategoryPlan` of streams/deciding/reports/rules.py), as it is handed over.

use std::collections::HashMap;

use pyo3::prelude::*;
use serde::Deserialize;

use crate::document::unfit;
use crate::policies::{Policy, PolicyRules};
use crate::windows::{fine_of, Window};

pub struct Plan {
    /// The place among all categories, and the code of the category.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowRules {
    ring: usize,
    panes: i64,
    text: String,
    live: bool,
}

/// `PlanRules` of streams/deciding/reports/native/plan_rules.py.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRules {
    category: String,
    code: i64,
    suffix: String,
    windows: Vec<WindowRules>,
    policies: Vec<PolicyRules>,
    judged_together: Vec<String>,
    floor: bool,
    dsa: String,
    silences: bool,
}

/// The plans by category, without those that have a policy which only Python judges. `categories` are all that there are.
pub fn read_plans(
    py: Python,
    plans: Vec<PlanRules>,
    categories: &[String],
) -> PyResult<HashMap<String, Plan>> {
    let mut read = HashMap::new();
    for rules in plans {
        let Some(number) = categories.iter().position(|category| *category == rules.category) else {
            return Err(unfit(format!("`categories` lacks {}", rules.category)));
        };
        if let Some(plan) = Plan::of(py, rules, number)? {
            read.insert(plan.category.clone(), plan);
        }
    }
    Ok(read)
}

impl Plan {
    fn of(py: Python, rules: PlanRules, number: usize) -> PyResult<Option<Self>> {
        let window = |rules: &WindowRules| Window { ring: rules.ring, panes: rules.panes };
        let live_windows = rules.windows.iter().filter(|rules| rules.live).map(window).collect();
        let windows: Vec<_> = rules.windows.into_iter().map(|rules| (window(&rules), rules.text)).collect();
        let policies = rules.policies.into_iter().map(|policy| Policy::of(py, policy, &windows));
        let Some(policies) = policies.collect::<PyResult<Option<Vec<_>>>>()? else { return Ok(None) };
        Ok(Some(Plan {
            number,
            code: rules.code,
            category: rules.category,
            suffix: rules.suffix.into_bytes(),
            windows,
            policies,
            judged_together: rules.judged_together.into_iter().map(String::into_bytes).collect(),
            floor: rules.floor,
            live_windows,
            dsa: rules.dsa.into_bytes(),
            silences: rules.silences,
        }))
    }

    pub fn longest(&self) -> Window {
        self.windows[self.windows.len() - 1].0
    }

    /// Whether a report is in the window of now of no live policy, though there are some.
    pub fn is_outside(&self, occurred_ms: i64, now_ms: i64) -> bool {
        let (fine, now) = (fine_of(occurred_ms), fine_of(now_ms));
        !self.live_windows.is_empty() && self.live_windows.iter().all(|window| fine < window.start(now))
    }
}
