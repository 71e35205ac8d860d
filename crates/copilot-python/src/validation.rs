//! The component "validation".

use copilot_core::{
    hook::{self, Stage},
    plans::Dialect,
    validation::{self, Cap},
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{body::Given, errors::request_error, lock::unlocked};

/// What `inspect_request` returns, in the order of the stub.
type Facts = (String, bool, bool, bool, String, usize, usize, &'static str, bool, bool, bool, String);

/// Returns the facts of a request.
#[pyfunction]
#[pyo3(signature = (body, dialect, /))]
#[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
pub(crate) fn inspect_request(py: Python<'_>, body: Given, dialect: &str) -> PyResult<Facts> {
    let dialect =
        Dialect::named(dialect).ok_or_else(|| PyValueError::new_err(format!("no dialect {dialect:?}")))?;
    hook::enter(Stage::Validation);
    let facts =
        unlocked(py, body.len(), || body.read(|document| validation::inspect_document(document, dialect)))
            .map_err(|error| request_error(&error))?;
    let cap = match facts.output_cap {
        Cap::Absent => "absent",
        Cap::Null => "null",
        Cap::Set => "set",
    };
    Ok((
        facts.model,
        facts.stream,
        facts.vision,
        facts.agent,
        facts.initiator_reason,
        facts.messages,
        facts.tools,
        cap,
        facts.has_max_completion_tokens,
        facts.has_mcp_tool,
        facts.reasoning,
        facts.session,
    ))
}
