//! The records of a batch that is no longer compressed. Headers are read again, as the gate does, from where they were found.

use crate::record_bytes::{Place, Reader};

pub fn run(input: &[u8]) -> bool {
    let mut reader = Reader::at(input, 0);
    let mut records = 0;
    while !reader.is_at_end() {
        let Some(read) = reader.record() else { return false };
        let held = |place: &Option<Place>| place.as_ref().map_or(0, |place| input[place.clone()].len());
        assert!(held(&read.key) + held(&read.value) <= read.headers.start);
        let mut headers = Reader::at(&input[..read.headers.end], read.headers.start);
        for _ in 0..read.number_of_headers {
            assert!(headers.header().is_some());
        }
        assert!(headers.is_at_end());
        records += 1;
    }
    records > 0
}
