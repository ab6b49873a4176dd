//! The hashes that Python computes in deciding/partition/hash_key.py, deciding/partition/duplicates.py, contract/wire/partitioner.py and
//! contract/wire/ids.py.

use blake2b_simd::{Params, State};
use xxhash_rust::xxh3::xxh3_64;

/// Hashes refs of reporters under the deployment's key; without one, as versions before keys did.
pub struct ReporterHash(Option<State>);

impl ReporterHash {
    pub fn new(secret: &[u8]) -> Self {
        // The state has taken in the key, so that a hash need not.
        let keyed = || Params::new().hash_length(8).key(secret).personal(b"reporter").to_state();
        ReporterHash((!secret.is_empty()).then(keyed))
    }

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

/// SHA-1 (RFC 3174), which makes the ids of events. No secret and no trust depends on it.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut blocks = data.chunks_exact(64);
    blocks.by_ref().for_each(|block| add_block(&mut state, block));
    let rest = blocks.remainder();
    let mut padded = [0; 128];
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let end = if rest.len() < 56 { 64 } else { 128 };
    padded[end - 8..end].copy_from_slice(&(8 * data.len() as u64).to_be_bytes());
    padded[..end].chunks_exact(64).for_each(|block| add_block(&mut state, block));
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn add_block(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for at in 16..80 {
        words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.into_iter().enumerate() {
        let (mixed, constant) = match at / 20 {
            0 => (b & c | !b & d, 0x5a82_7999_u32),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next =
            [mixed, e, constant, word].into_iter().fold(a.rotate_left(5), |sum, one| sum.wrapping_add(one));
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (word, added) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(added);
    }
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
