//! The hashes that Python computes in deciding/partition/hash_key.py, deciding/partition/duplicates.py and contract/wire/partitioner.py.

use blake2b_simd::{Params, State, KEYBYTES};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::document::Secret;

/// Hashes refs of reporters under the deployment's key; without one, as versions before keys did.
#[derive(Deserialize)]
#[serde(try_from = "Secret")]
pub struct ReporterHash(Option<State>);

impl TryFrom<Secret> for ReporterHash {
    type Error = &'static str;

    fn try_from(Secret(key): Secret) -> Result<Self, Self::Error> {
        if key.len() > KEYBYTES {
            return Err("a key is longer than the hash takes");
        }
        // The state has taken in the key, so that a hash need not.
        let keyed = || Params::new().hash_length(8).key(&key).personal(b"reporter").to_state();
        Ok(ReporterHash((!key.is_empty()).then(keyed)))
    }
}

impl ReporterHash {
    pub fn of(&self, reference: &str) -> u64 {
        let mut state = match &self.0 {
            Some(state) => state.clone(),
            None => return xxh3_64(reference.as_bytes()),
        };
        state.update(reference.as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(state.finalize().as_bytes());
        u64::from_le_bytes(bytes)
    }

    /// What stands for a channel in proofs (`channel_tag` of streams/deciding/partition/hash_key.py).
    pub fn channel_tag(&self, channel: &str) -> u32 {
        ((self.of(&format!("{channel}\0")) >> 32) as u32).max(1)
    }
}

/// The hash of a report's idempotency key. `text` is only room to write in.
pub fn event_hash(source: &str, id: &str, channel: &str, text: &mut Vec<u8>) -> u64 {
    text.clear();
    text.extend_from_slice(source.as_bytes());
    text.push(0);
    text.extend_from_slice(id.as_bytes());
    text.push(0);
    text.extend_from_slice(channel.as_bytes());
    xxh3_64(text)
}

/// The partition that Java's default partitioner gives to a record with this key.
pub fn home_partition(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

fn murmur2(key: &[u8]) -> u32 {
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let words = key.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let mut word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(MULTIPLIER);
        word = (word ^ (word >> 24)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ word;
    }
    if !tail.is_empty() {
        let number = tail.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
        hash = (hash ^ number).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}
