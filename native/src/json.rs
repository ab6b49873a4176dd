//! Writes numbers and strings as msgspec does.

pub fn write_float(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
}

pub fn write_integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `text` has nothing that JSON escapes: a ref, or a word of a vocabulary.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}
