//! What one call counts for transparency reports, in the order in which deciding/partition/daily_counters.py would have counted it.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Country and category as places in their lists, then the kind of reporter and the kind of report.
type Cell = (usize, u8, u8, u8);

/// Country, category, cell, number, and when (ms) the last of that country and category was counted.
pub type CountedRow<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyTuple>, i64, i64);

/// The cells counted so far. There are few, so they are searched one by one.
#[derive(Default)]
pub struct DailyCells {
    cells: Vec<(Cell, i64)>,
    groups: Vec<((usize, u8), i64)>,
}

impl DailyCells {
    pub fn clear(&mut self) {
        self.cells.clear();
        self.groups.clear();
    }

    pub fn count(&mut self, cell: Cell, now: i64) {
        match self.cells.iter_mut().find(|known| known.0 == cell) {
            Some(known) => known.1 += 1,
            None => self.cells.push((cell, 1)),
        }
        let group = (cell.0, cell.1);
        match self.groups.iter_mut().find(|known| known.0 == group) {
            Some(known) => known.1 = now,
            None => self.groups.push((group, now)),
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = (Cell, i64, i64)> + '_ {
        self.cells.iter().map(move |&(cell, number)| {
            let at = self.groups.iter().find(|known| known.0 == (cell.0, cell.1)).map_or(0, |known| known.1);
            (cell, number, at)
        })
    }
}
