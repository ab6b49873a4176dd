//! The record of a message, as Python code is given it.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use pyo3::IntoPyObjectExt;

use crate::changed_messages::Held;
use crate::message::{Finding, Identity, Message, NewItems, Role};
use crate::message_store::{record_of, MessageStore};

/// Where a record is: in no store, or in a place of ChangedMessages when all had been taken so often.
enum Where {
    Loose { held: Held, expires: Option<u32> },
    Stored { at: usize, taken: u64 },
}

/// `streams.counting.attribution.MessageReporters`, of which it has what a usual report needs.
///
/// With anything else that it is asked for, it becomes Python's, and stays so until the store has written it. It must not
/// be used then, nor after the store has removed it: RuntimeError.
#[pyclass(module = "tocsin_native")]
pub struct MessageRecord {
    store: Py<MessageStore>,
    place: Where,
}

const GONE: Where = Where::Stored { at: usize::MAX, taken: 0 };

impl Where {
    fn held<'a>(&'a mut self, store: &'a mut MessageStore) -> PyResult<&'a mut Held> {
        match self {
            Where::Loose { held, .. } => Ok(held),
            Where::Stored { at, taken } => store.held(*at, *taken),
        }
    }
}

impl MessageRecord {
    pub(crate) fn loose(store: Py<MessageStore>, message: Box<Message>, expires: Option<u32>) -> Self {
        MessageRecord { store, place: Where::Loose { held: Held::Native(message), expires } }
    }

    pub(crate) fn stored(store: Py<MessageStore>, at: usize, taken: u64) -> Self {
        MessageRecord { store, place: Where::Stored { at, taken } }
    }

    /// Take the record out if it is in no store; `store_at` must follow.
    pub(crate) fn take(&mut self) -> Option<Held> {
        match std::mem::replace(&mut self.place, GONE) {
            Where::Loose { held, .. } => Some(held),
            stored => {
                self.place = stored;
                None
            }
        }
    }

    pub(crate) fn store_at(&mut self, at: usize, taken: u64) {
        self.place = Where::Stored { at, taken };
    }

    /// Call `with` with the message; None if it is Python's.
    fn native<R>(&mut self, py: Python, with: impl FnOnce(&mut Message) -> R) -> PyResult<Option<R>> {
        let mut store = self.store.bind(py).borrow_mut();
        Ok(match self.place.held(&mut store)? {
            Held::Native(message) => Some(with(message)),
            Held::Foreign(_) => None,
        })
    }

    /// Call `with` with the message; None if it is Python's, or was decided on.
    fn undecided<R>(&mut self, py: Python, with: impl FnOnce(&mut Message) -> R) -> PyResult<Option<R>> {
        let with = |message: &mut Message| message.decided.is_none().then(|| with(message));
        self.native(py, with).map(Option::flatten)
    }

    /// What `with` returns for the message; Python's attribute of this name if it is Python's.
    fn get<'py, R: IntoPyObject<'py>>(
        &mut self,
        name: &Bound<'py, PyString>,
        with: impl FnOnce(&mut Message) -> R,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        match self.native(py, with)? {
            Some(found) => found.into_bound_py_any(py),
            None => self.in_python(py)?.getattr(name),
        }
    }

    /// What `with` returns for the message; what Python's method of this name does if it is Python's.
    fn call<'py, R: IntoPyObject<'py>>(
        &mut self,
        name: &Bound<'py, PyString>,
        argument: impl IntoPyObject<'py>,
        with: impl FnOnce(&mut Message) -> R,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        match self.native(py, with)? {
            Some(found) => found.into_bound_py_any(py),
            None => self.in_python(py)?.call_method1(name, (argument,)),
        }
    }

    /// Python's MessageReporters, which the record becomes if it is not.
    fn in_python<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut store = self.store.bind(py).borrow_mut();
        let expires = match &self.place {
            Where::Loose { expires, .. } => *expires,
            Where::Stored { at, taken } => Some(store.expires(*at, *taken)?),
        };
        let record = match self.place.held(&mut store)? {
            Held::Foreign(foreign) => return Ok(foreign.bind(py).clone()),
            Held::Native(message) => record_of(message, expires.unwrap_or(0)),
        };
        let foreign = store.decode(py, &record)?;
        foreign.setattr(py, "expires", expires)?;
        *self.place.held(&mut store)? = Held::Foreign(foreign.clone_ref(py));
        Ok(foreign.into_bound(py))
    }
}

pub(crate) fn role_of(name: &str) -> Role {
    match name {
        "detection" => Role::Detection,
        "trusted_flagger_notice" => Role::TrustedFlaggerNotice,
        _ => Role::Notice,
    }
}

/// Read Python's ReportIdentity.
fn identity_of(identity: &Bound<PyAny>) -> PyResult<Identity> {
    let [source, id] = texts(identity)?;
    Ok(Identity { source: source.into(), id })
}

/// Read Python's Finding; None if it matches a list.
fn finding_of(finding: &Bound<PyAny>) -> PyResult<Option<Finding>> {
    let py = finding.py();
    if !finding.getattr(intern!(py, "match"))?.is_none() {
        return Ok(None);
    }
    let classifier = finding.getattr(intern!(py, "classifier"))?;
    Ok(Some(Finding {
        root: finding.getattr(intern!(py, "root"))?.extract()?,
        parts: finding.getattr(intern!(py, "parts"))?.extract()?,
        category: finding.getattr(intern!(py, "category"))?.extract::<String>()?.into(),
        classifier: if classifier.is_none() { None } else { Some(texts(&classifier)?) },
    }))
}

fn texts(pair: &Bound<PyAny>) -> PyResult<[Box<str>; 2]> {
    let pair = pair.downcast::<PyTuple>()?;
    let text = |at| -> PyResult<Box<str>> { Ok(pair.get_item(at)?.downcast::<PyString>()?.to_str()?.into()) };
    Ok([text(0)?, text(1)?])
}

fn names_of<'py>(py: Python<'py>, new: NewItems) -> PyResult<Bound<'py, PyTuple>> {
    let names = [
        (new.any_notice, intern!(py, "any_notice")),
        (new.trusted_flagger_notice, intern!(py, "trusted_flagger_notice")),
    ];
    PyTuple::new(py, names.iter().filter(|(is_new, _)| *is_new).map(|(_, name)| name).collect::<Vec<_>>())
}

#[pymethods]
impl MessageRecord {
    #[getter]
    fn is_reported<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get(intern!(py, "is_reported"), |message| message.is_reported())
    }

    #[getter]
    fn is_decided<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get(intern!(py, "is_decided"), |message| message.decided.is_some())
    }

    #[getter]
    fn has_decisions_counted<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get(intern!(py, "has_decisions_counted"), |message| message.has_decisions_counted())
    }

    #[getter]
    fn reports<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get(intern!(py, "reports"), |message| message.reports)
    }

    #[pyo3(signature = (reporter, received_ms, identity=None, finding=None))]
    fn add_report<'py>(
        &mut self,
        py: Python<'py>,
        reporter: u64,
        received_ms: i64,
        identity: Option<&Bound<'py, PyAny>>,
        finding: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let received = u32::try_from(received_ms.div_euclid(1_000));
        let known = finding.map(finding_of).transpose()?;
        if let (Some(identity), Ok(received), None | Some(Some(_))) = (identity, received, &known) {
            let identity = identity_of(identity)?;
            let add = |message: &mut Message| {
                message.add_report(reporter, received, identity, known.flatten());
            };
            if self.undecided(py, add)?.is_some() {
                return Ok(PyList::empty(py).into_any());
            }
        }
        self.in_python(py)?
            .call_method1(intern!(py, "add_report"), (reporter, received_ms, identity, finding))
    }

    fn add_to_facts<'py>(
        &mut self,
        py: Python<'py>,
        role: &str,
        received_s: i64,
        country: &str,
        category: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let add = |message: &mut Message| message.add_to_facts(role_of(role), received_s, country, category);
        match self.native(py, add)? {
            Some(None) => Ok(py.None().into_bound(py)),
            Some(Some(new)) => Ok(names_of(py, new)?.into_any()),
            None => self
                .in_python(py)?
                .call_method1(intern!(py, "add_to_facts"), (role, received_s, country, category)),
        }
    }

    fn add_proof<'py>(
        &mut self,
        py: Python<'py>,
        reporter: u64,
        proof: Vec<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.undecided(py, |message| message.add_proof(reporter, proof.clone()))?.is_some() {
            return Ok(PyList::empty(py).into_any());
        }
        let proof = PyTuple::new(py, proof)?;
        self.in_python(py)?.call_method1(intern!(py, "add_proof"), (reporter, proof))
    }

    fn has_found<'py>(&mut self, py: Python<'py>, root: u64) -> PyResult<Bound<'py, PyAny>> {
        self.call(intern!(py, "has_found"), root, |message| message.has_found(root))
    }

    fn report_of<'py>(&mut self, py: Python<'py>, reporter: u64) -> PyResult<Bound<'py, PyAny>> {
        self.call(intern!(py, "report_of"), reporter, |message| {
            let found = message.report_of(reporter);
            found.map(|(received, identity)| {
                (received, (identity.source.to_string(), identity.id.to_string()))
            })
        })
    }

    #[getter]
    fn reported_as<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let named = |message: &mut Message| message.reported_as().map(str::to_owned).collect::<Vec<_>>();
        match self.native(py, named)? {
            Some(named) => Ok(PyTuple::new(py, named)?.into_any()),
            None => self.in_python(py)?.getattr(intern!(py, "reported_as")),
        }
    }

    fn decided<'py>(&mut self, py: Python<'py>, identity: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.undecided(py, |_| ())? {
            Some(()) => Ok(py.None().into_bound(py)),
            None => self.in_python(py)?.call_method1(intern!(py, "decided"), (identity,)),
        }
    }

    fn rename(&mut self, py: Python, before: u64, after: u64) -> PyResult<()> {
        // Few reports are of reporters who had reported the message under another key.
        if self.native(py, |message| message.has(before))? != Some(false) {
            self.in_python(py)?.call_method1(intern!(py, "rename"), (before, after))?;
        }
        Ok(())
    }

    fn needed_until<'py>(&mut self, py: Python<'py>, newest_ms: i64) -> PyResult<Bound<'py, PyAny>> {
        self.call(intern!(py, "needed_until"), newest_ms, |message| message.needed_until(newest_ms))
    }

    fn __getattr__<'py>(&mut self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.in_python(py)?.getattr(name)
    }
}
