//! What the tests call to see how a table of keys grows, and how keys and strings are kept. A worker calls none of it.

use pyo3::prelude::*;

use crate::entries::Entries;
use crate::key_table::{KeyTable, FULL};
use crate::pool::{Place, Pool};
use crate::short_key::{shortened, whole};

/// A table of keys with the keys themselves.
#[pyclass]
#[derive(Default)]
pub struct KeysForTests {
    keys: Entries<Vec<u8>>,
    table: KeyTable,
}

#[pymethods]
impl KeysForTests {
    /// The most keys of a part: an addition moves no others.
    #[classattr]
    const FULL: usize = FULL;

    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Add a key that is not there.
    fn add(&mut self, key: Vec<u8>) {
        let hash = self.table.hash(&key);
        let at = self.keys.push(key);
        self.table.add(hash, at);
    }

    /// The place of a key, which is how many were added before it.
    fn find(&self, key: &[u8]) -> Option<usize> {
        self.table.find(self.table.hash(key), |at| self.keys[at] == key)
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(at) = self.find(key) {
            self.table.remove(self.table.hash(key), at);
        }
    }

    /// How many keys each part has.
    fn parts(&self) -> Vec<usize> {
        self.table.parts().collect()
    }

    fn places(&self) -> Vec<usize> {
        self.table.iter().collect()
    }
}

/// A key as it is kept, and read back.
#[pyfunction]
pub fn short_key(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let short = shortened(key);
    let again = whole(&short);
    (short, again)
}

/// A pool of strings, by the order in which they were added.
#[pyclass]
#[derive(Default)]
pub struct PoolForTests {
    pool: Pool,
    places: Vec<Place>,
}

#[pymethods]
impl PoolForTests {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    fn memory(&self) -> usize {
        self.pool.memory()
    }

    fn add(&mut self, begin: &[u8], end: &[u8]) -> usize {
        self.places.push(self.pool.add([begin, end]));
        self.places.len() - 1
    }

    fn get(&self, number: usize) -> &[u8] {
        self.pool.get(self.places[number])
    }

    fn replace_end(&mut self, number: usize, begin: usize, end: &[u8]) {
        self.places[number] = self.pool.replace_end(self.places[number], begin, end);
    }

    fn remove(&mut self, number: usize) {
        self.pool.remove(self.places[number]);
    }
}
