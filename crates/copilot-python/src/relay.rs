//! The component "relay": a stream that Python starts, watches and stops, and whose bytes it need not see.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use copilot_core::{plans::StreamPlan, streams::StreamEnd};
use copilot_net::relay::{self, Control, Limits, Progress, Pump, Source, Taken};
use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyBytes};

use crate::{
    errors,
    runtime::{Event, Runtime, Ticket},
    streaming::{FactsTuple, facts_tuple, stream_end, unsupported},
};

/// How a relay ended, as Python gets it: outcome, how upstream's body ended, facts, bytes in and out,
/// milliseconds to the first byte and in all, seconds in the translator, chunks, whether it panicked.
type SummaryTuple =
    (&'static str, Option<&'static str>, FactsTuple, u64, u64, Option<f64>, f64, f64, u64, bool);

pub(crate) fn summary_tuple(summary: &relay::Summary) -> SummaryTuple {
    let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
    (
        summary.outcome.name(),
        summary.end.map(StreamEnd::name),
        facts_tuple(summary.facts.clone()),
        summary.bytes_in,
        summary.bytes_out,
        summary.first_byte.map(milliseconds),
        milliseconds(summary.duration),
        summary.translating.0.as_secs_f64(),
        summary.translating.1,
        summary.panicked,
    )
}

/// What Python waits for: a ticket to cancel it by, and the future.
type Waiting<'py> = (Ticket, Bound<'py, PyAny>);

enum State {
    Whole(Box<relay::Relay>),
    /// A tokio task waits for its first frame.
    Away,
    Pumped(Pump),
    /// The server has it, or it was thrown away.
    Gone,
}

/// One relay.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Relay {
    state: Mutex<State>,
    control: Arc<Control>,
    progress: Arc<Progress>,
    runtime: Py<Runtime>,
}

impl Relay {
    pub(crate) fn new(
        runtime: Py<Runtime>,
        source: Source,
        plan: StreamPlan,
        limits: Limits,
    ) -> PyResult<Self> {
        let relay = relay::Relay::new(source, plan, limits).map_err(unsupported)?;
        let (control, progress) = (relay.control(), relay.progress());
        Ok(Self { control, progress, state: Mutex::new(State::Whole(Box::new(relay))), runtime })
    }

    /// A relay whose first frame was judged.
    pub(crate) fn judged(runtime: Py<Runtime>, relay: Box<relay::Relay>) -> Self {
        let (control, progress) = (relay.control(), relay.progress());
        Self { control, progress, state: Mutex::new(State::Whole(relay)), runtime }
    }

    pub(crate) fn put_back(&self, relay: Box<relay::Relay>) {
        let mut state = self.lock();
        // Closed meanwhile: then it is dropped here.
        if matches!(*state, State::Away) {
            *state = State::Whole(relay);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the relay out, for a server that polls it itself.
    pub(crate) fn hand_over(&self) -> PyResult<Box<relay::Relay>> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::Gone) {
            State::Whole(relay) => Ok(relay),
            other => {
                *state = other;
                Err(PyRuntimeError::new_err("this relay was used already"))
            }
        }
    }

    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }
}

#[pymethods]
impl Relay {
    /// Judges the first frame: None when that is done, else what to wait for. Raises `StreamRefused`.
    fn judge<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Waiting<'py>>> {
        let py = slf.py();
        let this = slf.get();
        let runtime = this.runtime.bind(py).get();
        let mut relay = this.hand_over()?;
        let polled = {
            let _context = runtime.handle.enter();
            relay.poll_first(&mut Context::from_waker(Waker::noop()))
        };
        if let Poll::Ready(judged) = polled {
            *this.lock() = State::Whole(relay);
            return judged.map(|()| None).map_err(|refusal| errors::refused(py, &refusal));
        }
        *this.lock() = State::Away;
        let waiting = runtime.run(py, Some(slf.clone().unbind()), |promise| async move {
            let judged = std::future::poll_fn(|cx| relay.poll_first(cx)).await;
            promise.keep(|ticket| Event::Judged { ticket, relay, refusal: judged.err() });
        });
        waiting.map(Some)
    }

    /// Returns bytes for the client, `b""` at the end, None when there are none yet.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut state = self.lock();
        if let State::Whole(_) = &*state
            && let State::Whole(relay) = mem::replace(&mut *state, State::Gone)
        {
            *state = State::Pumped(Pump::of_relay(*relay, &self.runtime.bind(py).get().handle));
        }
        match &*state {
            State::Pumped(pump) => taken(py, pump),
            _ => Ok(Some(PyBytes::new(py, b""))),
        }
    }

    /// Returns what to wait for until `take` has something.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Waiting<'py>> {
        match &*self.lock() {
            State::Pumped(pump) => ready(py, self.runtime.bind(py).get(), pump),
            _ => Err(PyRuntimeError::new_err("nothing is being read")),
        }
    }

    #[getter]
    fn summary(&self) -> Option<SummaryTuple> {
        Some(summary_tuple(&*self.control.summary()?))
    }

    /// What upstream sent and what the client was sent, up to the bound that was asked for; None while it
    /// runs, and where nothing was.
    fn captured<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let summary = self.control.summary()?;
        let tee = summary.tee.as_ref()?;
        Some((PyBytes::new(py, &tee.upstream), PyBytes::new(py, &tee.client)))
    }

    /// Frames of the answer, bytes for the client, milliseconds without a frame.
    fn progress(&self) -> (u64, u64, f64) {
        let (events, bytes_out, silent) = self.progress.look();
        (events, bytes_out, silent.as_secs_f64() * 1000.0)
    }

    /// Ends the stream soon, with an in-band error.
    #[pyo3(signature = (outcome, /))]
    fn cancel(&self, outcome: &str) -> PyResult<()> {
        let end = stream_end(outcome)?;
        if !matches!(end, StreamEnd::Cancelled | StreamEnd::Shutdown) {
            return Err(PyRuntimeError::new_err(format!("a relay is not stopped by {outcome:?}")));
        }
        self.control.stop(end);
        Ok(())
    }

    /// Throws the relay away and closes the upstream connection.
    fn close(&self) {
        let state = mem::replace(&mut *self.lock(), State::Gone);
        drop(state);
    }
}

/// A body as it comes.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Stream {
    source: Mutex<Option<Source>>,
    pump: Mutex<Option<Pump>>,
    runtime: Py<Runtime>,
}

impl Stream {
    pub(crate) fn new(runtime: Py<Runtime>, source: Source) -> Self {
        Self { source: Mutex::new(Some(source)), pump: Mutex::default(), runtime }
    }

    fn pump(&self) -> MutexGuard<'_, Option<Pump>> {
        self.pump.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Stream {
    /// Returns bytes, `b""` at the end, None when there are none yet. Raises an `UpstreamError`.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut pump = self.pump();
        if let Some(source) = self.source.lock().unwrap_or_else(PoisonError::into_inner).take() {
            *pump = Some(Pump::of_source(source, &self.runtime.bind(py).get().handle));
        }
        pump.as_ref().map_or_else(|| Ok(Some(PyBytes::new(py, b""))), |pump| taken(py, pump))
    }

    /// Returns what to wait for until `take` has something.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Waiting<'py>> {
        match &*self.pump() {
            Some(pump) => ready(py, self.runtime.bind(py).get(), pump),
            None => Err(PyRuntimeError::new_err("nothing is being read")),
        }
    }

    /// Closes the upstream connection.
    fn close(&self) {
        drop(self.source.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.pump().take());
    }
}

fn taken<'py>(py: Python<'py>, pump: &Pump) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(match pump.take() {
        Taken::Bytes(bytes) => Some(PyBytes::new(py, &bytes)),
        Taken::Nothing => None,
        Taken::Ended => Some(PyBytes::new(py, b"")),
        Taken::Failed(error) => return Err(errors::call_error(&error)),
    })
}

fn ready<'py>(py: Python<'py>, runtime: &Runtime, pump: &Pump) -> PyResult<Waiting<'py>> {
    let inbox = runtime.inbox.clone();
    runtime.wait(py, None, |ticket| {
        pump.on_ready(move || inbox.push(Event::Ready { ticket }));
        None
    })
}
