//! Reads the attributes of a consumed record (SourceRecord) that the gate needs.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use crate::fetched::FetchedRecord;

/// A record as the gate reads it.
pub struct Record<'a, 'py> {
    pub topic: &'a Bound<'py, PyString>,
    pub partition: i64,
    pub offset: i64,
    pub timestamp: i64,
    pub value: &'a [u8],
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

/// What a record borrows from.
pub enum Held<'py> {
    Fetched(Bound<'py, FetchedRecord>, Bound<'py, PyString>),
    Objects(Objects<'py>),
}

/// The attributes of a record that is made of Python's objects.
pub struct Objects<'py> {
    topic: Bound<'py, PyString>,
    partition: i64,
    offset: i64,
    timestamp: i64,
    value: Bound<'py, PyBytes>,
    headers: Headers<'py>,
}

impl<'py> Held<'py> {
    /// The record; None if it has no value, or if a name of a header has halves of surrogate pairs.
    pub fn record(&self) -> Option<Record<'_, 'py>> {
        match self {
            Held::Fetched(record, topic) => {
                let record = record.get();
                let mut headers = Vec::with_capacity(USUAL_HEADERS);
                headers.extend(record.headers());
                Some(Record {
                    topic,
                    partition: record.partition,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    value: record.value()?,
                    headers,
                })
            }
            Held::Objects(record) => {
                let headers = record.headers.iter().map(|(name, content)| {
                    Some((name.to_str().ok()?, content.as_ref().map(|content| content.as_bytes())))
                });
                Some(Record {
                    topic: &record.topic,
                    partition: record.partition,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    value: record.value.as_bytes(),
                    headers: headers.collect::<Option<_>>()?,
                })
            }
        }
    }
}

const ATTRIBUTES: [&str; 6] = ["topic", "partition", "offset", "timestamp", "value", "headers"];

/// The class of the records read last and, if it is a named tuple, the places of the attributes in it: reading them by place
/// takes half the time.
#[derive(Default)]
pub struct Reading {
    class: Option<(Py<PyType>, Option<[usize; 6]>)>,
}

impl Reading {
    /// Return a record; None if some attribute is of another type than an ordinary report's.
    pub fn read<'py>(&mut self, record: &Bound<'py, PyAny>) -> PyResult<Option<Held<'py>>> {
        if let Ok(fetched) = record.downcast::<FetchedRecord>() {
            let topic = fetched.get().topic.bind(record.py()).clone();
            return Ok(Some(Held::Fetched(fetched.clone(), topic)));
        }
        let all: Vec<Bound<'py, PyAny>> = match (self.places(record)?, record.downcast::<PyTuple>()) {
            (Some(places), Ok(tuple)) => {
                places.iter().map(|&place| tuple.get_item(place)).collect::<PyResult<_>>()?
            }
            _ => ATTRIBUTES.iter().map(|name| record.getattr(*name)).collect::<PyResult<_>>()?,
        };
        let (topic, value) = match (all[0].downcast::<PyString>(), all[4].downcast::<PyBytes>()) {
            (Ok(topic), Ok(value)) => (topic.clone(), value.clone()),
            _ => return Ok(None),
        };
        let headers = match headers(&all[5]) {
            Some(headers) => headers,
            None => return Ok(None),
        };
        Ok(Some(Held::Objects(Objects {
            topic,
            partition: all[1].extract()?,
            offset: all[2].extract()?,
            timestamp: all[3].extract()?,
            value,
            headers,
        })))
    }

    fn places(&mut self, record: &Bound<PyAny>) -> PyResult<Option<[usize; 6]>> {
        let class = record.get_type();
        if let Some((known, places)) = &self.class {
            if known.is(&class) {
                return Ok(*places);
            }
        }
        let mut places = None;
        if record.is_instance_of::<PyTuple>() {
            let names: Vec<String> = class.getattr(intern!(class.py(), "_fields"))?.extract()?;
            let mut found = [0; 6];
            for (place, name) in found.iter_mut().zip(ATTRIBUTES) {
                *place = names.iter().position(|one| one == name).unwrap_or(usize::MAX);
            }
            places = if found.contains(&usize::MAX) { None } else { Some(found) };
        }
        self.class = Some((class.unbind(), places));
        Ok(places)
    }
}

fn optional_bytes<'py>(value: &Bound<'py, PyAny>) -> Option<Option<Bound<'py, PyBytes>>> {
    if value.is_none() {
        Some(None)
    } else {
        value.downcast::<PyBytes>().ok().map(|bytes| Some(bytes.clone()))
    }
}

/// A CloudEvent has six, tracing and gateways add a few.
const USUAL_HEADERS: usize = 8;

type Headers<'py> = Vec<(Bound<'py, PyString>, Option<Bound<'py, PyBytes>>)>;

fn headers<'py>(value: &Bound<'py, PyAny>) -> Option<Headers<'py>> {
    let mut found = Vec::with_capacity(USUAL_HEADERS);
    let mut take = |pair: Bound<'py, PyAny>| {
        let pair = pair.downcast_into::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let name = pair.get_item(0).ok()?.downcast_into::<PyString>().ok()?;
        found.push((name, optional_bytes(&pair.get_item(1).ok()?)?));
        Some(())
    };
    match (value.downcast::<PyList>(), value.downcast::<PyTuple>()) {
        (Ok(list), _) => list.iter().try_for_each(&mut take)?,
        (_, Ok(tuple)) => tuple.iter().try_for_each(&mut take)?,
        _ => return None,
    }
    Some(found)
}
