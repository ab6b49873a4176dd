//! The most-reported messages of a channel, in bounded space (streams/counting/tally.py).

use crate::windows::Window;

/// Messages that a tally keeps.
pub const TALLIED_MESSAGES: usize = 32;

const ONE: i64 = 1 << 32;
const SEEN: i64 = ONE - 1;

/// Python's dict {message ref: count << 32 | fine index of the newest report}, in the order of insertion.
pub type Tally = Vec<(Box<str>, i64)>;

/// Count a report about a message.
pub fn tally_message(tally: &mut Tally, message: &str, fine: i64) {
    if let Some((_, code)) = tally.iter_mut().find(|(other, _)| &**other == message) {
        *code += ONE;
        if *code & SEEN < fine {
            *code = *code & !SEEN | fine;
        }
        return;
    }
    let mut count = 0;
    if tally.len() >= TALLIED_MESSAGES {
        // `min_by_key` returns the first of equals, which entered first.
        if let Some((least, code)) =
            tally.iter().map(|&(_, code)| code).enumerate().min_by_key(|&(_, code)| code)
        {
            tally.remove(least);
            count = code & !SEEN;
        }
    }
    tally.push((message.into(), (count + ONE) | fine));
}

/// Drop the messages whose newest report is older than the fine index `fine`.
pub fn forget_before(tally: &mut Tally, fine: i64) {
    tally.retain(|&(_, code)| code & SEEN >= fine);
}

/// Drop the messages whose newest report is newer than the fine index `fine`.
pub fn forget_after(tally: &mut Tally, fine: i64) {
    tally.retain(|&(_, code)| code & SEEN <= fine);
}

/// Return (message ref, count) of messages with a report in the window, most reported first, then by ref.
pub fn most_reported(tally: &Tally, window: Window, now: i64) -> Vec<(&str, i64)> {
    let start = window.start(now);
    let mut found: Vec<(&str, i64)> = tally
        .iter()
        .filter(|(_, code)| code & SEEN >= start)
        .map(|(message, code)| (&**message, code >> 32))
        .collect();
    found.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    found
}
