//! How the latest reports of a channel arrived, to which reports are added.

use crate::arrivals::{Arrival, Arrivals};
use crate::assessment::suspected;
use crate::clusters::ClusterSums;
use crate::numbers::Numbers;
use crate::windows::LATEST_MS;

const LONGEST_STEP_MS: i64 = 1 << 34;

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let Some(mut arrivals) = Arrivals::decode(bytes) else { return false };
    let written = encoded(&arrivals);
    assert_eq!(Arrivals::decode(&written).map(|again| encoded(&again)), Some(written));

    let mut time_ms = numbers.below(LATEST_MS);
    while !numbers.is_empty() {
        let arrival = Arrival {
            reporter: numbers.wide(),
            category: i64::from(numbers.byte()),
            first_time: numbers.is_odd(),
            young: numbers.is_odd(),
            outsider: numbers.is_odd(),
        };
        arrivals.add(time_ms, &arrival);
        arrivals.is_after(time_ms);
        let signs = arrivals.signs();
        assert!([signs.usual, signs.young, signs.repeating].iter().all(|share| !share.is_nan()));
        // It is asked first, whether the rest is worth the work.
        assert!(arrivals.may_be_fresh() || !suspected(&ClusterSums::default(), &signs));
        time_ms = (time_ms + numbers.below(LONGEST_STEP_MS)).min(LATEST_MS - 1);
    }
    encoded(&arrivals);
    true
}

fn encoded(arrivals: &Arrivals) -> Vec<u8> {
    let mut out = Vec::new();
    arrivals.encode(&mut out);
    out
}
