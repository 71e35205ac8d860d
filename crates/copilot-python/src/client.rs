//! The component "client".

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use copilot_core::hook::{self, Stage};
use copilot_net::{
    client::{self, Answer, Call, CallError, ClientOptions, Timeouts},
    relay::{self, Limits, Source},
    standing,
};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyBytes, PyDict},
};

use crate::{
    body::Given,
    errors,
    relay::{Relay, Stream},
    runtime::{Event, Runtime, Ticket, seconds},
    streaming::PlanTuple,
};

/// Bytes of a whole body that are read ahead at the most; embeddings of a full batch take about 30 MB.
const LARGEST: usize = 256 * 1024 * 1024;

/// How much of an answer is waited for before Python is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// The header section
    Head,
    /// The first bytes of a stream
    First,
    /// The whole body
    Whole,
}

/// An answer on its way to Python.
pub(crate) struct Arrived {
    status: u16,
    headers: Vec<(String, String)>,
    content: Content,
    idle: Duration,
}

enum Content {
    Unread(Source),
    Whole(Result<Bytes, CallError>),
    /// A stream that was refused by its first frame.
    Judged(Box<relay::Relay>),
    Gone,
}

/// Header fields that many calls have in common, read and written once.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Headers(Arc<client::Headers>);

impl Headers {
    pub(crate) fn shared(&self) -> Arc<client::Headers> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Headers {
    #[new]
    #[pyo3(signature = (fields, /))]
    #[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
    fn new(fields: Vec<(PyBackedStr, PyBackedStr)>) -> PyResult<Self> {
        let headers = client::Headers::read(fields.iter().map(|(name, value)| (&**name, &**value)));
        headers.map(|headers| Self(Arc::new(headers))).map_err(|error| errors::call_error(&error))
    }
}

/// Pooled HTTP to upstream.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Client {
    inner: client::Client,
}

impl Client {
    pub(crate) fn inner(&self) -> client::Client {
        self.inner.clone()
    }
}

/// How long parts of a call may take: for a connection, for the header section, for silence in the body.
pub(crate) fn timeouts((connect, first_byte, idle): (f64, f64, f64)) -> Timeouts {
    Timeouts { connect: seconds(connect), first_byte: seconds(first_byte), idle: seconds(idle) }
}

/// What Python waits for: a ticket to cancel it by, and the future.
type Waiting<'py> = (Ticket, Bound<'py, PyAny>);

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (proxy_from_env, max_connections, header_limit, environ, /))]
    fn new(
        proxy_from_env: bool,
        max_connections: usize,
        header_limit: usize,
        environ: HashMap<String, String>,
    ) -> Self {
        let options = ClientOptions { proxy_from_env, max_connections, header_limit };
        Self { inner: client::Client::new(options, environ) }
    }

    #[pyo3(signature = (runtime, method, url, headers, own, body, timeouts, ahead, patience, /))]
    #[expect(
        clippy::needless_pass_by_value,
        clippy::too_many_arguments,
        reason = "one call across the border, positional and checked by its stub"
    )]
    fn request<'py>(
        &self,
        py: Python<'py>,
        runtime: &Bound<'py, Runtime>,
        method: &str,
        url: &str,
        headers: &Bound<'py, Headers>,
        own: Vec<(PyBackedStr, PyBackedStr)>,
        body: Option<Given>,
        timeouts: (f64, f64, f64),
        ahead: &str,
        patience: f64,
    ) -> PyResult<Waiting<'py>> {
        let own = own.iter().map(|(name, value)| (&**name, &**value));
        let mut call =
            Call::new(method, url, own, body.map(Given::into_payload), crate::client::timeouts(timeouts))
                .map_err(|error| errors::call_error(&error))?;
        call.common = Arc::clone(&headers.get().0);
        let (ahead, patience) = (of_word(ahead)?, seconds(patience));
        let (client, idle) = (self.inner.clone(), call.timeouts.idle);
        runtime.get().run(py, None, |promise| async move {
            hook::enter(Stage::Client);
            let result = match client.request(call).await {
                Ok(answer) => Ok(Box::new(arrive(answer, ahead, patience, idle).await)),
                Err(error) => Err(error),
            };
            promise.keep(|ticket| Event::Answered { ticket, result });
        })
    }
}

fn of_word(word: &str) -> PyResult<Ahead> {
    Ok(match word {
        "head" => Ahead::Head,
        "first" => Ahead::First,
        "whole" => Ahead::Whole,
        other => return Err(PyValueError::new_err(format!("nothing is read ahead by {other:?}"))),
    })
}

async fn arrive(answer: Answer, ahead: Ahead, patience: Duration, idle: Duration) -> Arrived {
    let Answer { status, headers, body } = answer;
    let mut source = Source::new(body);
    let content = match ahead {
        Ahead::Head => Content::Unread(source),
        Ahead::Whole => Content::Whole(source.read(LARGEST, idle).await),
        Ahead::First => {
            source.read_ahead(patience).await;
            Content::Unread(source)
        }
    };
    Arrived { status, headers, content, idle }
}

/// The answer of one call.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Upstream {
    #[pyo3(get)]
    status: u16,
    #[pyo3(get)]
    headers: Py<PyDict>,
    content: Mutex<Content>,
    idle: Duration,
}

impl Upstream {
    pub(crate) fn of(py: Python<'_>, arrived: Arrived) -> PyResult<Self> {
        let Arrived { status, headers, content, idle } = arrived;
        let named = PyDict::new(py);
        for (name, value) in headers {
            named.set_item(name, value)?;
        }
        Ok(Self { status, headers: named.unbind(), content: Mutex::new(content), idle })
    }

    /// The answer of a call that the server made itself.
    pub(crate) fn back(
        py: Python<'_>,
        status: u16,
        headers: Vec<(String, String)>,
        content: standing::Content,
        idle: Duration,
    ) -> PyResult<Self> {
        let content = match content {
            standing::Content::Whole(read) => Content::Whole(read),
            standing::Content::Unread(source) => Content::Unread(source),
            standing::Content::Judged(relay) => Content::Judged(relay),
        };
        Self::of(py, Arrived { status, headers, content, idle })
    }

    fn take(&self) -> Content {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *content, Content::Gone)
    }

    fn put_back(&self, content: Content) {
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = content;
    }

    fn source(&self) -> PyResult<Source> {
        match self.take() {
            Content::Unread(source) => Ok(source),
            Content::Whole(_) | Content::Judged(_) | Content::Gone => {
                Err(PyValueError::new_err("the body was read already"))
            }
        }
    }
}

#[pymethods]
impl Upstream {
    /// Returns the body when all of it came ahead; None when it is still to be read.
    #[pyo3(signature = (limit, /))]
    fn whole<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let content = self.take();
        match content {
            Content::Whole(Ok(body)) if body.len() <= limit => Ok(Some(PyBytes::new(py, &body))),
            Content::Whole(Ok(_)) => {
                let text = format!("the answer is larger than {limit} bytes");
                Err(errors::call_error(&CallError::TooLarge(text)))
            }
            Content::Whole(Err(error)) => Err(errors::call_error(&error)),
            Content::Judged(_) | Content::Gone => Err(PyValueError::new_err("the body was read already")),
            unread @ Content::Unread(_) => {
                self.put_back(unread);
                Ok(None)
            }
        }
    }

    #[pyo3(signature = (runtime, limit, /))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        runtime: &Bound<'py, Runtime>,
        limit: usize,
    ) -> PyResult<Waiting<'py>> {
        let (source, idle) = (self.source()?, self.idle);
        runtime.get().run(py, None, |promise| async move {
            let result = source.read(limit, idle).await;
            promise.keep(|ticket| Event::Read { ticket, result });
        })
    }

    #[pyo3(signature = (runtime, plan, limits, capture = 0, /))]
    fn relay(
        &self,
        runtime: &Bound<'_, Runtime>,
        plan: PlanTuple,
        limits: (f64, f64, f64),
        capture: usize,
    ) -> PyResult<Relay> {
        let plan = plan.plan()?;
        let content = self.take();
        if let Content::Judged(relay) = content {
            return Ok(Relay::judged(runtime.clone().unbind(), relay));
        }
        self.put_back(content);
        let (keep_alive, idle, content) = limits;
        let (keep_alive, idle, content) = (seconds(keep_alive), seconds(idle), seconds(content));
        let limits = Limits { keep_alive, idle, content, capture };
        Relay::new(runtime.clone().unbind(), self.source()?, plan, limits)
    }

    /// Returns the body as it comes, for a relay in Python.
    #[pyo3(signature = (runtime, /))]
    fn stream(&self, runtime: &Bound<'_, Runtime>) -> PyResult<Stream> {
        Ok(Stream::new(runtime.clone().unbind(), self.source()?))
    }

    fn close(&self) {
        drop(self.take());
    }
}
