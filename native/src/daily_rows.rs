//! What a call counts for its day (`DailyCounters.count` of streams/deciding/partition/daily_counters.py).

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::IntoPyObjectExt;

use crate::message::NewItems;

/// A report by kind of reporter and of report, or a new item by who named it. Numbers are places in lists of words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Report { reporter: usize, kind: usize, automated: bool },
    Item(usize),
}

struct Row {
    country: String,
    /// The place of the category's plan.
    category: usize,
    cell: Cell,
    number: i64,
    now: i64,
}

/// Rows in the order in which the first of each was counted.
#[derive(Default)]
pub struct DailyRows(Vec<Row>);

/// Who named an item, in the order of `NewItems`.
pub const ITEMS: [&str; 2] = ["any_notice", "trusted_flagger_notice"];

impl DailyRows {
    pub fn count(&mut self, now: i64, country: &str, category: usize, cell: Cell) {
        let is_it =
            |row: &&mut Row| row.category == category && row.cell == cell && row.country.as_str() == country;
        match self.0.iter_mut().find(is_it) {
            Some(row) => {
                row.number += 1;
                row.now = now;
            }
            None => self.0.push(Row { country: country.to_owned(), category, cell, number: 1, now }),
        }
    }

    pub fn count_items(&mut self, now: i64, country: &str, category: usize, new: NewItems) {
        for (at, is_new) in [new.any_notice, new.trusted_flagger_notice].into_iter().enumerate() {
            if is_new {
                self.count(now, country, category, Cell::Item(at));
            }
        }
    }

    /// The arguments of `DailyCounters.count` for each row. Those of one counter have its latest time.
    pub fn calls<'py>(
        &self,
        py: Python<'py>,
        categories: &[String],
        reporters: &[String],
        kinds: &[String],
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let call = |row: &Row| {
            let of_counter = |other: &&Row| other.category == row.category && other.country == row.country;
            let now = self.0.iter().filter(of_counter).map(|other| other.now).max();
            let cell = match row.cell {
                Cell::Report { reporter, kind, automated } => {
                    (&reporters[reporter], &kinds[kind], automated, false, false).into_bound_py_any(py)?
                }
                Cell::Item(at) => ("items", ITEMS[at]).into_bound_py_any(py)?,
            };
            (now, &row.country, &categories[row.category], cell, row.number).into_pyobject(py)
        };
        self.0.iter().map(call).collect()
    }
}
