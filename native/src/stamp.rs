//! The stamp of a report (`StoredStamp` of streams/contract/events/internal/passed_report.py), and the entry that has it.

use crate::checked::Checked;
use crate::msgpack::Reader;
use crate::targets::{read_signature, Signature};

/// A stamp that an earlier version wrote ends with `needed`.
const EARLIER_FIELDS: usize = 9;
const FIELDS: usize = 13;
const MOST_PROOFS: usize = 64;
const LIMIT: i64 = 1 << 32;

pub struct Stamp<'a> {
    pub trust_class: &'a str,
    pub mean: f64,
    pub lower: f64,
    pub outcomes: f64,
    pub factor: f64,
    pub first_time: bool,
    pub over_limit: bool,
    /// None if it is empty.
    pub signature: Option<Signature>,
    pub needed: i64,
    /// Tags of the channels in which the reporter was right.
    pub proof: Vec<u32>,
    /// Whether people decided about the reporter: then the report is Python's.
    pub is_decided: bool,
    pub channels: i64,
}

impl<'a> Stamp<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let fields = reader.array()?;
        if fields != FIELDS && fields != EARLIER_FIELDS {
            return None;
        }
        let mut stamp = Stamp {
            trust_class: reader.str()?,
            mean: reader.float()?,
            lower: reader.float()?,
            outcomes: reader.float()?,
            factor: reader.float()?,
            first_time: reader.bool()?,
            over_limit: reader.bool()?,
            signature: read_signature(reader.bin()?)?,
            needed: reader.int(LIMIT)?,
            proof: Vec::new(),
            is_decided: false,
            channels: 0,
        };
        if fields == FIELDS {
            let proofs = reader.array()?;
            if proofs > MOST_PROOFS {
                return None;
            }
            stamp.proof = (0..proofs).map(|_| u32::try_from(reader.uint()?).ok()).collect::<Option<_>>()?;
            let (paused, watched) = (reader.bool()?, reader.bool()?);
            stamp.is_decided = paused || watched;
            stamp.channels = reader.int(LIMIT)?;
        }
        Some(stamp)
    }

    pub fn is_low(&self) -> bool {
        self.trust_class == "low"
    }
}

/// A StampedReport.
pub struct Stamped<'a> {
    pub report: Checked<'a>,
    pub stamp: Option<Stamp<'a>>,
}

impl<'a> Stamped<'a> {
    /// None if it is anything else.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != 2 {
            return None;
        }
        let report = Checked::read(&mut reader)?;
        let stamp = reader.or_nil(Stamp::read)?;
        reader.is_at_end().then_some(Stamped { report, stamp })
    }
}
