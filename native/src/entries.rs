//! Entries by their places, which are not moved when there are more of them.

use std::ops::{Index, IndexMut};

use crate::blocks::Blocks;

/// How many entries a block has. A vector that doubles copies all of them: ten million are hundreds of megabytes. Blocks are
/// small, because larger ones do not fit between what else is allocated for a while: see CHUNK in pool.rs.
const BLOCK: usize = 512;

pub struct Entries<T> {
    blocks: Blocks<T, BLOCK>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries { blocks: Blocks::default() }
    }
}

impl<T> Entries<T> {
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        (at < self.len()).then(|| &self[at])
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter()
    }

    /// Add an entry; return its place.
    pub fn push(&mut self, entry: T) -> usize {
        self.blocks.last().push(entry);
        self.len() - 1
    }
}

impl<T> Index<usize> for Entries<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.blocks.block(at / BLOCK)[at % BLOCK]
    }
}

impl<T> IndexMut<usize> for Entries<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.blocks.block_mut(at / BLOCK)[at % BLOCK]
    }
}
