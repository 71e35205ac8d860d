//! The tokio runtime and the inbox of one event loop.
//!
//! Tokio's threads never touch Python: they push [`Event`]s with tickets. The loop's thread, which holds the
//! interpreter already, turns them into results of Python futures in [`Runtime::drain`].

use std::{
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use copilot_core::streams::Refusal;
use copilot_net::{client::CallError, inbox::Inbox, outbox::Outbox, relay};
use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, types::PyBytes};
use tokio::{runtime, sync::oneshot};

use crate::{
    client::{Arrived, Upstream},
    errors,
    relay::Relay,
    server::{Arriving, Denied, Server},
    standing::Standing,
};

/// How long threads of tokio may take to stop.
const STOPPING: Duration = Duration::from_secs(1);

/// The threads of tokio.
enum Threads {
    /// One, which drives everything: no work to steal and nobody to wake, some 10 % less a chunk.
    One {
        stop: oneshot::Sender<()>,
        thread: JoinHandle<()>,
    },
    Many(runtime::Runtime),
}

impl Threads {
    fn start(workers: usize) -> io::Result<(Self, runtime::Handle)> {
        let mut builder = if workers > 1 {
            runtime::Builder::new_multi_thread()
        } else {
            runtime::Builder::new_current_thread()
        };
        builder.max_blocking_threads(8).thread_name("copilot-net").enable_all();
        if workers > 1 {
            let tokio = builder.worker_threads(workers).build()?;
            let handle = tokio.handle().clone();
            return Ok((Self::Many(tokio), handle));
        }
        let tokio = builder.build()?;
        let handle = tokio.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("copilot-net".to_owned()).spawn(move || {
            // Told to stop, or nobody is left to tell.
            let _ = tokio.block_on(stopped);
            tokio.shutdown_timeout(STOPPING);
        })?;
        Ok((Self::One { stop, thread }, handle))
    }

    fn stop(self) {
        match self {
            Self::One { stop, thread } => {
                drop(stop);
                // It contained a panic itself, or has told of it.
                let _ = thread.join();
            }
            Self::Many(tokio) => tokio.shutdown_timeout(STOPPING),
        }
    }
}

/// What tokio's threads tell the event loop.
pub(crate) enum Event {
    /// The answer of a call
    Answered { ticket: Ticket, result: Result<Box<Arrived>, CallError> },
    /// A whole body
    Read { ticket: Ticket, result: Result<Bytes, CallError> },
    /// The first frame of a stream was judged
    Judged { ticket: Ticket, relay: Box<relay::Relay>, refusal: Option<Refusal> },
    /// Something that is asked for anew is there
    Ready { ticket: Ticket },
    /// The task panicked
    Lost { ticket: Ticket },
    /// A request for the app
    Requested(Box<Arriving>),
    /// The client of a request went away
    Gone { id: u64 },
    /// The connection of a request takes more
    Room { id: u64 },
    /// The server refused a request
    Denied(Box<Denied>),
    /// Requests that were carried without Python are over
    Settled,
    /// Somebody waits for a place that such a request gave back
    PlaceOwed,
    /// Our own code panicked over a request that was to be carried
    StandingPanicked,
}

/// Sends one event for a ticket, whatever becomes of the task that holds it.
pub(crate) struct Promise {
    inbox: Arc<Inbox<Event>>,
    ticket: Ticket,
    kept: bool,
}

impl Promise {
    pub(crate) fn keep(mut self, event: impl FnOnce(Ticket) -> Event) {
        self.kept = true;
        self.inbox.push(event(self.ticket));
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.kept {
            self.inbox.push(Event::Lost { ticket: self.ticket });
        }
    }
}

/// The tickets of futures that wait: index and generation, so that a late event finds nobody.
pub(crate) type Ticket = u64;

/// Ends a task by its drop.
type Alive = oneshot::Sender<()>;

/// A Python future that waits, and what its result needs.
struct Slot {
    future: Py<PyAny>,
    /// Dropped, it ends the task.
    task: Option<Alive>,
    judging: Option<Py<Relay>>,
}

#[derive(Default)]
struct Slots {
    entries: Vec<(u32, Option<Slot>)>,
    free: Vec<u32>,
}

impl Slots {
    fn insert(&mut self, slot: Slot) -> Ticket {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        let mut generation = 0;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.0 = entry.0.wrapping_add(1);
            entry.1 = Some(slot);
            generation = entry.0;
        }
        Ticket::from(generation) << 32 | Ticket::from(index)
    }

    fn get(&mut self, ticket: Ticket) -> Option<&mut Option<Slot>> {
        let entry = self.entries.get_mut(index_of(ticket) as usize)?;
        (u64::from(entry.0) == ticket >> 32).then_some(&mut entry.1)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Slot> {
        let slot = self.get(ticket)?.take()?;
        self.free.push(index_of(ticket));
        Some(slot)
    }
}

fn index_of(ticket: Ticket) -> u32 {
    u32::try_from(ticket & Ticket::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// See the module. Made on the loop's thread, and used there only.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Runtime {
    pub(crate) inbox: Arc<Inbox<Event>>,
    pub(crate) handle: runtime::Handle,
    tokio: Mutex<Option<Threads>>,
    slots: Mutex<Slots>,
    server: Mutex<Option<Py<Server>>>,
    standing: Mutex<Option<Py<Standing>>>,
    create_future: Py<PyAny>,
    outbox: Arc<Outbox>,
    call_soon: Py<PyAny>,
    flush: Py<Flush>,
}

/// What the loop calls at the end of a turn in which something was asked of tokio's threads.
#[pyclass(frozen, module = "copilot_api._native")]
struct Flush(Arc<Outbox>);

#[pymethods]
impl Flush {
    fn __call__(&self) {
        self.0.flush();
    }
}

#[pymethods]
impl Runtime {
    #[new]
    #[pyo3(signature = (event_loop, workers, /))]
    fn new(event_loop: &Bound<'_, PyAny>, workers: usize) -> PyResult<Self> {
        let (threads, handle) = Threads::start(workers)?;
        let py = event_loop.py();
        let outbox = Outbox::start(&handle);
        Ok(Self {
            flush: Py::new(py, Flush(Arc::clone(&outbox)))?,
            outbox,
            call_soon: event_loop.getattr(intern!(py, "call_soon"))?.unbind(),
            inbox: Arc::new(Inbox::new()?),
            handle,
            tokio: Mutex::new(Some(threads)),
            slots: Mutex::default(),
            server: Mutex::default(),
            standing: Mutex::default(),
            create_future: event_loop.getattr(intern!(py, "create_future"))?.unbind(),
        })
    }

    fn fileno(&self) -> i64 {
        self.inbox.fileno()
    }

    fn drain(&self, py: Python<'_>) {
        let mut events = Vec::new();
        self.inbox.take(&mut events);
        for event in events {
            self.deliver(py, event);
        }
    }

    #[pyo3(signature = (ticket, /))]
    fn cancel(&self, ticket: Ticket) {
        // What keeps its task alive goes with it.
        drop(self.slots().remove(ticket));
    }

    fn close(&self, py: Python<'_>) {
        let tokio = self.tokio.lock().unwrap_or_else(PoisonError::into_inner).take();
        let waiting = mem::take(&mut *self.slots());
        drop(waiting);
        if let Some(tokio) = tokio {
            py.detach(|| tokio.stop());
        }
        // What came too late: its connections close here.
        self.inbox.take(&mut Vec::new());
    }
}

impl Runtime {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `job` run on a thread of tokio, soon: one wake-up serves all jobs of a turn of the loop.
    pub(crate) fn later(&self, py: Python<'_>, job: impl FnOnce() + Send + 'static) {
        // A loop that is closed runs nothing: then the job is flushed here, or dropped with the runtime.
        if self.outbox.push(job) && self.call_soon.bind(py).call1((&self.flush,)).is_err() {
            self.outbox.flush();
        }
    }

    /// Makes a future and spawns the task that completes it.
    pub(crate) fn run<'py, F>(
        &self,
        py: Python<'py>,
        judging: Option<Py<Relay>>,
        work: impl FnOnce(Promise) -> F,
    ) -> PyResult<(Ticket, Bound<'py, PyAny>)>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.wait(py, judging, |ticket| {
            let promise = Promise { inbox: Arc::clone(&self.inbox), ticket, kept: false };
            let work = work(promise);
            let (alive, ended) = oneshot::channel();
            self.later(py, move || {
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        _ = ended => {}
                        () = work => {}
                    }
                });
            });
            Some(alive)
        })
    }

    /// Makes a future that waits for an event; `start` gives the task that sends it.
    pub(crate) fn wait<'py>(
        &self,
        py: Python<'py>,
        judging: Option<Py<Relay>>,
        start: impl FnOnce(Ticket) -> Option<Alive>,
    ) -> PyResult<(Ticket, Bound<'py, PyAny>)> {
        if self.tokio.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(PyRuntimeError::new_err("the runtime is closed"));
        }
        let future = self.create_future.bind(py).call0()?;
        let ticket = self.slots().insert(Slot { future: future.clone().unbind(), task: None, judging });
        // Its event comes by `drain`, which this thread runs later.
        let task = start(ticket);
        if let Some(Some(slot)) = self.slots().get(ticket) {
            slot.task = task;
        }
        Ok((ticket, future))
    }

    /// Makes a future that its maker completes.
    pub(crate) fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.create_future.bind(py).call0()
    }

    pub(crate) fn host(&self, server: Py<Server>) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    pub(crate) fn unhost(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(server);
    }

    pub(crate) fn stand(&self, standing: Py<Standing>) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    pub(crate) fn sit(&self) {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(standing);
    }

    /// Passes on what is said of requests that were carried.
    fn carried(&self, py: Python<'_>, event: &Event) {
        let standing = {
            let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            standing.as_ref().map(|standing| standing.bind(py).clone())
        };
        let Some(standing) = standing else { return };
        let told = match event {
            Event::Settled => standing.get().tell(py),
            Event::PlaceOwed => standing.get().place_owed(py),
            _ => standing.get().panicked(py),
        };
        if let Err(error) = told {
            error.write_unraisable(py, Some(standing.as_any()));
        }
    }

    fn server<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Server>> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().map(|server| server.bind(py).clone())
    }

    fn deliver(&self, py: Python<'_>, event: Event) {
        let ticket = match &event {
            Event::Requested(_) | Event::Gone { .. } | Event::Room { .. } | Event::Denied(_) => {
                if let Some(server) = self.server(py) {
                    serve(&server, event);
                }
                return;
            }
            Event::Settled | Event::PlaceOwed | Event::StandingPanicked => {
                self.carried(py, &event);
                return;
            }
            Event::Answered { ticket, .. }
            | Event::Read { ticket, .. }
            | Event::Judged { ticket, .. }
            | Event::Ready { ticket }
            | Event::Lost { ticket } => *ticket,
        };
        // Nobody waits any more: what came is dropped, and closes what it holds.
        let Some(slot) = self.slots().remove(ticket) else { return };
        let result = match event {
            Event::Answered { result, .. } => match result {
                Ok(arrived) => Upstream::of(py, *arrived).and_then(|upstream| object(py, upstream)),
                Err(error) => Err(errors::call_error(&error)),
            },
            Event::Read { result, .. } => result
                .map(|body| PyBytes::new(py, &body).into_any())
                .map_err(|error| errors::call_error(&error)),
            Event::Judged { relay, refusal, .. } => {
                if let Some(judging) = &slot.judging {
                    judging.get().put_back(relay);
                }
                refusal.map_or_else(|| Ok(py.None().into_bound(py)), |found| Err(errors::refused(py, &found)))
            }
            Event::Ready { .. } => Ok(py.None().into_bound(py)),
            Event::Lost { .. } => Err(PyRuntimeError::new_err("a task of the native engine panicked")),
            Event::Requested(_)
            | Event::Gone { .. }
            | Event::Room { .. }
            | Event::Denied(_)
            | Event::Settled
            | Event::PlaceOwed
            | Event::StandingPanicked => return,
        };
        let future = slot.future.bind(py);
        // A future that was cancelled meanwhile refuses its result, which nobody misses.
        let _ = match result {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
            Err(error) => future.call_method1(intern!(py, "set_exception"), (error.into_value(py),)),
        };
    }
}

fn serve(server: &Bound<'_, Server>, event: Event) {
    let py = server.py();
    match event {
        Event::Requested(arriving) => {
            if let Err(error) = Server::requested(server, *arriving) {
                error.write_unraisable(py, Some(server.as_any()));
            }
        }
        Event::Gone { id } => server.get().gone(py, id),
        Event::Room { id } => server.get().room(py, id),
        Event::Denied(denied) => {
            if let Err(error) = server.get().denied(py, &denied) {
                error.write_unraisable(py, Some(server.as_any()));
            }
        }
        _ => {}
    }
}

fn object(py: Python<'_>, upstream: Upstream) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, upstream)?.into_any())
}

/// A duration of Python: seconds; what is no such number is none.
pub(crate) fn seconds(given: f64) -> Duration {
    // A year is as good as for ever, and no clock overflows.
    const LONGEST: f64 = 31_536_000.0;
    Duration::try_from_secs_f64(given.clamp(0.0, LONGEST)).unwrap_or_default()
}
