//! The closed vocabularies of a report (`streams/contract/events/report.py`, `streams/contract/events/countries.py`), handed over at start.

use serde::Deserialize;

/// A list of words. A word's place in it is what a report keeps.
#[derive(Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Words {
    words: Vec<String>,
    places_by_length: Vec<Vec<u8>>,
}

impl From<Vec<String>> for Words {
    /// Of the words after the 256th none is ever found.
    fn from(words: Vec<String>) -> Self {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let mut places_by_length = vec![Vec::new(); longest + 1];
        for (place, word) in (0..=u8::MAX).zip(&words) {
            places_by_length[word.len()].push(place);
        }
        Words { words, places_by_length }
    }
}

impl Words {
    /// The place of a word that must be there; otherwise what is wrong with the rules.
    pub fn required(&self, word: &str) -> Result<u8, String> {
        self.place(word).ok_or_else(|| format!("`vocabulary` lacks {word}"))
    }

    pub fn len(&self) -> usize {
        self.words.len()
    }

    #[inline]
    pub fn place(&self, word: &str) -> Option<u8> {
        let places = self.places_by_length.get(word.len())?;
        places.iter().copied().find(|place| self.words[usize::from(*place)] == word)
    }

    /// Panics if there is no such place.
    pub fn word(&self, place: u8) -> &str {
        &self.words[usize::from(place)]
    }
}

/// A set of codes of two capital letters: a bit for each second letter, in a row for each first one.
#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Countries([u32; 26]);

impl TryFrom<Vec<String>> for Countries {
    type Error = String;

    fn try_from(codes: Vec<String>) -> Result<Self, String> {
        let mut rows = [0; 26];
        for code in codes {
            let (row, bit) = Self::cell(&code)
                .ok_or_else(|| format!("the country {code:?} must be two capital letters"))?;
            rows[row] |= bit;
        }
        Ok(Countries(rows))
    }
}

impl Countries {
    #[inline]
    pub fn contains(&self, code: &str) -> bool {
        Self::cell(code).is_some_and(|(row, bit)| self.0[row] & bit != 0)
    }

    #[inline]
    fn cell(code: &str) -> Option<(usize, u32)> {
        match code.as_bytes() {
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => {
                Some((usize::from(first - b'A'), 1 << (second - b'A')))
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    pub kinds: Words,
    pub categories: Words,
    pub visibilities: Words,
    pub reporters: Words,
    pub ages: Words,
    pub bases: Words,
    pub elements: Words,
    pub declarations: Words,
    pub countries: Countries,
}
