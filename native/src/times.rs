//! Times in UTC: read from a report, and written as msgspec and `streams/contract/wire/envelope.py` write them.

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

    /// Whole days since the epoch.
    pub fn day(self) -> i64 {
        self.micros / MICROS_PER_SECOND / SECONDS_PER_DAY
    }

    /// Writes the time as msgspec does, as a JSON string: with six digits of the second's fraction, or without one.
    pub fn write_json(self, out: &mut Vec<u8>) {
        out.push(b'"');
        self.write_second(out);
        let fraction = self.micros % MICROS_PER_SECOND;
        if fraction != 0 {
            out.push(b'.');
            write_digits(out, fraction, 6);
        }
        out.extend_from_slice(b"Z\"");
    }

    /// Writes the time in RFC 3339 with milliseconds, as `envelope.rfc3339` does; without quotes.
    pub fn write_milliseconds(self, out: &mut Vec<u8>) {
        self.write_second(out);
        out.push(b'.');
        write_digits(out, self.millis() % 1_000, 3);
        out.push(b'Z');
    }

    fn write_second(self, out: &mut Vec<u8>) {
        let second = (self.micros / MICROS_PER_SECOND % SECONDS_PER_DAY) as u32;
        let (year, month, day) = date(self.day() as u32);
        let mut text = *b"0000-00-00T00:00:00";
        for (at, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, second / 3_600),
            (14, second / 60 % 60),
            (17, second % 60),
        ] {
            // Below 100, each of them.
            text[at] += (number / 10) as u8;
            text[at + 1] += (number % 10) as u8;
        }
        out.extend_from_slice(&text);
    }
}

fn write_digits(out: &mut Vec<u8>, number: i64, count: usize) {
    let begin = out.len();
    out.resize(begin + count, b'0');
    let mut rest = number;
    for digit in out[begin..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
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

// For both directions a year begins in March, so that the leap day is its last one, and days are counted from 1 March of
// the year 0. In 400 such years there are 146,097 days. Five months from March have 153 days, and so have the next five.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Days from the epoch to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - DAYS_TO_EPOCH
}

/// The year, month and day that is some days after the epoch.
fn date(day: u32) -> (u32, u32, u32) {
    let day = day + DAYS_TO_EPOCH as u32;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 {
        (year, month + 3, day_of_month)
    } else {
        (year + 1, month - 9, day_of_month)
    }
}
