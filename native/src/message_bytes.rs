//! The record of a message as bytes (streams/counting/message_bytes.py).

use std::sync::Arc;

use crate::decided::{read_decisions, read_outcome, Decided, NO_DECISIONS};
use crate::message::{Facts, Finding, FirstReport, Identity, Message, Reported};
use crate::msgpack::{
    write_array, write_bin, write_bool, write_int, write_nil, write_str, write_uint, Reader,
};

const FIELDS: usize = 11;
/// Of a record with findings of detectors, and with proofs.
const FIELDS_WITH_FINDINGS: usize = 12;
const FIELDS_WITH_PROOFS: usize = 13;
const FINDING_FIELDS: usize = 5;
const FIRST_REPORT_FIELDS: usize = 3;
const FACTS_FIELDS: usize = 7;
/// A reporter, and when the first report was received.
pub const ENTRY: usize = 12;
const NUMBER_LIMIT: i64 = 1 << 56;

pub fn encode(message: &Message, out: &mut Vec<u8>) {
    let fields = if !message.proofs.is_empty() || message.decided.is_some() {
        FIELDS_WITH_PROOFS
    } else if !message.found.is_empty() {
        FIELDS_WITH_FINDINGS
    } else {
        FIELDS
    };
    write_array(out, fields);
    write_bin(out, ENTRY * message.reporters.len());
    for one in &message.reporters {
        write_entry(out, one);
    }
    let has_reports = !message.reporters.is_empty() || message.decided.is_some();
    write_int(out, if has_reports { message.reports } else { 0 });
    write_bool(out, message.sampled);
    match &message.decided {
        None => {
            write_nil(out);
            write_nil(out);
        }
        Some(decided) => {
            write_int(out, decided.first);
            out.extend_from_slice(&decided.standing);
        }
    }
    // No decisions about single reports.
    write_array(out, 0);
    write_identities(out, &message.reporters);
    write_first(out, message.notice.as_ref());
    match &message.facts {
        None => write_nil(out),
        Some(facts) => write_facts(out, facts),
    }
    if fields > FIELDS {
        write_array(out, message.found.len());
        for (reporter, finding) in &message.found {
            write_array(out, 2);
            write_uint(out, *reporter);
            write_finding(out, finding);
        }
    }
    if fields == FIELDS_WITH_PROOFS {
        write_array(out, message.proofs.len());
        for (reporter, proof) in &message.proofs {
            write_array(out, 2);
            let place = message.reporters.iter().position(|one| one.reporter == *reporter);
            write_int(out, place.map_or(0, |place| place as i64));
            write_numbers(out, proof);
        }
    }
}

fn write_finding(out: &mut Vec<u8>, finding: &Finding) {
    write_array(out, FINDING_FIELDS);
    write_uint(out, finding.root);
    write_numbers(out, &finding.parts);
    write_str(out, &finding.category);
    // No match with a list.
    write_nil(out);
    match &finding.classifier {
        None => write_nil(out),
        Some(named) => {
            write_array(out, named.len());
            named.iter().for_each(|name| write_str(out, name));
        }
    }
}

fn write_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    write_array(out, numbers.len());
    numbers.iter().for_each(|&number| write_uint(out, number));
}

/// Read what `encode` has written; None for any other record.
pub fn decode(bytes: &[u8]) -> Option<Message> {
    let message = read(bytes)?;
    let mut again = Vec::with_capacity(bytes.len());
    encode(&message, &mut again);
    // What Python would write otherwise than it is, and what it would refuse, is left to Python.
    (again == bytes).then_some(message)
}

/// What differs in the records of messages with one report, which is a notice. Most are such.
pub struct OneReport<'a> {
    /// As `write_entry` writes it.
    pub entry: &'a [u8],
    pub id: &'a str,
    pub source: &'a str,
    pub country: &'a str,
    pub category: &'a str,
}

/// Read such a record as `encode` has written it, in a third of the time of `decode`; None for any other one.
pub fn read_one(bytes: &[u8]) -> Option<OneReport<'_>> {
    let (entry, rest) = bytes.strip_prefix(&[0x9b, 0xc4, ENTRY as u8])?.split_at_checked(ENTRY)?;
    // One report, not sampled, no decisions.
    let (id, rest) = read_text(rest.strip_prefix(&[1, 0xc2, 0xc0, 0xc0, 0x90, 0x91])?)?;
    let (source, rest) = read_text(rest.strip_prefix(&[0x91])?)?;
    let (tag, rest) = rest.strip_prefix(&[0xc4, 1, 0, 0x93])?.split_first()?;
    let (received, rest) = rest.split_at_checked(4)?;
    let (country, rest) = read_text(rest)?;
    let (category, rest) = read_text(rest)?;
    let time = read_entry(entry).1;
    let is_usual = *tag == 0xce && time > 0xffff && received == time.to_be_bytes() && rest == [0xc0];
    (is_usual && !id.is_empty()).then_some(OneReport { entry, id, source, country, category })
}

/// Read a text of up to 31 bytes; return what follows, too.
fn read_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    expect(tag & 0xe0 == 0xa0)?;
    let (text, rest) = rest.split_at_checked(usize::from(tag & 0x1f))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

pub fn write_entry(out: &mut Vec<u8>, one: &Reported) {
    out.extend_from_slice(&one.reporter.to_le_bytes());
    out.extend_from_slice(&one.received.to_le_bytes());
}

pub fn read_entry(bytes: &[u8]) -> (u64, u32) {
    let (mut reporter, mut received) = ([0; 8], [0; 4]);
    reporter.copy_from_slice(&bytes[..8]);
    received.copy_from_slice(&bytes[8..ENTRY]);
    (u64::from_le_bytes(reporter), u32::from_le_bytes(received))
}

fn write_identities(out: &mut Vec<u8>, reporters: &[Reported]) {
    if reporters.iter().all(|one| one.identity.is_none()) {
        write_array(out, 0);
        write_array(out, 0);
        write_bin(out, 0);
        return;
    }
    write_array(out, reporters.len());
    let mut sources: Vec<&str> = Vec::with_capacity(1);
    let mut source_of = Vec::with_capacity(reporters.len());
    for one in reporters {
        let (source, id) = one.identity.as_ref().map_or(("", ""), |known| (&*known.source, &*known.id));
        write_str(out, id);
        let at = sources.iter().position(|other| *other == source).unwrap_or_else(|| {
            sources.push(source);
            sources.len() - 1
        });
        source_of.push(at as u8);
    }
    write_array(out, sources.len());
    sources.iter().for_each(|source| write_str(out, source));
    write_bin(out, source_of.len());
    out.extend_from_slice(&source_of);
}

fn write_first(out: &mut Vec<u8>, first: Option<&FirstReport>) {
    let Some(first) = first else { return write_nil(out) };
    write_array(out, FIRST_REPORT_FIELDS);
    write_int(out, first.received);
    write_str(out, &first.country);
    write_str(out, &first.category);
}

fn write_facts(out: &mut Vec<u8>, facts: &Facts) {
    write_array(out, FACTS_FIELDS);
    for first in [&facts.notice, &facts.trusted, &facts.detection] {
        write_first(out, first.as_ref());
    }
    for items in [&facts.items, &facts.trusted_items] {
        write_array(out, items.len());
        items.iter().for_each(|item| write_str(out, item));
    }
    out.extend_from_slice(facts.decisions.as_deref().unwrap_or(&NO_DECISIONS));
}

fn read(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader::new(bytes);
    let fields = reader.array()?;
    expect((FIELDS..=FIELDS_WITH_PROOFS).contains(&fields))?;
    let packed = reader.bin()?;
    let reports = reader.int(NUMBER_LIMIT)?;
    let sampled = reader.bool()?;
    let decided = reader.or_nil(|reader| reader.signed(NUMBER_LIMIT))?;
    let standing = reader.or_nil(read_outcome)?;
    let decided = match (decided, standing) {
        (None, None) => None,
        (Some(first), Some(standing)) => Some(Box::new(Decided { first, standing: standing.into() })),
        _ => return None,
    };
    // Decisions about single reports are Python's. So is a message that was decided on before proofs were kept: it has fewer
    // fields than would be written.
    expect(reader.array()? == 0)?;
    let ids = read_texts(&mut reader)?;
    let sources = read_texts(&mut reader)?;
    let source_of = reader.bin()?;
    let sources: Vec<Arc<str>> = sources.into_iter().map(Into::into).collect();
    let reporters = read_reporters(packed, &ids, &sources, source_of)?;
    let notice = read_first(&mut reader)?;
    let facts = if reader.nil().is_some() { None } else { Some(Box::new(read_facts(&mut reader)?)) };
    let found = if fields > FIELDS { read_findings(&mut reader)? } else { Vec::new() };
    let proofs =
        if fields == FIELDS_WITH_PROOFS { read_proofs(&mut reader, &reporters)? } else { Vec::new() };
    // A notice is in the facts as soon as there are some.
    expect(reader.is_at_end() && (notice.is_none() || facts.is_none()))?;
    Some(Message { reporters, reports, sampled, decided, notice, facts, found, proofs })
}

fn read_findings(reader: &mut Reader) -> Option<Vec<(u64, Finding)>> {
    let mut found: Vec<(u64, Finding)> = Vec::new();
    for _ in 0..reader.array()? {
        expect(reader.array()? == 2)?;
        let reporter = reader.uint()?;
        expect(found.last().is_none_or(|(before, _)| *before < reporter))?;
        expect(reader.array()? == FINDING_FIELDS)?;
        let (root, parts, category) = (reader.uint()?, read_numbers(reader)?, reader.str()?.into());
        // What matches a list is Python's.
        reader.nil()?;
        let classifier = if reader.nil().is_some() {
            None
        } else {
            expect(reader.array()? == 2)?;
            Some([reader.str()?.into(), reader.str()?.into()])
        };
        found.push((reporter, Finding { root, parts, category, classifier }));
    }
    Some(found)
}

fn read_proofs(reader: &mut Reader, reporters: &[Reported]) -> Option<Vec<(u64, Vec<u64>)>> {
    let mut proofs: Vec<(u64, Vec<u64>)> = Vec::new();
    for _ in 0..reader.array()? {
        expect(reader.array()? == 2)?;
        let reporter = reporters.get(reader.int(NUMBER_LIMIT)? as usize)?.reporter;
        expect(proofs.last().is_none_or(|(before, _)| *before < reporter))?;
        proofs.push((reporter, read_numbers(reader)?));
    }
    Some(proofs)
}

fn read_numbers(reader: &mut Reader) -> Option<Vec<u64>> {
    (0..reader.array()?).map(|_| reader.uint()).collect()
}

fn read_reporters(
    packed: &[u8],
    ids: &[&str],
    sources: &[Arc<str>],
    source_of: &[u8],
) -> Option<Vec<Reported>> {
    let number = packed.len() / ENTRY;
    expect(packed.len() == number * ENTRY && ids.len() == source_of.len())?;
    expect(ids.is_empty() || ids.len() == number)?;
    let mut reporters: Vec<Reported> = Vec::with_capacity(number);
    for (at, entry) in packed.chunks_exact(ENTRY).enumerate() {
        let (reporter, received) = read_entry(entry);
        expect(reporters.last().is_none_or(|before| before.reporter < reporter))?;
        let identity = match ids.get(at) {
            None | Some(&"") => None,
            Some(&id) => {
                let source = sources.get(usize::from(source_of[at]))?;
                Some(Identity { source: source.clone(), id: id.into() })
            }
        };
        reporters.push(Reported { reporter, received, identity });
    }
    Some(reporters)
}

/// Read a first report, or that there is none.
fn read_first(reader: &mut Reader) -> Option<Option<FirstReport>> {
    if reader.nil().is_some() {
        return Some(None);
    }
    expect(reader.array()? == FIRST_REPORT_FIELDS)?;
    let received = reader.signed(NUMBER_LIMIT)?;
    let (country, category) = (reader.str()?.into(), reader.str()?.into());
    Some(Some(FirstReport { received, country, category }))
}

fn read_facts(reader: &mut Reader) -> Option<Facts> {
    expect(reader.array()? == FACTS_FIELDS)?;
    let (notice, trusted, detection) = (read_first(reader)?, read_first(reader)?, read_first(reader)?);
    let mut items = || Some(read_texts(reader)?.into_iter().map(Into::into).collect());
    let (items, trusted_items) = (items()?, items()?);
    let decisions = read_decisions(reader)?.map(Into::into);
    Some(Facts { notice, trusted, detection, items, trusted_items, decisions })
}

fn read_texts<'a>(reader: &mut Reader<'a>) -> Option<Vec<&'a str>> {
    (0..reader.array()?).map(|_| reader.str()).collect()
}

fn expect(holds: bool) -> Option<()> {
    holds.then_some(())
}
