//! JSON as msgspec writes it (streams/contract/wire/encoding.py).

use crate::times::date_of;

const SECONDS_PER_DAY: i64 = 86_400;
const HEX: &[u8; 16] = b"0123456789abcdef";

pub fn write_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    // Nearly all texts are plain. Without an early end the loop is done many bytes at a time.
    if bytes.iter().fold(true, |plain, &byte| plain & is_plain(byte)) {
        out.extend_from_slice(bytes);
    } else {
        bytes.iter().for_each(|&byte| write_byte(out, byte));
    }
    out.push(b'"');
}

pub fn hex_of(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]
}

#[inline]
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn write_byte(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        0..0x20 => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex_of(byte));
            return;
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Write a number with the fewest digits that give it again; null if it is not finite.
pub fn write_float(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    } else {
        write_null(out);
    }
}

pub fn write_int(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Write a time in UTC, so many seconds after the epoch, from 1970 to 9999.
pub fn write_time(out: &mut Vec<u8>, seconds: i64, micros: u32) {
    out.push(b'"');
    write_seconds(out, seconds);
    if micros != 0 {
        let mut fraction = *b".000000";
        put_digits(&mut fraction[1..], i64::from(micros));
        out.extend_from_slice(&fraction);
    }
    out.extend_from_slice(b"Z\"");
}

/// A time in milliseconds as headers have it (`rfc3339` of streams/contract/wire/envelope.py).
pub fn header_time(time_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    write_seconds(&mut out, time_ms.div_euclid(1_000));
    let mut fraction = *b".000Z";
    put_digits(&mut fraction[1..4], time_ms.rem_euclid(1_000));
    out.extend_from_slice(&fraction);
    out
}

fn write_seconds(out: &mut Vec<u8>, seconds: i64) {
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let mut text = *b"0000-00-00T00:00:00";
    put_digits(&mut text[..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second / 3_600);
    put_digits(&mut text[14..16], second / 60 % 60);
    put_digits(&mut text[17..], second % 60);
    out.extend_from_slice(&text);
}

fn put_digits(places: &mut [u8], mut number: i64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
