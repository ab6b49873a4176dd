//! What is stored of the decisions about a message (streams/counting/known_outcome.py, streams/counting/message_facts.py).
//! Only Python says what they mean; the bytes are kept as they are.

use crate::msgpack::{
    write_array, write_bool, write_int, write_map, write_nil, write_str, write_uint, Reader,
};

/// That a message was decided on as a whole.
pub struct Decided {
    /// When it first was (s since the epoch).
    pub first: i64,
    /// The decision that holds, a KnownOutcome.
    pub standing: Box<[u8]>,
}

impl Decided {
    /// Whether the decision that holds is that the reports were right.
    pub fn is_upheld(&self) -> bool {
        let mut reader = Reader::new(&self.standing);
        let verdict = |reader: &mut Reader| -> Option<bool> {
            reader.array()?;
            reader.signed(LIMIT)?;
            reader.str()?;
            Some(reader.str()? == "upheld")
        };
        verdict(&mut reader).unwrap_or(false)
    }
}

const LIMIT: i64 = 1 << 56;

/// What a field is.
#[derive(Clone, Copy)]
enum Form {
    Int,
    /// A number of up to 64 bits.
    Tag,
    Text,
    Bool,
    TextOrNil,
    /// What a decision is based on: texts by name.
    GroundOrNil,
    /// The decision of another person, beside which there is no third.
    OutcomeOrNil,
    Nil,
    /// Texts, numbers, booleans and nil.
    Cell,
}

use Form::{Bool, Cell, GroundOrNil, Int, Nil, OutcomeOrNil, Tag, Text, TextOrNil};

const OUTCOME: [Form; 13] =
    [Int, Text, Text, Text, Int, GroundOrNil, Tag, Int, Int, Bool, Bool, OutcomeOrNil, TextOrNil];
const OTHER: [Form; 13] =
    [Int, Text, Text, Text, Int, GroundOrNil, Tag, Int, Int, Bool, Bool, Nil, TextOrNil];
const DECISION: [Form; 11] = [Int, Text, Text, Text, Text, Text, TextOrNil, TextOrNil, TextOrNil, Bool, Bool];
const COUNTED: [Form; 4] = [Int, Text, Text, Cell];

/// Read a KnownOutcome; None if Python would write it otherwise than it is.
pub fn read_outcome<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    read_as_written(reader, |reader, out| copy_fields(reader, &OUTCOME, out))
}

/// Read the decisions about a message, and what was counted of them; None if Python would write them otherwise than they
/// are, and Some(None) if there are none.
pub fn read_decisions<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a [u8]>> {
    let bytes = read_as_written(reader, |reader, out| {
        copy_all(reader, &DECISION, out)?;
        copy_all(reader, &COUNTED, out)
    })?;
    Some(Some(bytes).filter(|bytes| bytes != &NO_DECISIONS))
}

/// What stands for no decisions, of which nothing was counted.
pub const NO_DECISIONS: [u8; 2] = [0x90, 0x90];

/// Return the bytes that `copy` reads, if it writes the same.
fn read_as_written<'a>(
    reader: &mut Reader<'a>,
    copy: impl FnOnce(&mut Reader<'a>, &mut Vec<u8>) -> Option<()>,
) -> Option<&'a [u8]> {
    let mut written = Vec::new();
    let (_, bytes) = reader.with_bytes(|reader| copy(reader, &mut written))?;
    (written == bytes).then_some(bytes)
}

fn copy_all(reader: &mut Reader, forms: &[Form], out: &mut Vec<u8>) -> Option<()> {
    let length = reader.array()?;
    write_array(out, length);
    (0..length).try_for_each(|_| copy_fields(reader, forms, out))
}

fn copy_fields(reader: &mut Reader, forms: &[Form], out: &mut Vec<u8>) -> Option<()> {
    if reader.array()? != forms.len() {
        return None;
    }
    write_array(out, forms.len());
    forms.iter().try_for_each(|form| copy(reader, *form, out))
}

fn copy(reader: &mut Reader, form: Form, out: &mut Vec<u8>) -> Option<()> {
    let may_be_nil = matches!(form, TextOrNil | GroundOrNil | OutcomeOrNil | Nil);
    if may_be_nil && reader.nil().is_some() {
        write_nil(out);
        return Some(());
    }
    match form {
        Int => write_int(out, reader.signed(LIMIT)?),
        Tag => write_uint(out, reader.uint()?),
        Text | TextOrNil => write_str(out, reader.str()?),
        Bool => write_bool(out, reader.bool()?),
        GroundOrNil => {
            let length = reader.map()?;
            write_map(out, length);
            (0..2 * length).try_for_each(|_| copy(reader, Text, out))?;
        }
        OutcomeOrNil => copy_fields(reader, &OTHER, out)?,
        Nil => return None,
        Cell => {
            let length = reader.array()?;
            write_array(out, length);
            (0..length).try_for_each(|_| copy_scalar(reader, out))?;
        }
    }
    Some(())
}

fn copy_scalar(reader: &mut Reader, out: &mut Vec<u8>) -> Option<()> {
    match reader.next_tag()? {
        0xc0 => copy(reader, Nil, out),
        0xc2 | 0xc3 => copy(reader, Bool, out),
        0xa0..=0xbf | 0xd9..=0xdb => copy(reader, Text, out),
        _ => copy(reader, Int, out),
    }
}
