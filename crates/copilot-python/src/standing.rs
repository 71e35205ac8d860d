//! The component "standing": what Python decides once for a kind of request, and what it is told afterwards.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use copilot_core::plans::Dialect;
use copilot_net::{
    inbox::Inbox,
    relay::Limits,
    standing::{self, Back, Decision, Kind, Notices, Place, Record, Reply, Streaming},
};
use pyo3::{
    exceptions::PyValueError,
    intern,
    prelude::*,
    types::{PyBytes, PyList, PyTuple},
};

use crate::{
    body::Body,
    client::{Client, Headers, Upstream, timeouts},
    concurrency::Concurrency,
    errors,
    relay::summary_tuple,
    runtime::{Event, Runtime, seconds},
    streaming::usage_tuple,
    token::TokenClock,
    translation::RequestPlan,
};

/// Tells the event loop; any thread may.
struct Bell(Arc<Inbox<Event>>);

impl Notices for Bell {
    fn settled(&self) {
        self.0.push(Event::Settled);
    }

    fn place_owed(&self) {
        self.0.push(Event::PlaceOwed);
    }
}

/// The decisions that stand. Made on the loop's thread, and used there only.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Standing {
    pub(crate) inner: Arc<standing::Standing>,
    runtime: Py<Runtime>,
    /// `settled(records)`
    settled: Py<PyAny>,
    /// `owed()`: a place is to be given back
    owed: Py<PyAny>,
    /// `panicked()`
    panicked: Py<PyAny>,
}

/// What Python is told when something came.
type Listeners = (Py<PyAny>, Py<PyAny>, Py<PyAny>);

#[pymethods]
impl Standing {
    #[new]
    #[pyo3(signature = (runtime, client, clock, places, routes, monotonic, listeners, /))]
    fn new(
        runtime: &Bound<'_, Runtime>,
        client: &Bound<'_, Client>,
        clock: &Bound<'_, TokenClock>,
        places: &Bound<'_, Concurrency>,
        routes: Vec<(String, String)>,
        monotonic: f64,
        listeners: Listeners,
    ) -> PyResult<Py<Self>> {
        let known = |(path, dialect): (String, String)| {
            let dialect = Dialect::named(&dialect).ok_or_else(|| PyValueError::new_err(dialect))?;
            Ok::<_, PyErr>((path, dialect))
        };
        let routes = routes.into_iter().map(known).collect::<PyResult<_>>()?;
        let (settled, owed, panicked) = listeners;
        let inner = standing::Standing::new(
            client.get().inner(),
            clock.get().shared(),
            places.get().shared(),
            routes,
            Arc::new(Bell(Arc::clone(&runtime.get().inbox))),
            monotonic,
        );
        let py = runtime.py();
        let runtime = runtime.clone().unbind();
        let made = Py::new(py, Self { inner: Arc::new(inner), runtime, settled, owed, panicked })?;
        made.get().runtime.bind(py).get().stand(made.clone_ref(py));
        Ok(made)
    }

    /// Takes decisions, and carries requests by them, or no more. Either way those that stand end.
    #[pyo3(signature = (is_open, /))]
    fn open(&self, is_open: bool) {
        self.inner.open(is_open);
    }

    /// Ends the life of all decisions.
    fn clear(&self) {
        self.inner.clear();
    }

    /// Ends what is being carried: the gateway stops.
    fn stop(&self) {
        self.inner.stop();
    }

    /// Hands over the records that wait.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.tell(py)
    }

    /// Closes the table for good; what waits is handed over.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.open(false);
        self.tell(py)?;
        self.runtime.bind(py).get().sit();
        Ok(())
    }

    /// Decisions that stand, requests that were carried, and those that came back.
    #[getter]
    fn counts(&self) -> (usize, u64, u64) {
        self.inner.counts()
    }

    /// Requests that are on their way.
    #[getter]
    fn outstanding(&self) -> u64 {
        self.inner.outstanding()
    }

    /// The streams that run: number, tag, user agent, seconds since the request came, events, bytes, and
    /// milliseconds without a frame.
    fn running<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (number, running) in self.inner.running() {
            let (events, bytes_out, silent) = running.progress.look();
            let agent = running.record.agent.as_ref().map(|agent| PyBytes::new(py, agent.as_bytes()));
            list.append((
                number,
                tag(py, &running.record.decision),
                agent,
                running.began.elapsed().as_secs_f64(),
                events,
                bytes_out,
                silent.as_secs_f64() * 1000.0,
            ))?;
        }
        Ok(list)
    }
}

impl Standing {
    /// Hands the records that wait to Python.
    pub(crate) fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let records = self.inner.records();
        if records.is_empty() {
            return Ok(());
        }
        let (mut looks, mut translations, mut spent, mut longest) =
            (0_u64, 0_u64, Duration::ZERO, Duration::ZERO);
        let list = PyList::empty(py);
        for record in records {
            if !matches!(record.event, standing::Event::Ended(_)) {
                looks += 1;
                for took in [Some(record.spent.request), record.spent.answer].into_iter().flatten() {
                    translations += 1;
                    spent += took;
                    longest = longest.max(took);
                }
            }
            list.append(tuple(py, record)?)?;
        }
        let told = (list, looks, translations, spent.as_secs_f64(), longest.as_secs_f64());
        self.settled.bind(py).call1(told).map(drop)
    }

    pub(crate) fn place_owed(&self, py: Python<'_>) -> PyResult<()> {
        self.owed.bind(py).call0().map(drop)
    }

    pub(crate) fn panicked(&self, py: Python<'_>) -> PyResult<()> {
        self.panicked.bind(py).call0().map(drop)
    }
}

fn tag(py: Python<'_>, decision: &Decision) -> Py<PyAny> {
    decision.tag.downcast_ref::<Py<PyAny>>().map_or_else(|| py.None(), |tag| tag.clone_ref(py))
}

/// A record as Python gets it: what became of it, by what, ids, times, sizes, usage, who asked, reason, changes, body, and
/// how a stream ended.
fn tuple(py: Python<'_>, record: Record) -> PyResult<Bound<'_, PyTuple>> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (event, summary) = match &record.event {
        standing::Event::Whole => (intern!(py, "whole"), None),
        standing::Event::Begun => (intern!(py, "begun"), None),
        standing::Event::Ended(summary) => (intern!(py, "ended"), Some(summary_tuple(summary))),
        standing::Event::Gone => (intern!(py, "gone"), None),
    };
    let agent = record.agent.map(|agent| PyBytes::new(py, agent.as_bytes()));
    let rewrites = (!record.rewrites.is_empty()).then_some(record.rewrites);
    let body = record.body.map(|body| Bound::new(py, Body::new(body))).transpose()?;
    let parts: [Bound<'_, PyAny>; 17] = [
        event.clone().into_any(),
        tag(py, &record.decision).into_bound(py),
        record.id.into_pyobject(py)?.into_any(),
        record.upstream_id.into_pyobject(py)?.into_any(),
        record.at.into_pyobject(py)?.into_any(),
        record.first.map(milliseconds).into_pyobject(py)?,
        milliseconds(record.duration).into_pyobject(py)?.into_any(),
        record.bytes_in.into_pyobject(py)?.into_any(),
        record.bytes_out.into_pyobject(py)?.into_any(),
        record.usage.map(usage_tuple).into_pyobject(py)?,
        agent.into_pyobject(py)?,
        record.reason.into_pyobject(py)?.into_any(),
        rewrites.into_pyobject(py)?,
        (*record.noted).into_pyobject(py)?.into_any(),
        body.into_pyobject(py)?,
        record.elsewhere.as_secs_f64().into_pyobject(py)?.into_any(),
        summary.into_pyobject(py)?,
    ];
    PyTuple::new(py, parts)
}

/// What Python decided, in order: URL, headers of all calls, own ones, how the body is written, whether reasoning
/// is sent on, model, how a stream is relayed (keep-alive, idle, content, patience, limit of a frame), timeouts,
/// changes and their header, whether loss is refused, whether the body is counted, when it ends, its tag.
#[derive(FromPyObject)]
struct Given<'py>(
    String,
    Bound<'py, Headers>,
    Vec<(String, String)>,
    Bound<'py, RequestPlan>,
    bool,
    String,
    Option<(f64, f64, f64, f64, usize)>,
    (f64, f64, f64),
    Vec<String>,
    String,
    bool,
);

/// A request whose kind can be decided about; it may have been carried already, and have come back.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Errand {
    standing: Arc<standing::Standing>,
    kind: Arc<Kind>,
    generation: u64,
    id: Option<String>,
    carried_by: Option<Arc<Decision>>,
    place: Mutex<Option<Place>>,
    reply: Mutex<Option<Reply>>,
}

impl Errand {
    /// One that was not sent.
    pub(crate) fn new(standing: Arc<standing::Standing>, kind: Arc<Kind>, generation: u64) -> Self {
        let (place, reply) = (Mutex::default(), Mutex::default());
        Self { standing, kind, generation, id: None, carried_by: None, place, reply }
    }

    /// One that was.
    pub(crate) fn back(mut self, back: Back) -> Self {
        let Back { reply, decision, id, place } = back;
        self.id = Some(id);
        self.carried_by = Some(decision);
        self.place = Mutex::new(Some(place));
        self.reply = Mutex::new(Some(reply));
        self
    }
}

#[pymethods]
impl Errand {
    /// The id that upstream knows the request by; None when it was not sent.
    #[getter]
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The tag of the decision by which it was sent.
    #[getter]
    fn tag(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.carried_by.as_ref().map(|decision| tag(py, decision))
    }

    /// Whether it has a place, once: it is then the caller's to give back.
    fn take_place(&self) -> bool {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        place.map(Place::keep).is_some()
    }

    /// What came of the call, once: ``none``, ``stopped``, ``panicked``, or the answer. Raises an `UpstreamError`.
    fn reply<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(match reply {
            None => intern!(py, "none").clone().into_any(),
            Some(Reply::Stopped) => intern!(py, "stopped").clone().into_any(),
            Some(Reply::Panicked) => intern!(py, "panicked").clone().into_any(),
            Some(Reply::Failed(error)) => return Err(errors::call_error(&error)),
            Some(Reply::Answered(status, headers, content)) => {
                let idle = self.carried_by.as_ref().map(|decision| decision.timeouts.idle);
                let upstream = Upstream::back(py, status, headers, content, idle.unwrap_or_default())?;
                Bound::new(py, upstream)?.into_any()
            }
        })
    }

    /// Lets a decision stand for this request's kind, unless something changed since it came.
    #[pyo3(signature = (given, counted, until, tag, /))]
    fn install(&self, given: Given<'_>, counted: bool, until: f64, tag: Py<PyAny>) -> PyResult<bool> {
        let Given(url, common, own, request, reasoning, model, streaming, limits, rewrites, noted, strict) =
            given;
        let streaming = streaming.map(|(keep_alive, idle, content, patience, frame_limit)| Streaming {
            limits: Limits {
                keep_alive: seconds(keep_alive),
                idle: seconds(idle),
                content: seconds(content),
                capture: 0,
            },
            patience: seconds(patience),
            frame_limit,
        });
        let decision = Decision {
            uri: url.parse().map_err(|_| PyValueError::new_err("no URL"))?,
            common: common.get().shared(),
            own,
            request: request.get().shared(),
            reasoning,
            model,
            streaming,
            timeouts: timeouts(limits),
            rewrites,
            noted: noted.into(),
            strict,
            counted,
            until,
            tag: Box::new(tag),
        };
        Ok(self.standing.install(Kind::clone(&self.kind), self.generation, decision))
    }
}
