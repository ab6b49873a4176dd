//! Times in UTC, as msgspec reads them from a report.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const FIRST_YEAR: i64 = 1970;
const LAST_YEAR: i64 = 9999;

/// Microseconds since the epoch, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub micros: i64,
}

impl Moment {
    /// Milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.micros / 1_000
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.f{1,6}]` followed by `Z` or `+00:00`, which msgspec reads alike. The year is 1970 or later.
pub fn read_moment(text: &str) -> Option<Moment> {
    let text = text.as_bytes();
    let local = text.strip_suffix(b"Z").or_else(|| text.strip_suffix(b"+00:00"))?;
    let fraction = match local.get(19..)? {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    if [local[4], local[7], local[10], local[13], local[16]] != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(&local[..4])?, number(&local[5..7])?, number(&local[8..10])?);
    let (hour, minute, second) = (number(&local[11..13])?, number(&local[14..16])?, number(&local[17..19])?);
    let in_calendar = (FIRST_YEAR..=LAST_YEAR).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day);
    if !in_calendar || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_before(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    Some(Moment { micros: seconds * MICROS_PER_SECOND + fraction })
}

#[inline]
fn number(digits: &[u8]) -> Option<i64> {
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(number)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// A year begins in March, so that the leap day is its last one, and days are counted from 1 March of the year 0. Five months
// from March have 153 days, and so have the next five.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Days from the epoch to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - DAYS_TO_EPOCH
}

/// The year, month and day of a number of days after the epoch.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    // Each 400 years have as many days. In them, every four years end with a leap day but those of the first three centuries.
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}
