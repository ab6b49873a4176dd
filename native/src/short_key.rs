//! Keys as they are kept: refs are mostly hexadecimal digits, of which two fit into a byte.

/// Before each run of digits, with the number of bytes that they take then: 0 for a byte of this value itself. It is in no text.
const MARK: u8 = 0xff;
/// Shorter runs would hardly become shorter.
const SHORTEST_RUN: usize = 8;
const LONGEST_RUN: usize = 2 * u8::MAX as usize;

const NO_DIGIT: u8 = 16;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
}

fn value_of(byte: u8) -> u8 {
    VALUES[usize::from(byte)]
}

/// A key in the only way in which it can be kept: two keys are the same if this is.
pub fn shortened(key: &[u8]) -> Vec<u8> {
    let mut short = Vec::with_capacity(key.len() + 2);
    let mut rest = key;
    while let Some(&first) = rest.first() {
        let digits = rest.iter().take(LONGEST_RUN).take_while(|&&byte| value_of(byte) < NO_DIGIT).count();
        let (run, after) = if digits >= SHORTEST_RUN {
            let (run, after) = rest.split_at(digits & !1);
            short.extend_from_slice(&[MARK, (run.len() / 2) as u8]);
            short.extend(run.chunks_exact(2).map(|pair| value_of(pair[0]) << 4 | value_of(pair[1])));
            (run, after)
        } else {
            let (run, after) = rest.split_at(digits.max(1));
            short.extend_from_slice(run);
            if first == MARK {
                short.push(0);
            }
            (run, after)
        };
        debug_assert!(!run.is_empty());
        rest = after;
    }
    short
}

/// The key that was shortened.
pub fn whole(short: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 * short.len());
    let mut rest = short;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != MARK {
            key.push(first);
            continue;
        }
        let (bytes, after) = after[1..].split_at(usize::from(after[0]));
        rest = after;
        if bytes.is_empty() {
            key.push(MARK);
        }
        for &byte in bytes {
            key.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    key
}
