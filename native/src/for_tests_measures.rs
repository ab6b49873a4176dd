//! What the tests call to compare the measures of a window with Python's. A worker does not call it.

use pyo3::prelude::*;

use crate::measures::{Condition, Measure, Measured};
use crate::stamped_sums::SumsTypes;
use crate::sums::{Sums, WindowCounts};

/// The measure of this name, and whether it is in [low, high); None for one that is compared with something else.
///
/// `counts` is Python's WindowCounts, `module` its module.
#[pyfunction]
pub fn read_measure(
    module: &Bound<PyAny>,
    counts: &Bound<PyAny>,
    name: &str,
    low: i64,
    high: i64,
) -> PyResult<Option<(i64, bool)>> {
    let number = |name: &str| counts.getattr(name)?.extract::<i64>();
    let stamped = SumsTypes::of(module)?.read(&counts.getattr("stamped")?)?;
    let sums = Sums {
        reports: number("reports")?,
        risk: number("risk")? - stamped.unnamed(),
        trusted_flaggers: number("trusted_flaggers")?,
        automated: number("automated")?,
        state_actors: number("state_actors")?,
        anonymous: number("anonymous")?,
        without_ref: number("without_ref")?,
    };
    let distinct_reporters = number("distinct_reporters")?;
    let window = Measured { counts: WindowCounts { sums, distinct_reporters }, stamped };
    Ok(Measure::named(name).map(|measure| {
        let value = measure.read(&window);
        (value, Condition { measure, low, high }.holds(&window))
    }))
}
