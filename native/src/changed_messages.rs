//! The records of messages that a batch has changed, in the order of their first change.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::message::Message;

pub(crate) enum Held {
    Native(Box<Message>),
    /// A `streams.counting.attribution.MessageReporters`.
    Foreign(PyObject),
}

pub(crate) struct Changed {
    pub key: Box<[u8]>,
    /// None once it is removed or taken out.
    pub held: Option<Held>,
    pub expires: u32,
}

#[derive(Default)]
pub(crate) struct ChangedMessages {
    changed: Vec<Changed>,
    /// How many of those were taken out, from the front.
    first: usize,
    /// Places in `changed`, but for what is removed.
    by_key: HashTable<u32>,
    hasher: RandomState,
    /// How often all were taken out. A place is valid until then.
    pub taken: u64,
}

impl ChangedMessages {
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        self.by_key.find(hash, |&at| &*self.changed[at as usize].key == key).map(|&at| at as usize)
    }

    pub fn at(&mut self, at: usize) -> &mut Changed {
        &mut self.changed[at]
    }

    /// What is in a place; None if it was removed.
    pub fn get(&self, at: usize) -> Option<&Held> {
        self.changed[at].held.as_ref()
    }

    /// The message in a place, which is not Python's.
    pub fn native(&mut self, at: usize) -> &mut Message {
        match &mut self.changed[at].held {
            Some(Held::Native(message)) => message,
            _ => panic!("the record of the message is Python's"),
        }
    }

    /// What is in a place that was found when all had been taken out so often. Raises RuntimeError if it is there no more.
    pub fn held(&mut self, at: usize, taken: u64) -> PyResult<&mut Held> {
        let changed = if taken == self.taken { self.changed.get_mut(at) } else { None };
        let held = changed.and_then(|changed| changed.held.as_mut());
        held.ok_or_else(|| PyRuntimeError::new_err("the store has written or removed this record"))
    }

    /// Add a record whose key is not among them; return its place.
    pub fn add(&mut self, key: &[u8], held: Held, expires: u32) -> usize {
        let at = self.changed.len() as u32;
        self.changed.push(Changed { key: key.into(), held: Some(held), expires });
        let (changed, hasher) = (&self.changed, &self.hasher);
        let hash_of = |&other: &u32| hasher.hash_one(&*changed[other as usize].key);
        self.by_key.insert_unique(hasher.hash_one(key), at, hash_of);
        at as usize
    }

    pub fn remove(&mut self, at: usize) {
        self.remove_key(at);
        self.changed[at].held = None;
    }

    fn remove_key(&mut self, at: usize) {
        let hash = self.hasher.hash_one(&*self.changed[at].key);
        if let Ok(found) = self.by_key.find_entry(hash, |&other| other as usize == at) {
            found.remove();
        }
    }

    /// The keys of all but what is removed.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.changed.iter().filter(|changed| changed.held.is_some()).map(|changed| &*changed.key)
    }

    /// Take out the first one that is there; after the last one no place is valid any more.
    pub fn take_first(&mut self) -> Option<(Box<[u8]>, Held, u32)> {
        while self.first < self.changed.len() {
            let at = self.first;
            self.first += 1;
            if self.changed[at].held.is_some() {
                self.remove_key(at);
                let Changed { key, held, expires } = &mut self.changed[at];
                return Some((std::mem::take(key), held.take()?, *expires));
            }
        }
        self.changed = Vec::new();
        self.first = 0;
        self.taken += 1;
        None
    }
}
