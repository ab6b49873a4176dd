//! The record of a reporter, of whom reports are noted as the reporter's home does.

use crate::numbers::Numbers;
use crate::reporter::Reporter;
use crate::targets::LATEST_S;
use crate::windows::{DAY, LATEST_MS};

const LONGEST_STEP_MS: i64 = 1 << 34;

pub fn run(input: &[u8]) -> bool {
    let (mut numbers, bytes) = Numbers::split(input);
    let Some(mut reporter) = Reporter::read(bytes) else { return false };
    let mut written = encoded(&reporter);
    let mut now = numbers.below(LATEST_MS);
    loop {
        let again = Reporter::read(&written);
        assert_eq!(again.as_ref().map(encoded), Some(written));
        // A report is noted in what was written after the one before.
        reporter = again.unwrap_or_default();
        if numbers.is_empty() {
            return true;
        }
        let bits = reporter.note(now / DAY, numbers.wide());
        assert!((1..=128).contains(&bits));
        let now_s = now / 1_000;
        reporter.targets.report(now_s, numbers.below(LATEST_S), numbers.wide(), numbers.is_odd());
        reporter.targets.signature(now_s);
        written = encoded(&reporter);
        if Reporter::read(&written).is_none() {
            // More reports of a day than this number has room for are Python's.
            assert!(reporter.activity.reports == i64::MAX);
            return true;
        }
        now = (now + numbers.below(LONGEST_STEP_MS)).min(LATEST_MS - 1);
    }
}

fn encoded(reporter: &Reporter) -> Vec<u8> {
    let mut out = Vec::new();
    reporter.write(&mut out);
    out
}
