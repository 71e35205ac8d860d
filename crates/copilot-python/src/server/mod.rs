//! The component "server": hosts an ASGI app on the listener of `copilot-net`.
//!
//! A request reaches Python when all of it is there, as one event of the inbox; a relay is polled by its
//! connection from then on.

mod awaitable;
mod exchange;
mod listeners;
mod scope;
mod tls;

use std::{
    collections::HashMap,
    mem,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use copilot_core::text;
use copilot_net::{
    inbox::Inbox,
    server::{self, Guard, Responder, ServerOptions, Service},
    standing::{self, Carried},
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    intern,
    prelude::*,
    types::PyDict,
};

pub(crate) use self::exchange::Exchange;
use self::{awaitable::Nothing, exchange::Received, scope::Shared};
use crate::{
    runtime::{Event, Runtime, Ticket, seconds},
    standing::{Errand, Standing},
};

/// A request on its way to Python.
pub(crate) struct Arriving {
    id: u64,
    request: server::Request,
    /// The request's body, where the app takes it as such.
    body: Option<Arc<text::Body>>,
    responder: Responder,
    /// Where its kind can be decided about.
    errand: Option<Errand>,
}

/// A request that the guard refused.
pub(crate) struct Denied {
    method: String,
    path: String,
    status: u16,
    reason: String,
}

/// One in so many seconds is told: who is refused must not keep Python busy.
const TELLING: Duration = Duration::from_secs(1);

/// Bodies of so many bytes are read into their documents before Python is woken, so that the loop does other things
/// meanwhile. Larger ones would hold the streams up.
const READ_EARLY: RangeInclusive<usize> = 32 * 1024..=1024 * 1024;

/// Passes requests on; called on tokio's threads.
struct Bridge {
    inbox: Arc<Inbox<Event>>,
    next: AtomicU64,
    native_bodies: bool,
    /// When a refusal was told last.
    told: Mutex<Option<Instant>>,
    standing: Option<Arc<standing::Standing>>,
}

impl Service for Bridge {
    fn request(&self, mut request: server::Request, responder: Responder) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let body = self.native_bodies.then(|| {
            let body = text::Body::new(mem::take(&mut request.body).into());
            if READ_EARLY.contains(&body.as_bytes().len()) {
                // Whoever needs the document gets the same error.
                let _ = body.document();
            }
            Arc::new(body)
        });
        if let (Some(standing), Some(body)) = (&self.standing, &body) {
            self.offer(standing, id, request, body, responder);
        } else {
            let arriving = Arriving { id, request, body, responder, errand: None };
            self.inbox.push(Event::Requested(Box::new(arriving)));
        }
        id
    }

    fn gone(&self, id: u64) {
        self.inbox.push(Event::Gone { id });
    }

    fn denied(&self, head: &http::request::Parts, status: http::StatusCode, reason: &str) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.duration_since(told) < TELLING) {
            return;
        }
        *told = Some(now);
        let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
        let denied = Denied { method, path, status: status.as_u16(), reason: reason.to_owned() };
        self.inbox.push(Event::Denied(Box::new(denied)));
    }
}

impl Bridge {
    /// Carries a request for whose kind a decision stands; hands all others on.
    fn offer(
        &self,
        standing: &Arc<standing::Standing>,
        id: u64,
        request: server::Request,
        body: &Arc<text::Body>,
        responder: Responder,
    ) {
        let body = Arc::clone(body);
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let mut offer = standing.offer(&request.head, &body)?;
            let errand = standing.take(&mut offer, &request.head, &body);
            Some((Errand::new(Arc::clone(standing), offer.kind, offer.generation), errand))
        }));
        let looked = looked.unwrap_or_else(|_| {
            self.inbox.push(Event::StandingPanicked);
            None
        });
        let (kind, errand) = looked.unzip();
        let Some(errand) = errand.flatten() else {
            standing.flush();
            let arriving = Arriving { id, request, body: Some(body), responder, errand: kind };
            self.inbox.push(Event::Requested(Box::new(arriving)));
            return;
        };
        // Boxed, so that the task is small: it is made for each request.
        let (inbox, standing, request) = (Arc::clone(&self.inbox), Arc::clone(standing), Box::new(request));
        tokio::spawn(async move {
            let Carried::Back(back, responder) = errand.run(responder).await else { return };
            standing.flush();
            let errand = kind.map(|kind| kind.back(*back));
            let arriving = Arriving { id, request: *request, body: Some(body), responder, errand };
            inbox.push(Event::Requested(Box::new(arriving)));
        });
    }
}

/// Numbers of a server: connections now, and since its start connections, requests, refused, aborted, broken,
/// pauses; of the refused those for their host, their origin and their user; connections whose owner was asked for.
type StatsTuple = (u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);

/// `AccessGuard` of `engine/server_interfaces.py`, in its order.
type GuardTuple = (Vec<String>, Vec<String>, Option<(String, String)>, bool, bool);

/// See the module.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Server {
    runtime: Py<Runtime>,
    /// `start(scope, exchange) -> task` runs the app.
    start: Py<PyAny>,
    shared: Shared,
    /// `denied(method, path, status, reason)` is told of what the guard refused, now and then.
    denied: Py<PyAny>,
    nothing: Py<Nothing>,
    /// A client that goes away takes the task of its request along.
    cancels: bool,
    exchanges: Mutex<HashMap<u64, Py<Exchange>>>,
    inner: Mutex<Option<Arc<server::Server>>>,
}

/// Seconds and sizes of `ServerOptions` in `engine/server_interfaces.py`, in its order.
type Options = (usize, f64, usize, usize, f64, f64, f64, bool, bool);

#[pymethods]
impl Server {
    /// Serves from now on. The server owns the descriptors from now on, also when this fails.
    #[new]
    #[pyo3(signature = (
        runtime, start, denied, descriptors, options, guard, tls, asgi, extensions, state, standing, /,
    ))]
    #[expect(
        clippy::needless_pass_by_value,
        clippy::too_many_arguments,
        reason = "one call at start-up, positional and checked by its stub"
    )]
    fn new(
        py: Python<'_>,
        runtime: &Bound<'_, Runtime>,
        start: Py<PyAny>,
        denied: Py<PyAny>,
        descriptors: Vec<i64>,
        options: Options,
        guard: Option<GuardTuple>,
        tls: Option<(Vec<u8>, Vec<u8>)>,
        asgi: Py<PyDict>,
        extensions: Py<PyDict>,
        state: Option<Py<PyDict>>,
        standing: Option<Bound<'_, Standing>>,
    ) -> PyResult<Py<Self>> {
        let listeners = listeners::adopt(&descriptors)?;
        let (
            max_connections,
            header_timeout,
            header_limit,
            body_limit,
            body_stall,
            keep_alive,
            write_stall,
            cancels,
            native_bodies,
        ) = options;
        let tls = match tls {
            None => None,
            Some((chain, key)) => Some(tls::config(&chain, &key).map_err(PyValueError::new_err)?),
        };
        let options = ServerOptions {
            max_connections,
            header_timeout: seconds(header_timeout),
            header_limit,
            body_limit,
            body_stall: seconds(body_stall),
            keep_alive: seconds(keep_alive),
            write_stall: seconds(write_stall),
            tls,
            h2c: true,
            guard: guard.map(made),
        };
        let server = Py::new(
            py,
            Self {
                runtime: runtime.clone().unbind(),
                start,
                denied,
                shared: Shared { asgi, extensions, state },
                nothing: Py::new(py, Nothing)?,
                cancels,
                exchanges: Mutex::default(),
                inner: Mutex::default(),
            },
        )?;
        let runtime = runtime.get();
        runtime.host(server.clone_ref(py));
        let bridge = Arc::new(Bridge {
            inbox: Arc::clone(&runtime.inbox),
            next: AtomicU64::new(0),
            native_bodies,
            told: Mutex::default(),
            standing: standing.map(|standing| Arc::clone(&standing.get().inner)),
        });
        let inner = server::Server::start(listeners, options, bridge, &runtime.handle)?;
        *server.get().inner() = Some(Arc::new(inner));
        Ok(server)
    }

    fn stop_accepting(&self) {
        if let Some(inner) = &*self.inner() {
            inner.stop_accepting();
        }
    }

    /// Judges requests by another guard from now on.
    #[pyo3(signature = (guard, /))]
    fn judge_by(&self, guard: Option<GuardTuple>) {
        if let Some(inner) = &*self.inner() {
            inner.judge_by(guard.map(made));
        }
    }

    /// Waits until no connection is left.
    fn drained<'py>(&self, py: Python<'py>) -> PyResult<(Ticket, Bound<'py, PyAny>)> {
        let Some(inner) = self.inner().clone() else {
            return Err(PyRuntimeError::new_err("the server is closed"));
        };
        self.runtime(py).run(py, None, |promise| async move {
            inner.drained().await;
            promise.keep(|ticket| Event::Ready { ticket });
        })
    }

    /// Cuts all connections and stops.
    fn close(&self, py: Python<'_>) {
        let inner = self.inner().take();
        if let Some(inner) = inner {
            inner.stop_accepting();
            inner.abort();
        }
        self.runtime(py).unhost();
        let left = mem::take(&mut *self.exchanges());
        for exchange in left.into_values() {
            exchange.get().gone(py);
        }
    }

    #[getter]
    fn stats(&self) -> StatsTuple {
        let s = self.inner().as_ref().map(|inner| inner.stats()).unwrap_or_default();
        (
            s.connections,
            s.accepted,
            s.requests,
            s.refused,
            s.aborted,
            s.broken,
            s.pauses,
            s.foreign_hosts,
            s.foreign_origins,
            s.foreign_users,
            s.owners_asked,
        )
    }
}

fn made((public_hosts, origins, viewer, beyond_loopback, same_user): GuardTuple) -> Arc<Guard> {
    Arc::new(Guard { public_hosts, origins, viewer, beyond_loopback, same_user })
}

impl Server {
    fn inner(&self) -> MutexGuard<'_, Option<Arc<server::Server>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchanges(&self) -> MutexGuard<'_, HashMap<u64, Py<Exchange>>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime<'a>(&'a self, py: Python<'a>) -> &'a Runtime {
        self.runtime.bind(py).get()
    }

    fn nothing<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.nothing.bind(py).clone().into_any()
    }

    fn forget(&self, id: u64) {
        let exchange = self.exchanges().remove(&id);
        drop(exchange);
    }

    /// Starts the app on a request.
    pub(crate) fn requested(slf: &Bound<'_, Self>, arriving: Arriving) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let Arriving { id, request, body: native, responder, errand } = arriving;
        let server::Request { head, body, connection } = request;
        let body = native.map_or(Received::Bytes(body), Received::Native);
        let scope = scope::build(py, &head, &connection, &this.shared)?;
        if let Some(errand) = errand {
            scope.set_item(intern!(py, "copilot_api.standing"), Bound::new(py, errand)?)?;
        }
        let exchange = Py::new(py, Exchange::new(id, responder, body, slf.clone().unbind()))?;
        this.exchanges().insert(id, exchange.clone_ref(py));
        let task =
            this.start.bind(py).call1((scope, exchange.clone_ref(py))).inspect_err(|_| this.forget(id))?;
        exchange.get().runs_as(task.unbind());
        Ok(())
    }

    pub(crate) fn denied(&self, py: Python<'_>, denied: &Denied) -> PyResult<()> {
        let Denied { method, path, status, reason } = denied;
        self.denied.bind(py).call1((method, path, status, reason)).map(drop)
    }

    pub(crate) fn gone(&self, py: Python<'_>, id: u64) {
        let exchange = self.exchanges().get(&id).map(|exchange| exchange.clone_ref(py));
        if let Some(exchange) = exchange {
            exchange.get().gone(py);
        }
    }

    pub(crate) fn room(&self, py: Python<'_>, id: u64) {
        let exchange = self.exchanges().get(&id).map(|exchange| exchange.clone_ref(py));
        if let Some(exchange) = exchange {
            exchange.get().room(py);
        }
    }
}
