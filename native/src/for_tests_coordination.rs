//! What the tests call to compare the signs of coordinated reporting with Python's, one piece at a time. A worker calls none
//! of it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrivals::{Arrival, Arrivals, Signs};
use crate::assessment;
use crate::clusters::{self, ClusterSums, Clusters, Joined};
use crate::signature::{self, Signature};
use crate::targets::read_signature;

/// The fields of ClusterSums.
type Sums = (i64, i64, i64, i64);
/// The fields of Signs.
type Shares = (i64, f64, f64, f64, f64, f64, f64);

/// Functions of signatures, each in its bytes, and of sums.
#[pyclass]
pub struct CoordinationForTests;

#[pymethods]
impl CoordinationForTests {
    #[staticmethod]
    fn used_bins(signature: &[u8]) -> PyResult<i64> {
        Ok(signature::used_bins(&signature_of(signature)?))
    }

    #[staticmethod]
    fn linked(one: &[u8], other: &[u8], needed: i64) -> PyResult<bool> {
        Ok(signature::linked(&signature_of(one)?, &signature_of(other)?, needed))
    }

    #[staticmethod]
    fn group_of(signature: &[u8]) -> PyResult<u64> {
        Ok(signature::group_of(&signature_of(signature)?))
    }

    #[staticmethod]
    fn voices_millionths(sums: Sums) -> i64 {
        clusters::voices_millionths(&sums_of(sums))
    }

    #[staticmethod]
    fn linked_of(sums: Sums) -> i64 {
        clusters::linked_of(&sums_of(sums))
    }

    #[staticmethod]
    fn suspected(sums: Sums, shares: Shares) -> bool {
        let (reporters, usual, first_time, young, outsiders, repeating, disagreement) = shares;
        let signs = Signs { reporters, usual, first_time, young, outsiders, repeating, disagreement };
        assessment::suspected(&sums_of(sums), &signs)
    }

    #[staticmethod]
    fn is_burst(reporters: i64, usual: f64) -> bool {
        assessment::is_burst(reporters, usual)
    }
}

#[pyclass]
pub struct ClustersForTests(Clusters);

#[pymethods]
impl ClustersForTests {
    #[new]
    fn new() -> Self {
        ClustersForTests(Clusters::default())
    }

    #[staticmethod]
    fn decode(bytes: &[u8]) -> Option<Self> {
        Clusters::decode(bytes).map(ClustersForTests)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.0.encode(&mut out);
        out
    }

    fn add(&mut self, signature: &[u8], needed: i64, known: bool) -> PyResult<(bool, i64, Sums)> {
        let Joined { first, size, added } = self.0.add(&signature_of(signature)?, needed, known);
        Ok((first, size, (added.reports, added.linked, added.known, added.squares)))
    }
}

#[pyclass]
pub struct ArrivalsForTests(Arrivals);

#[pymethods]
impl ArrivalsForTests {
    #[new]
    fn new() -> Self {
        ArrivalsForTests(Arrivals::default())
    }

    #[staticmethod]
    fn decode(bytes: &[u8]) -> Option<Self> {
        Arrivals::decode(bytes).map(ArrivalsForTests)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.0.encode(&mut out);
        out
    }

    fn add(
        &mut self,
        time_ms: i64,
        reporter: u64,
        category: i64,
        first_time: bool,
        young: bool,
        outsider: bool,
    ) {
        self.0.add(time_ms, &Arrival { reporter, category, first_time, young, outsider });
    }

    fn signs(&self) -> Shares {
        let Signs { reporters, usual, first_time, young, outsiders, repeating, disagreement } =
            self.0.signs();
        (reporters, usual, first_time, young, outsiders, repeating, disagreement)
    }

    fn may_be_fresh(&self) -> bool {
        self.0.may_be_fresh()
    }

    fn is_after(&self, time_ms: i64) -> bool {
        self.0.is_after(time_ms)
    }
}

fn signature_of(bytes: &[u8]) -> PyResult<Signature> {
    let found =
        read_signature(bytes).ok_or_else(|| PyValueError::new_err("not the length of a signature"))?;
    Ok(found.unwrap_or_default())
}

fn sums_of((reports, linked, known, squares): Sums) -> ClusterSums {
    ClusterSums { reports, linked, known, squares }
}
