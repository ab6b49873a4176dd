//! Reads a report (`streams/contract/events/report.py`) from JSON, as `streams/contract/wire/forms/report_decoding.py` does.
//!
//! Takes reports as publishers write them. Everything else gives None, be it valid or not: then Python reads the report,
//! and refuses it if need be. Unknown and repeated fields, escapes and times with an offset are Python's, for example.

use crate::cursor::{once, Cursor};
use crate::refs::{is_counter, is_language, is_pseudonym};
use crate::times::{read_moment, Moment};
use crate::vocabulary::{Vocabulary, Words};

const MAX_EVENT_BYTES: usize = 64 * 1024;
const MOST_EVIDENCE: usize = 32;
const MOST_ELEMENTS: usize = 16;
const MOST_DECLARATIONS: usize = 8;

pub struct Channel<'a> {
    pub reference: &'a str,
    pub visibility: u8,
    pub country: Option<&'a str>,
    pub language: Option<&'a str>,
}

pub struct Reporter<'a> {
    pub kind: u8,
    pub reference: Option<&'a str>,
    pub country: Option<&'a str>,
    pub member: Option<bool>,
    pub age: Option<u8>,
}

pub struct Classifier<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub score: f64,
}

pub struct Evidence<'a> {
    pub country: &'a str,
    pub basis: u8,
    pub confidence: f64,
}

/// Without `declares` the field was absent; an empty array is a different value.
pub struct Notice {
    pub elements: Vec<u8>,
    pub declares: Option<Vec<u8>>,
}

/// The numbers of words are their places in the vocabulary.
pub struct Report<'a> {
    pub id: &'a str,
    pub kind: u8,
    pub occurred: Moment,
    pub received: Option<Moment>,
    pub channel: Channel<'a>,
    pub category: u8,
    pub message: Option<&'a str>,
    pub reporter: Option<Reporter<'a>>,
    pub classifier: Option<Classifier<'a>>,
    pub evidence: Vec<Evidence<'a>>,
    pub notice: Option<Notice>,
}

/// The limits of its times are not checked, as they depend on when the record was written.
pub fn read_report<'a>(text: &'a [u8], words: &Vocabulary) -> Option<Report<'a>> {
    if text.len() > MAX_EVENT_BYTES {
        return None;
    }
    let mut cursor = Cursor::new(std::str::from_utf8(text).ok()?);
    let report = report(&mut cursor, words)?;
    cursor.is_at_end().then_some(report)
}

fn report<'a>(cursor: &mut Cursor<'a>, words: &Vocabulary) -> Option<Report<'a>> {
    let (mut id, mut kind, mut occurred, mut received) = (None, None, None, None);
    let (mut channel, mut category, mut message, mut reporter) = (None, None, None, None);
    let (mut classifier, mut evidence, mut notice) = (None, None, None);
    cursor.object(|cursor, name| match name {
        "report_id" => once(&mut id, counter(cursor)),
        "kind" => once(&mut kind, word(cursor, &words.kinds)),
        "occurred_at" => once(&mut occurred, moment(cursor)),
        "received_at" => once(&mut received, cursor.or_null(moment)),
        "channel" => once(&mut channel, read_channel(cursor, words)),
        "category" => once(&mut category, word(cursor, &words.categories)),
        "message_ref" => once(&mut message, cursor.or_null(pseudonym)),
        "reporter" => once(&mut reporter, cursor.or_null(|cursor| read_reporter(cursor, words))),
        "classifier" => once(&mut classifier, cursor.or_null(read_classifier)),
        "evidence" => once(&mut evidence, cursor.array(MOST_EVIDENCE, |cursor| read_evidence(cursor, words))),
        "notice" => once(&mut notice, cursor.or_null(|cursor| read_notice(cursor, words))),
        _ => None,
    })?;
    Some(Report {
        id: id?,
        kind: kind?,
        occurred: occurred?,
        received: received.flatten(),
        channel: channel?,
        category: category?,
        message: message.flatten(),
        reporter: reporter.flatten(),
        classifier: classifier.flatten(),
        evidence: evidence.unwrap_or_default(),
        notice: notice.flatten(),
    })
}

fn read_channel<'a>(cursor: &mut Cursor<'a>, words: &Vocabulary) -> Option<Channel<'a>> {
    let (mut reference, mut visibility, mut country_code, mut language) = (None, None, None, None);
    cursor.object(|cursor, name| match name {
        "ref" => once(&mut reference, pseudonym(cursor)),
        "visibility" => once(&mut visibility, word(cursor, &words.visibilities)),
        "country" => once(&mut country_code, cursor.or_null(|cursor| country(cursor, words))),
        "language" => {
            once(&mut language, cursor.or_null(|cursor| cursor.string().filter(|tag| is_language(tag))))
        }
        _ => None,
    })?;
    Some(Channel {
        reference: reference?,
        visibility: visibility?,
        country: country_code.flatten(),
        language: language.flatten(),
    })
}

fn read_reporter<'a>(cursor: &mut Cursor<'a>, words: &Vocabulary) -> Option<Reporter<'a>> {
    let (mut kind, mut reference, mut country_code, mut member, mut age) = (None, None, None, None, None);
    cursor.object(|cursor, name| match name {
        "kind" => once(&mut kind, word(cursor, &words.reporters)),
        "ref" => once(&mut reference, cursor.or_null(pseudonym)),
        "country" => once(&mut country_code, cursor.or_null(|cursor| country(cursor, words))),
        "member" => once(&mut member, cursor.or_null(Cursor::boolean)),
        "account_age" => once(&mut age, cursor.or_null(|cursor| word(cursor, &words.ages))),
        _ => None,
    })?;
    Some(Reporter {
        kind: kind?,
        reference: reference.flatten(),
        country: country_code.flatten(),
        member: member.flatten(),
        age: age.flatten(),
    })
}

fn read_classifier<'a>(cursor: &mut Cursor<'a>) -> Option<Classifier<'a>> {
    let (mut model, mut version, mut score) = (None, None, None);
    cursor.object(|cursor, name| match name {
        "name" => once(&mut model, counter(cursor)),
        "version" => once(&mut version, counter(cursor)),
        "score" => once(&mut score, cursor.probability()),
        _ => None,
    })?;
    Some(Classifier { name: model?, version: version?, score: score? })
}

fn read_evidence<'a>(cursor: &mut Cursor<'a>, words: &Vocabulary) -> Option<Evidence<'a>> {
    let (mut country_code, mut basis, mut confidence) = (None, None, None);
    cursor.object(|cursor, name| match name {
        "country" => once(&mut country_code, country(cursor, words)),
        "basis" => once(&mut basis, word(cursor, &words.bases)),
        "confidence" => once(&mut confidence, cursor.probability()),
        _ => None,
    })?;
    Some(Evidence { country: country_code?, basis: basis?, confidence: confidence? })
}

fn read_notice(cursor: &mut Cursor, words: &Vocabulary) -> Option<Notice> {
    let (mut elements, mut declares) = (None, None);
    cursor.object(|cursor, name| match name {
        "elements" => {
            once(&mut elements, cursor.array(MOST_ELEMENTS, |cursor| word(cursor, &words.elements)))
        }
        "declares" => {
            once(&mut declares, cursor.array(MOST_DECLARATIONS, |cursor| word(cursor, &words.declarations)))
        }
        _ => None,
    })?;
    Some(Notice { elements: elements.unwrap_or_default(), declares })
}

#[inline]
fn counter<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    cursor.string().filter(|text| is_counter(text))
}

#[inline]
fn pseudonym<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    cursor.string().filter(|text| is_pseudonym(text))
}

#[inline]
fn country<'a>(cursor: &mut Cursor<'a>, words: &Vocabulary) -> Option<&'a str> {
    cursor.string().filter(|code| words.countries.contains(code))
}

#[inline]
fn word(cursor: &mut Cursor, words: &Words) -> Option<u8> {
    words.place(cursor.string()?)
}

#[inline]
fn moment(cursor: &mut Cursor) -> Option<Moment> {
    read_moment(cursor.string()?)
}
