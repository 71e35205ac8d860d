//! The component "translation".

use std::sync::Arc;

use copilot_core::{
    hook::{self, Stage},
    plans::{self, AnswerPlan, Dialect, Leg, ModelTraits},
    translation,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::{
    body::Given,
    errors::{answer_error, request_error},
    lock::unlocked,
    streaming::{UsageTuple, given, usage_tuple},
};

/// The dialect and the leg of these names.
pub(crate) fn pair(dialect: &str, leg: &str) -> PyResult<(Dialect, Leg)> {
    let pair = Dialect::named(dialect).zip(Leg::named(leg));
    pair.ok_or_else(|| PyValueError::new_err(format!("{dialect} over {leg}")))
}

/// The fields of `ModelTraits` in their order.
type Traits =
    (Option<i64>, Option<i64>, Option<Vec<String>>, bool, Option<i64>, Option<i64>, bool, bool, bool, bool);

/// How request bodies are to be written; made once for many requests.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct RequestPlan(Arc<plans::RequestPlan>);

impl RequestPlan {
    pub(crate) fn shared(&self) -> Arc<plans::RequestPlan> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl RequestPlan {
    #[new]
    #[pyo3(signature = (
        dialect, leg, model, output_cap, cap_field, target, stream, traits, dropped, without_reasoning, betas,
        cache_breakpoints, /,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one call across the border, positional and checked by its stub"
    )]
    fn new(
        dialect: &str,
        leg: &str,
        model: Option<String>,
        output_cap: Option<i64>,
        cap_field: String,
        target: String,
        stream: Option<bool>,
        traits: Option<Traits>,
        dropped: Vec<String>,
        without_reasoning: bool,
        betas: Vec<String>,
        cache_breakpoints: bool,
    ) -> PyResult<Self> {
        let (dialect, leg) = pair(dialect, leg)?;
        let traits = traits.map(model_traits);
        Ok(Self(Arc::new(plans::RequestPlan {
            dialect,
            leg,
            model,
            output_cap,
            cap_field,
            target,
            stream,
            traits,
            dropped,
            without_reasoning,
            betas,
            cache_breakpoints,
        })))
    }
}

fn model_traits(traits: Traits) -> ModelTraits {
    let (
        output,
        prompt,
        reasoning_effort,
        adaptive_thinking,
        least,
        most,
        vision,
        structured,
        calls,
        parallel,
    ) = traits;
    ModelTraits {
        max_output_tokens: output,
        max_prompt_tokens: prompt,
        reasoning_effort,
        adaptive_thinking,
        min_thinking_budget: least,
        max_thinking_budget: most,
        vision,
        structured_outputs: structured,
        tool_calls: calls,
        parallel_tool_calls: parallel,
    }
}

/// What `translate_request` returns: body, changes, what the answer must know.
type Request<'py> = (Bound<'py, PyAny>, Vec<String>, Bound<'py, PyBytes>);

/// Returns a request's body for upstream, the same object when nothing changed, and what was changed.
#[pyfunction]
#[pyo3(signature = (body, plan, /))]
pub(crate) fn translate_request<'py>(
    body: &Bound<'py, PyAny>,
    plan: &Bound<'py, RequestPlan>,
) -> PyResult<Request<'py>> {
    let (py, plan) = (body.py(), &plan.get().0);
    let given: Given = body.extract()?;
    hook::enter(Stage::Translation);
    let translated =
        unlocked(py, given.len(), || given.read(|document| translation::request_of(document, plan)))
            .map_err(|error| request_error(&error))?;
    let out = translated.body.map_or_else(|| Ok(body.clone()), |written| given.like(py, written))?;
    Ok((out, translated.rewrites, PyBytes::new(py, translated.context.as_bytes())))
}

/// What `translate_answer` returns: body, usage, finish reason, model.
type Answer<'py> = (Bound<'py, PyBytes>, Option<UsageTuple>, Option<String>, Option<String>);

/// Returns a whole answer's body for the client, the same object when nothing changed, and its facts.
#[pyfunction]
#[pyo3(signature = (body, dialect, leg, reasoning, model, context, now, /))]
#[expect(
    clippy::too_many_arguments,
    reason = "one call across the border, positional and checked by its stub"
)]
pub(crate) fn translate_answer<'py>(
    py: Python<'py>,
    body: &Bound<'py, PyBytes>,
    dialect: &str,
    leg: &str,
    reasoning: bool,
    model: &str,
    context: &[u8],
    now: i64,
) -> PyResult<Answer<'py>> {
    let (dialect, leg) = pair(dialect, leg)?;
    let plan = AnswerPlan { dialect, leg, reasoning, model, context, now };
    let bytes = body.as_bytes();
    let answer = unlocked(py, bytes.len(), || translation::answer(bytes, &plan))
        .map_err(|error| answer_error(&error))?;
    let out = answer.body.map_or_else(|| body.clone(), |text| PyBytes::new(py, text.as_bytes()));
    Ok((out, answer.usage.map(usage_tuple), given(answer.finish_reason), given(answer.model)))
}
