//! What a reporter reported that was not upheld (streams/deciding/reporters/targets.py), as signatures
//! (streams/counting/coordination/signature.py).

pub const SIGNATURE_BYTES: usize = 64;
/// By bin: the smallest value of the targets that fell into it, 0 if none did.
pub type Signature = [u16; 32];

const HOUR_S: i64 = 3_600;
const WAIT_S: i64 = 24 * HOUR_S;
const WEEK_S: i64 = 7 * 24 * HOUR_S;
const MOST_OPEN: usize = 32;
/// The lowest bits of an entry: the target. Above them, whether it enters without a decision, then the time.
const TARGET: u64 = 0xffff_ffff;
const ENTERS: u64 = 1 << 32;
const TIME_BITS: u32 = 33;
/// From this second on an entry takes more than 64 bits.
pub const LATEST_S: i64 = 1 << (64 - TIME_BITS);

#[derive(Clone, Default)]
pub struct Targets {
    pub week: i64,
    /// None if the bytes are empty.
    pub current: Option<Signature>,
    pub previous: Option<Signature>,
    pub open: Vec<u64>,
    /// The targets that were dismissed.
    pub entered: Vec<u64>,
}

impl Targets {
    /// Note a report. Both times are from the epoch on and before LATEST_S.
    pub fn report(&mut self, now_s: i64, received_s: i64, target: u64, member: bool) {
        self.move_on(now_s);
        let bits = target & TARGET;
        if self.open.iter().any(|entry| entry & TARGET == bits) {
            return;
        }
        let entry = (received_s as u64) << TIME_BITS | if member { bits } else { bits | ENTERS };
        self.open.push(entry);
        self.open.sort_unstable();
        if self.open.len() > MOST_OPEN {
            self.merge_oldest(self.open.last().map_or(0, |newest| time_of(*newest)));
        }
    }

    /// The signature as of `now_s`, to which a report has moved.
    pub fn signature(&self, now_s: i64) -> Signature {
        let mut found = self.current.unwrap_or_default();
        for (bin, value) in self.previous.iter().flat_map(|signature| signature.iter().enumerate()) {
            take_smaller(&mut found[bin], *value);
        }
        for entry in self.open.iter().take_while(|entry| time_of(**entry) < now_s - WAIT_S) {
            if entry & ENTERS != 0 {
                enter(&mut found, *entry);
            }
        }
        for entry in self.open.iter().filter(|entry| self.entered.contains(&(*entry & TARGET))) {
            enter(&mut found, *entry);
        }
        found
    }

    fn move_on(&mut self, now_s: i64) {
        while self.open.first().is_some_and(|oldest| time_of(*oldest) < now_s - WEEK_S) {
            self.merge_oldest(now_s);
        }
        self.turn(now_s / WEEK_S);
    }

    fn merge_oldest(&mut self, now_s: i64) {
        let oldest = self.open.remove(0);
        self.turn(now_s / WEEK_S);
        let target = oldest & TARGET;
        if self.entered.contains(&target) {
            self.entered.retain(|one| *one != target);
        } else if oldest & ENTERS == 0 {
            return;
        }
        let week = time_of(oldest) / WEEK_S;
        if week == self.week {
            enter(self.current.get_or_insert_default(), oldest);
        } else if week == self.week - 1 {
            enter(self.previous.get_or_insert_default(), oldest);
        }
    }

    fn turn(&mut self, week: i64) {
        if week > self.week {
            let current = self.current.take();
            self.previous = if week == self.week + 1 { current } else { None };
            self.week = week;
        }
    }
}

fn time_of(entry: u64) -> i64 {
    (entry >> TIME_BITS) as i64
}

fn enter(signature: &mut Signature, target: u64) {
    // Odd, so that a used bin is never 0.
    take_smaller(&mut signature[(target & 31) as usize], (target >> 8 & 0xffff | 1) as u16);
}

fn take_smaller(there: &mut u16, value: u16) {
    if *there == 0 || (value != 0 && value < *there) {
        *there = value;
    }
}

/// The signature in some bytes, None in none at all; no result if they are of another length.
pub fn read_signature(bytes: &[u8]) -> Option<Option<Signature>> {
    match bytes.len() {
        0 => Some(None),
        SIGNATURE_BYTES => {
            let mut found = Signature::default();
            for (value, two) in found.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = u16::from_le_bytes([two[0], two[1]]);
            }
            Some(Some(found))
        }
        _ => None,
    }
}

pub fn write_signature(out: &mut Vec<u8>, signature: &Signature) {
    signature.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}
