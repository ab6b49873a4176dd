//! Checks refs and language tags, as `streams/contract/wire/refs.py` and `streams/contract/wire/personal_data.py` do.
//!
//! A ref that might be the number of a telephone, a card or a bank account is not taken here, even if Python would find
//! that it is none. E-mail addresses need no look: the alphabet has neither `@` nor `%`.

const LONGEST_REF: usize = 128;

// No telephone number has more digits, with 00 in front; and a card's number without separators has at most 16.
const NUMBER_WITHOUT_A_MEANING: usize = 17;

// A card's number of 13 digits has 14 characters if they are in groups.
const SHORTER_THAN_A_CARD_IN_GROUPS: usize = 13;

fn is_separator(sign: u8) -> bool {
    matches!(sign, b'.' | b'_' | b':' | b'~' | b'-')
}

/// A ref of a person, a channel or a message.
#[inline]
pub fn is_pseudonym(text: &str) -> bool {
    is_ref(text) && is_no_number(text.as_bytes())
}

/// A ref that may be a plain counter: the id of a report, the name or version of a model.
#[inline]
pub fn is_counter(text: &str) -> bool {
    let signs = text.as_bytes();
    is_ref(text) && (is_no_number(signs) || is_plain_counter(signs))
}

#[inline]
fn is_ref(text: &str) -> bool {
    (1..=LONGEST_REF).contains(&text.len()) && is_in_alphabet(text.as_bytes())
}

fn is_in_alphabet(signs: &[u8]) -> bool {
    // Without a way out of the loop, several bytes are checked at a time.
    signs.iter().fold(true, |all, sign| all & (sign.is_ascii_alphanumeric() | is_separator(*sign)))
}

fn is_plain_counter(signs: &[u8]) -> bool {
    signs.iter().all(u8::is_ascii_digit)
        || (signs.len() <= SHORTER_THAN_A_CARD_IN_GROUPS && !signs.iter().any(u8::is_ascii_alphabetic))
}

/// Whether a text in the alphabet of refs is neither the number of a telephone nor of a card, nor an IBAN.
///
/// The first two have no letters but `tel` in front, and an IBAN begins with two capitals.
#[inline]
fn is_no_number(signs: &[u8]) -> bool {
    let first = match signs.iter().position(u8::is_ascii_alphabetic) {
        Some(first) => first,
        None => return is_long_number(signs),
    };
    match signs[first] {
        b't' => !may_be_telephone(&signs[first..]),
        b'T' => !may_be_telephone(&signs[first..]) && !may_be_iban(signs),
        b'A'..=b'Z' => !may_be_iban(signs),
        _ => true,
    }
}

fn is_long_number(signs: &[u8]) -> bool {
    signs.len() >= NUMBER_WITHOUT_A_MEANING
        && !signs.starts_with(b"00")
        && signs.iter().all(u8::is_ascii_digit)
}

/// Whether `tel` is in front and no other letter follows.
fn may_be_telephone(signs: &[u8]) -> bool {
    signs.len() >= 3
        && signs[..3].eq_ignore_ascii_case(b"tel")
        && !signs[3..].iter().any(u8::is_ascii_alphabetic)
}

/// Whether the text, without separators, has the form of an IBAN and its check digits, for whatever country.
fn may_be_iban(signs: &[u8]) -> bool {
    let mut compact = [0; LONGEST_REF];
    let mut length = 0;
    for &sign in signs {
        if sign.is_ascii_lowercase() {
            return false;
        }
        if !is_separator(sign) {
            compact[length] = sign;
            length += 1;
        }
    }
    let compact = &compact[..length];
    match compact {
        [b'A'..=b'Z', b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', account @ ..]
            if (11..=30).contains(&account.len()) =>
        {
            // Letters count as 10 to 35.
            let rest = account.iter().chain(&compact[..4]).fold(0, |rest: u32, sign| match sign {
                b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
                _ => (rest * 100 + u32::from(sign - b'A') + 10) % 97,
            });
            rest == 1
        }
        _ => false,
    }
}

/// Whether `tag` has the form of a BCP 47 language tag: a language and at most four subtags.
pub fn is_language(tag: &str) -> bool {
    let mut subtags = tag.as_bytes().split(|sign| *sign == b'-');
    let language = subtags.next().unwrap_or(b"");
    matches!(language.len(), 2..=3)
        && language.iter().all(u8::is_ascii_alphabetic)
        && subtags.clone().count() <= 4
        && subtags.all(|subtag| matches!(subtag.len(), 2..=8) && subtag.iter().all(u8::is_ascii_alphanumeric))
}
