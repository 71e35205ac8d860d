//! The component "streaming", and whole answers.

use std::sync::{Mutex, PoisonError};

use copilot_core::{
    formats::chat::Usage,
    streams::{self, StreamEnd, StreamFacts, StreamPlan},
    translation,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::{errors::UnusableAnswer, lock::unlocked, translation::pair};

/// Usage as Python gets it: input, output, cached, reasoning, billed amount.
pub(crate) type UsageTuple = (i64, i64, Option<i64>, Option<i64>, Option<i64>);

/// Facts as Python gets them: events, model, id, finish reason, usage, error.
pub(crate) type FactsTuple =
    (u64, Option<String>, Option<String>, Option<String>, Option<UsageTuple>, Option<String>);

const fn usage_tuple(usage: Usage) -> UsageTuple {
    (usage.input, usage.output, usage.cached, usage.reasoning, usage.nano_aiu)
}

fn given(text: String) -> Option<String> {
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

/// What `translate_answer` returns: body, usage, finish reason, model.
type Answer<'py> = (Bound<'py, PyBytes>, Option<UsageTuple>, Option<String>, Option<String>);

/// Returns a whole answer's body for the client, the same object when nothing changed, and its facts.
#[pyfunction]
#[pyo3(signature = (body, dialect, leg, reasoning, /))]
pub(crate) fn translate_answer<'py>(
    py: Python<'py>,
    body: &Bound<'py, PyBytes>,
    dialect: &str,
    leg: &str,
    reasoning: bool,
) -> PyResult<Answer<'py>> {
    let pair = pair(dialect, leg)?;
    let bytes = body.as_bytes();
    let answer = unlocked(py, bytes.len(), || translation::answer(bytes, pair, reasoning))
        .map_err(|error| UnusableAnswer::new_err(error.to_string()))?;
    let out = answer.body.map_or_else(|| body.clone(), |text| PyBytes::new(py, text.as_bytes()));
    Ok((out, answer.usage.map(usage_tuple), given(answer.finish_reason), given(answer.model)))
}

pub(crate) fn stream_plan(
    dialect: &str,
    leg: &str,
    input_tokens: i64,
    reasoning: bool,
    frame_limit: usize,
) -> PyResult<StreamPlan> {
    let messages = match (dialect, leg) {
        ("chat", "chat") => false,
        ("messages", "chat") => true,
        _ => return Err(PyValueError::new_err(format!("{dialect} over {leg}"))),
    };
    Ok(StreamPlan { messages, input_tokens, reasoning, frame_limit })
}

/// Returns a whole stream for a JSON answer.
#[pyfunction]
#[pyo3(signature = (body, dialect, leg, input_tokens, reasoning, frame_limit, /))]
pub(crate) fn answer_as_stream<'py>(
    py: Python<'py>,
    body: &[u8],
    dialect: &str,
    leg: &str,
    input_tokens: i64,
    reasoning: bool,
    frame_limit: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let plan = stream_plan(dialect, leg, input_tokens, reasoning, frame_limit)?;
    let stream = unlocked(py, body.len(), || translation::answer_as_stream(body, &plan))
        .map_err(|error| UnusableAnswer::new_err(error.to_string()))?;
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
    #[pyo3(signature = (dialect, leg, input_tokens, reasoning, frame_limit, /))]
    fn new(
        dialect: &str,
        leg: &str,
        input_tokens: i64,
        reasoning: bool,
        frame_limit: usize,
    ) -> PyResult<Self> {
        let plan = stream_plan(dialect, leg, input_tokens, reasoning, frame_limit)?;
        Ok(Self { inner: Mutex::new(streams::StreamTranslator::new(&plan)) })
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
