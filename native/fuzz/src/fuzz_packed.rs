//! Records in blocks of bytes, beside a map that has the same. An input is a list of operations.

use std::collections::BTreeMap;

use crate::message_shapes::day_in;
use crate::numbers::Numbers;
use crate::packed::{PackedRecords, Place};

const LONGEST_RECORD: i64 = 1_200;
const LONGEST_NAME: i64 = 300;
/// Enough for a group to have several blocks.
const MOST_OPERATIONS: usize = 96;

pub fn run(input: &[u8]) -> bool {
    let (mut packed, mut map) = (PackedRecords::default(), BTreeMap::new());
    for operation in input.chunks_exact(8).take(MOST_OPERATIONS) {
        let (mut numbers, _) = Numbers::split(operation);
        let kind = numbers.byte();
        // Few groups, and names of which some are the same.
        let mut key = vec![b'a' + (numbers.byte() & 3), 0];
        let length = if kind & 8 == 0 { 1 } else { numbers.below(LONGEST_NAME) as usize };
        key.extend(vec![operation[2]; length]);
        if kind & 3 == 0 {
            packed.remove(&key);
            map.remove(&key);
        } else {
            let length = i64::from(u16::from_le_bytes([operation[6], operation[7]])) % LONGEST_RECORD;
            let mut record = vec![operation[5]; length as usize];
            // The day of expiry.
            record.extend([0, 0, 0, operation[6] & 3]);
            packed.put(&key, &record);
            map.insert(key.clone(), record);
        }
        assert_eq!(packed.get(&key), map.get(&key).map(|record| &**record));
        assert_eq!(packed.len(), map.len());
    }
    let (today, mut found) = (i64::from(input.len() as u8 & 3), Vec::new());
    let mut place = Some(Place::default());
    while let Some(at) = place {
        place = packed.find_expired(at, today, (&mut 0, 100), |key| found.push(key));
    }
    found.sort_unstable();
    let expired = map.iter().filter(|(_, record)| i64::from(day_in(record)) <= today);
    assert_eq!(found, expired.map(|(key, _)| key.clone()).collect::<Vec<_>>());
    let part = input.get(..1).unwrap_or_default();
    for group in [b"a", b"b"] {
        let mut of_group = packed.of_group(group, part);
        of_group.sort_unstable();
        let has_part = |record: &[u8]| part.is_empty() || record.windows(part.len()).any(|some| some == part);
        let in_map = map.iter().filter(|(key, record)| key.starts_with(group) && has_part(record));
        assert_eq!(of_group, in_map.map(|(key, _)| key.clone()).collect::<Vec<_>>());
    }
    packed.memory();
    !map.is_empty()
}
