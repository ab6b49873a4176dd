//! Values in blocks of one size, which are not moved when there are more of them.

pub struct Blocks<T, const SIZE: usize> {
    /// A full block is found by one pointer.
    full: Vec<Box<[T; SIZE]>>,
    /// Most partitions need no more than a part of the first one, which grows.
    last: Vec<T>,
}

impl<T, const SIZE: usize> Default for Blocks<T, SIZE> {
    fn default() -> Self {
        Blocks { full: Vec::new(), last: Vec::new() }
    }
}

impl<T, const SIZE: usize> Blocks<T, SIZE> {
    pub fn len(&self) -> usize {
        self.full.len() * SIZE + self.last.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flat_map(|full| full.iter()).chain(&self.last)
    }

    /// The values of a block, of which the last one may have less than the others.
    pub fn block(&self, number: usize) -> &[T] {
        match self.full.get(number) {
            Some(full) => &full[..],
            None => {
                assert_eq!(number, self.full.len());
                &self.last
            }
        }
    }

    pub fn block_mut(&mut self, number: usize) -> &mut [T] {
        let last = self.full.len();
        match self.full.get_mut(number) {
            Some(full) => &mut full[..],
            None => {
                assert_eq!(number, last);
                &mut self.last
            }
        }
    }

    /// Add a value until the last block is full.
    pub fn fill(&mut self, value: T)
    where
        T: Clone,
    {
        self.last.resize(SIZE, value);
    }

    /// The last block, to which no more than fits is to be added. Another one if it is full.
    pub fn last(&mut self) -> &mut Vec<T> {
        if self.last.len() == SIZE {
            let block = std::mem::replace(&mut self.last, Vec::with_capacity(SIZE)).into_boxed_slice();
            let Ok(full) = block.try_into() else { unreachable!("it is full") };
            self.full.push(full);
        }
        &mut self.last
    }
}
