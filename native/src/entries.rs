//! Entries by their places, which are not moved when there are more of them.

use std::ops::{Index, IndexMut};

/// How many entries a block has. A vector that doubles copies all of them: ten million are hundreds of megabytes. Blocks are
/// small, because larger ones do not fit between what else is allocated for a while: see CHUNK in pool.rs.
const BLOCK: usize = 512;

pub struct Entries<T> {
    full: Vec<Box<[T; BLOCK]>>,
    last: Vec<T>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        // Most partitions need no more than a part of the first block, which grows.
        Entries { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Entries<T> {
    pub fn len(&self) -> usize {
        self.full.len() * BLOCK + self.last.len()
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        (at < self.len()).then(|| &self[at])
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flat_map(|full| full.iter()).chain(&self.last)
    }

    /// Add an entry; return its place.
    pub fn push(&mut self, entry: T) -> usize {
        if self.last.len() == BLOCK {
            let block = std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK)).into_boxed_slice();
            let Ok(full) = block.try_into() else { unreachable!("it has as many entries as a block") };
            self.full.push(full);
        }
        self.last.push(entry);
        self.len() - 1
    }
}

impl<T> Index<usize> for Entries<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        debug_assert!(at < self.len());
        &self.full.get(at / BLOCK).map_or(&self.last[..], |full| &full[..])[at % BLOCK]
    }
}

impl<T> IndexMut<usize> for Entries<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        debug_assert!(at < self.len());
        &mut self.full.get_mut(at / BLOCK).map_or(&mut self.last[..], |full| &mut full[..])[at % BLOCK]
    }
}
