//! One request and its response, as an ASGI app sees them: `receive` and `send`.

use std::{
    cmp::Ordering,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Wake, Waker},
};

use bytes::Bytes;
use copilot_core::text;
use copilot_net::{
    inbox::Inbox,
    server::{self, BodySender, Responder, ResponseBody, TrySendError},
};
use http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_LENGTH, response};
use pyo3::{
    exceptions::{PyConnectionResetError, PyRuntimeError, PyTypeError, PyValueError},
    intern,
    prelude::*,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

use super::{Server, awaitable::Done};
use crate::{body::Body, relay::Relay, runtime::Event};

const GONE: &str = "the client is gone";

/// Bytes of a body that may wait for the client; then `send` waits.
const AHEAD: usize = 64 * 1024;

/// Where the response stands.
enum Answer {
    Unstarted(Responder),
    /// The head is held until the first piece of the body, as ASGI asks.
    Started(Responder, Box<response::Parts>),
    Streaming(BodySender, Option<Held>),
    Relayed,
    Complete,
}

/// The body of a request, in the form that the app takes.
pub(super) enum Received {
    Bytes(Bytes),
    Native(Arc<text::Body>),
}

impl Received {
    fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
            Self::Native(body) => Bound::new(py, Body::new(body))?.into_any(),
        })
    }
}

/// A piece that waits for room, and the `send` that waits with it.
struct Held {
    piece: Bytes,
    more: bool,
    sending: Py<PyAny>,
}

struct State {
    answer: Answer,
    /// The request's body, until it is received.
    body: Option<Received>,
    gone: bool,
    /// A `receive` that waits for the client to go.
    receiving: Option<Py<PyAny>>,
    task: Option<Py<PyAny>>,
}

/// See the module. Used on the loop's thread only.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Exchange {
    state: Mutex<State>,
    id: u64,
    host: Py<Server>,
}

impl Exchange {
    pub(super) fn new(id: u64, responder: Responder, body: Received, host: Py<Server>) -> Self {
        let state = State {
            answer: Answer::Unstarted(responder),
            body: Some(body),
            gone: false,
            receiving: None,
            task: None,
        };
        Self { state: Mutex::new(state), id, host }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn runs_as(&self, task: Py<PyAny>) {
        let mut state = self.lock();
        if !matches!(state.answer, Answer::Complete) {
            state.task = Some(task);
        }
    }

    /// The client is gone: tells a waiting `receive`, and cancels the app's task if the server is told to.
    pub(super) fn gone(&self, py: Python<'_>) {
        let mut state = self.lock();
        state.gone = true;
        let (receiving, task) = (state.receiving.take(), state.task.take());
        // A relay that the client left is over: its task goes on by itself, with the summary.
        let goes_on =
            matches!(state.answer, Answer::Relayed | Answer::Complete) || !self.host.bind(py).get().cancels;
        drop(state);
        if let Some(receiving) = receiving {
            complete(py, &receiving, disconnect(py));
        }
        if let Some(task) = task.filter(|_| !goes_on) {
            let _ = task.bind(py).call_method0(intern!(py, "cancel"));
        }
    }

    /// The connection took something: what was held goes on.
    pub(super) fn room(&self, py: Python<'_>) {
        let mut state = self.lock();
        let Answer::Streaming(sender, Some(held)) = mem::replace(&mut state.answer, Answer::Complete) else {
            return;
        };
        let Held { piece, more, sending } = held;
        match self.pass(py, &mut state, sender, piece, more) {
            Ok(None) if more => {
                drop(state);
                complete(py, &sending, Ok(py.None()));
            }
            Ok(None) => {
                self.end_receiving(py, state);
                complete(py, &sending, Ok(py.None()));
            }
            Ok(Some(piece)) => {
                if let Answer::Streaming(_, held) = &mut state.answer {
                    *held = Some(Held { piece, more, sending });
                }
            }
            Err(error) => {
                drop(state);
                complete(py, &sending, Err(error));
            }
        }
    }

    /// Gives a piece to the connection; one for which there is no room comes back.
    fn pass(
        &self,
        py: Python<'_>,
        state: &mut State,
        sender: BodySender,
        piece: Bytes,
        more: bool,
    ) -> PyResult<Option<Bytes>> {
        let says_nothing = piece.is_empty() && !more;
        let held = match sender.try_send(piece) {
            Ok(()) if more => None,
            Ok(()) => {
                sender.finish();
                state.answer = Answer::Complete;
                return Ok(None);
            }
            Err(TrySendError::Full(piece)) => {
                let inbox = Arc::clone(&self.host.bind(py).get().runtime(py).inbox);
                let waker = Waker::from(Arc::new(Room { inbox, id: self.id }));
                if sender.poll_room(&mut Context::from_waker(&waker)).is_ready() {
                    waker.wake();
                }
                Some(piece)
            }
            // hyper left with the last byte of a declared length; the app says later that it was the last.
            Err(TrySendError::Gone) if says_nothing => {
                state.answer = Answer::Complete;
                return Ok(None);
            }
            Err(TrySendError::Gone) => return Err(PyConnectionResetError::new_err(GONE)),
        };
        state.answer = Answer::Streaming(sender, None);
        Ok(held)
    }

    /// The response is whole: what still waits in `receive` waits for nothing else.
    #[expect(clippy::unused_self, reason = "the guard is of this exchange")]
    fn end_receiving(&self, py: Python<'_>, mut state: MutexGuard<'_, State>) {
        let receiving = state.receiving.take();
        drop(state);
        if let Some(receiving) = receiving {
            complete(py, &receiving, disconnect(py));
        }
    }

    fn respond(&self, py: Python<'_>, responder: Responder, head: response::Parts, body: ResponseBody) {
        self.host.bind(py).get().runtime(py).later(py, move || responder.respond(head, body));
    }

    fn done<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.host.bind(py).get().nothing(py)
    }
}

/// Tells the loop that a connection has room.
struct Room {
    inbox: Arc<Inbox<Event>>,
    id: u64,
}

impl Wake for Room {
    fn wake(self: Arc<Self>) {
        self.inbox.push(Event::Room { id: self.id });
    }
}

#[pymethods]
impl Exchange {
    /// ASGI's `receive`.
    fn receive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut state = self.lock();
        if state.gone || matches!(state.answer, Answer::Complete) {
            return Done::with(py, disconnect(py)?);
        }
        if let Some(body) = state.body.take() {
            drop(state);
            let message = PyDict::new(py);
            message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
            message.set_item(intern!(py, "body"), body.into_object(py)?)?;
            message.set_item(intern!(py, "more_body"), false)?;
            return Done::with(py, message.unbind().into_any());
        }
        // One future for all who wait: a waiter that is cancelled would take it from the others.
        if let Some(waiting) = &state.receiving
            && !waiting.bind(py).call_method0(intern!(py, "done"))?.is_truthy()?
        {
            return Ok(waiting.bind(py).clone());
        }
        let future = self.host.bind(py).get().runtime(py).future(py)?;
        state.receiving = Some(future.clone().unbind());
        Ok(future)
    }

    /// ASGI's `send`, with the message `copilot_api.response.relay`.
    #[pyo3(signature = (message, /))]
    fn send<'py>(&self, py: Python<'py>, message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let kind = message
            .get_item(intern!(py, "type"))?
            .ok_or_else(|| PyValueError::new_err("a message needs a type"))?;
        match kind.cast::<PyString>()?.to_str()? {
            "http.response.start" => self.start(py, message),
            "http.response.body" => self.body(py, message),
            "copilot_api.response.relay" => self.relay(py, message),
            other => Err(PyValueError::new_err(format!("there is no message {other:?} here"))),
        }
    }

    /// Whether the client went away.
    #[getter]
    fn client_gone(&self) -> bool {
        self.lock().gone
    }

    /// The app is done with the request. What it has not sent whole the client sees cut, or as a 500.
    fn finish(&self, py: Python<'_>) {
        let mut state = self.lock();
        let answer = mem::replace(&mut state.answer, Answer::Complete);
        let receiving = state.receiving.take();
        let task = state.task.take();
        drop(state);
        match answer {
            // By the rules of its drop: cut.
            Answer::Streaming(sender, _) => sender.abort(),
            // A head without a body was never sent: 500.
            Answer::Unstarted(responder) | Answer::Started(responder, _) => drop(responder),
            Answer::Relayed | Answer::Complete => {}
        }
        if let Some(receiving) = receiving {
            complete(py, &receiving, disconnect(py));
        }
        drop(task);
        self.host.bind(py).get().forget(self.id);
    }
}

impl Exchange {
    fn start<'py>(&self, py: Python<'py>, message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let head = head(py, message)?;
        let mut state = self.lock();
        if state.gone {
            return Err(PyConnectionResetError::new_err(GONE));
        }
        match mem::replace(&mut state.answer, Answer::Complete) {
            Answer::Unstarted(responder) => state.answer = Answer::Started(responder, Box::new(head)),
            other => {
                state.answer = other;
                return Err(PyRuntimeError::new_err("the response was started already"));
            }
        }
        Ok(self.done(py))
    }

    fn body<'py>(&self, py: Python<'py>, message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let piece = match message.get_item(intern!(py, "body"))? {
            Some(body) => bytes_of(&body)?,
            None => Bytes::new(),
        };
        let more = match message.get_item(intern!(py, "more_body"))? {
            Some(more) => more.is_truthy()?,
            None => false,
        };
        let mut state = self.lock();
        if state.gone && !matches!(state.answer, Answer::Complete) {
            return Err(PyConnectionResetError::new_err(GONE));
        }
        let sender = match mem::replace(&mut state.answer, Answer::Complete) {
            Answer::Started(responder, head) if !more => {
                if let Some(text) = wrong_length(&head, piece.len()) {
                    state.answer = Answer::Started(responder, head);
                    return Err(PyRuntimeError::new_err(text));
                }
                let body = if piece.is_empty() { ResponseBody::Empty } else { ResponseBody::Whole(piece) };
                self.respond(py, responder, *head, body);
                self.end_receiving(py, state);
                return Ok(self.done(py));
            }
            Answer::Started(responder, head) => {
                let (sender, body) = server::channel(AHEAD);
                self.respond(py, responder, *head, ResponseBody::Channel(body));
                sender
            }
            Answer::Streaming(sender, None) => sender,
            other => {
                let text = match other {
                    Answer::Unstarted(_) => "the response was not started",
                    Answer::Streaming(..) => "the piece before is still being sent",
                    _ => "the response is complete already",
                };
                state.answer = other;
                return Err(PyRuntimeError::new_err(text));
            }
        };
        let Some(piece) = self.pass(py, &mut state, sender, piece, more)? else {
            if !more {
                self.end_receiving(py, state);
            }
            return Ok(self.done(py));
        };
        let sending = self.host.bind(py).get().runtime(py).future(py)?;
        if let Answer::Streaming(_, held) = &mut state.answer {
            *held = Some(Held { piece, more, sending: sending.clone().unbind() });
        }
        Ok(sending)
    }

    fn relay<'py>(&self, py: Python<'py>, message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let relay = message
            .get_item(intern!(py, "relay"))?
            .ok_or_else(|| PyValueError::new_err("the message has no relay"))?;
        let relay = relay.cast::<Relay>()?.get();
        let mut state = self.lock();
        if !matches!(state.answer, Answer::Started(..)) {
            return Err(PyRuntimeError::new_err("a relay takes the place of the body, after the start"));
        }
        let moved = relay.hand_over()?;
        let runtime = self.host.bind(py).get().runtime(py);
        let (inbox, control) = (Arc::clone(&runtime.inbox), relay.control());
        let (_, over) = runtime.wait(py, None, |ticket| {
            control.on_end(move || inbox.push(Event::Ready { ticket }));
            None
        })?;
        if let Answer::Started(responder, head) = mem::replace(&mut state.answer, Answer::Relayed) {
            self.respond(py, responder, *head, ResponseBody::Stream(Box::pin(*moved)));
        }
        Ok(over)
    }
}

/// What is wrong with the length that an app declared for a body of `size` bytes. An empty one may answer HEAD.
fn wrong_length(head: &response::Parts, size: usize) -> Option<&'static str> {
    let declared: usize = head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    match declared.cmp(&size) {
        Ordering::Less => Some("the body is longer than its Content-Length"),
        Ordering::Greater if size > 0 => Some("the body is shorter than its Content-Length"),
        Ordering::Equal | Ordering::Greater => None,
    }
}

fn complete(py: Python<'_>, future: &Py<PyAny>, result: PyResult<Py<PyAny>>) {
    let future = future.bind(py);
    // A future that was cancelled meanwhile refuses its result, which nobody misses.
    let _ = match result {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error.into_value(py),)),
    };
}

fn disconnect(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(message.unbind().into_any())
}

fn head(py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<response::Parts> {
    let (mut head, ()) = http::Response::new(()).into_parts();
    let status: u16 = message
        .get_item(intern!(py, "status"))?
        .ok_or_else(|| PyValueError::new_err("the start has no status"))?
        .extract()?;
    head.status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| PyValueError::new_err(format!("{status} is no status of a response")))?;
    if let Some(headers) = message.get_item(intern!(py, "headers"))? {
        if let Ok(list) = headers.cast::<PyList>() {
            for pair in list {
                add(&mut head, &pair)?;
            }
        } else {
            for pair in headers.try_iter()? {
                add(&mut head, &pair?)?;
            }
        }
    }
    Ok(head)
}

fn add(head: &mut response::Parts, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    let wrong = || PyValueError::new_err("a header is no pair of legal bytes");
    let (name, value) = if let Ok(pair) = pair.cast::<PyTuple>()
        && pair.len() == 2
    {
        (pair.get_borrowed_item(0)?.to_owned(), pair.get_borrowed_item(1)?.to_owned())
    } else {
        (pair.get_item(0)?, pair.get_item(1)?)
    };
    let name = name.cast::<PyBytes>().map_err(|_| wrong())?;
    let value = value.cast::<PyBytes>().map_err(|_| wrong())?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong())?;
    head.headers.append(name, value);
    Ok(())
}

fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    // bytearray and memoryview are what some apps send.
    value.extract::<Vec<u8>>().map(Bytes::from).map_err(|_| PyTypeError::new_err("bytes are needed"))
}
