//! The component "streaming".

use std::sync::{Mutex, PoisonError};

use copilot_core::{
    canonical::Usage,
    plans::{Framing, StreamPlan, Unsupported},
    streams::{self, StreamEnd, StreamFacts},
    translation,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::{errors::answer_error, lock::unlocked, translation::pair};

/// Usage as Python gets it: the fields of `Usage` in their order.
pub(crate) type UsageTuple = (i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// Facts as Python gets them: events, model, id, finish reason, usage, error.
pub(crate) type FactsTuple =
    (u64, Option<String>, Option<String>, Option<String>, Option<UsageTuple>, Option<String>);

pub(crate) const fn usage_tuple(usage: Usage) -> UsageTuple {
    (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning, usage.nano_aiu)
}

pub(crate) fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(crate) fn facts_tuple(facts: StreamFacts) -> FactsTuple {
    (
        facts.events,
        given(facts.model),
        given(facts.response_id),
        given(facts.finish_reason),
        facts.usage.map(usage_tuple),
        facts.error,
    )
}

/// How a stream is to be written, as `_stream_arguments` of the adapter gives it: dialect, leg, estimate,
/// reasoning, limit of a frame, model, context, framing, time.
#[derive(FromPyObject)]
pub(crate) struct PlanTuple(String, String, i64, bool, usize, String, Vec<u8>, String, i64);

impl PlanTuple {
    pub(crate) fn plan(self) -> PyResult<StreamPlan> {
        let Self(dialect, leg, input_tokens, reasoning, frame_limit, model, context, framing, now) = self;
        let (dialect, leg) = pair(&dialect, &leg)?;
        let framing = Framing::named(&framing)
            .ok_or_else(|| PyValueError::new_err(format!("no framing {framing:?}")))?;
        Ok(StreamPlan { dialect, leg, input_tokens, reasoning, frame_limit, model, context, framing, now })
    }
}

pub(crate) fn unsupported(error: Unsupported) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Returns a whole stream for a JSON answer.
#[pyfunction]
#[pyo3(signature = (body, plan, /))]
pub(crate) fn answer_as_stream<'py>(
    py: Python<'py>,
    body: &[u8],
    plan: PlanTuple,
) -> PyResult<Bound<'py, PyBytes>> {
    let plan = plan.plan()?;
    let stream = unlocked(py, body.len(), || translation::answer_as_stream(body, &plan))
        .map_err(|error| answer_error(&error))?;
    Ok(PyBytes::new(py, &stream))
}

/// Translates one stream.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct StreamTranslator {
    // Never waited for: one stream is fed by one task.
    inner: Mutex<streams::StreamTranslator>,
}

impl StreamTranslator {
    fn with<T>(&self, act: impl FnOnce(&mut streams::StreamTranslator) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl StreamTranslator {
    #[new]
    #[pyo3(signature = (plan, /))]
    fn new(plan: PlanTuple) -> PyResult<Self> {
        let translator = streams::StreamTranslator::new(&plan.plan()?).map_err(unsupported)?;
        Ok(Self { inner: Mutex::new(translator) })
    }

    #[getter]
    fn done(&self) -> bool {
        self.with(|translator| translator.done())
    }

    #[getter]
    fn refusal(&self, py: Python<'_>) -> Option<(String, Py<PyBytes>, u16)> {
        let refusal = self.with(|translator| translator.refusal().cloned())?;
        Some((refusal.message, PyBytes::new(py, refusal.body.as_bytes()).unbind(), refusal.status))
    }

    #[getter]
    fn facts(&self) -> FactsTuple {
        facts_tuple(self.with(|translator| translator.facts()))
    }

    #[pyo3(signature = (data, /))]
    fn feed<'py>(&self, py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
        let mut out = Vec::with_capacity(data.len() + 64);
        self.with(|translator| translator.feed(data, &mut out));
        PyBytes::new(py, &out)
    }

    #[pyo3(signature = (end, message = "", /))]
    fn finish<'py>(&self, py: Python<'py>, end: &str, message: &str) -> PyResult<Bound<'py, PyBytes>> {
        let end = stream_end(end)?;
        let mut out = Vec::new();
        self.with(|translator| translator.finish(end, message, &mut out));
        Ok(PyBytes::new(py, &out))
    }

    fn keep_alive<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.with(|translator| translator.keep_alive(&mut out));
        PyBytes::new(py, &out)
    }
}

pub(crate) fn stream_end(end: &str) -> PyResult<StreamEnd> {
    Ok(match end {
        "end" => StreamEnd::End,
        "cut" => StreamEnd::Cut,
        "idle" => StreamEnd::Idle,
        "too_large" => StreamEnd::TooLarge,
        "shutdown" => StreamEnd::Shutdown,
        "cancelled" => StreamEnd::Cancelled,
        other => return Err(PyValueError::new_err(format!("no end {other:?}"))),
    })
}
