//! The closed vocabularies of a report (`streams/contract/events/report.py`, `streams/contract/events/countries.py`), handed over at start.

use std::collections::HashMap;

/// A list of words. A word's place in it is what a report keeps.
pub struct Words {
    words: Vec<String>,
    places_by_length: Vec<Vec<u8>>,
}

impl Words {
    /// Of the words after the 256th none is ever found.
    pub fn new(words: Vec<String>) -> Self {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let mut places_by_length = vec![Vec::new(); longest + 1];
        for (place, word) in (0..=u8::MAX).zip(&words) {
            places_by_length[word.len()].push(place);
        }
        Words { words, places_by_length }
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
pub struct Countries([u32; 26]);

impl Countries {
    pub fn new(codes: &[String]) -> Result<Self, String> {
        let mut rows = [0; 26];
        for code in codes {
            let (row, bit) = Self::cell(code)
                .ok_or_else(|| format!("the vocabulary's country {code:?} must be two capital letters"))?;
            rows[row] |= bit;
        }
        Ok(Countries(rows))
    }

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

impl Vocabulary {
    /// Takes the lists by the names of the fields. The error says which list is missing or wrong.
    pub fn new(lists: &HashMap<String, Vec<String>>) -> Result<Self, String> {
        let list = |name: &str| lists.get(name).ok_or_else(|| format!("the vocabulary has no list {name:?}"));
        let words = |name| list(name).map(|words| Words::new(words.clone()));
        Ok(Vocabulary {
            kinds: words("kinds")?,
            categories: words("categories")?,
            visibilities: words("visibilities")?,
            reporters: words("reporters")?,
            ages: words("ages")?,
            bases: words("bases")?,
            elements: words("elements")?,
            declarations: words("declarations")?,
            countries: Countries::new(list("countries")?)?,
        })
    }
}
