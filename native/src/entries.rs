//! Entries by their places, which are not moved when there are more of them.

use std::ops::{Index, IndexMut};

/// How many entries a block has. A vector that doubles copies all of them: ten million are hundreds of megabytes.
const BLOCK: usize = 4_096;

pub struct Entries<T> {
    /// All but the last are full.
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        // Most partitions need no more than a part of the first one.
        Entries { blocks: vec![Vec::new()] }
    }
}

impl<T> Entries<T> {
    pub fn len(&self) -> usize {
        (self.blocks.len() - 1) * BLOCK + self.blocks[self.blocks.len() - 1].len()
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// Add an entry; return its place.
    pub fn push(&mut self, entry: T) -> usize {
        let at = self.len();
        if at % BLOCK == 0 && at > 0 {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        self.blocks[at / BLOCK].push(entry);
        at
    }
}

impl<T> Index<usize> for Entries<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.blocks[at / BLOCK][at % BLOCK]
    }
}

impl<T> IndexMut<usize> for Entries<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.blocks[at / BLOCK][at % BLOCK]
    }
}
