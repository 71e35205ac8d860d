//! The component "tokenizer".

use copilot_core::{
    hook::{self, Stage},
    tokenizer::{self, Encoding, InvalidBody},
};
use pyo3::{prelude::*, types::PyString};

use crate::{body::Given, errors::InvalidRequest};

/// Returns the number of tokens of a text.
#[pyfunction]
#[pyo3(signature = (text, encoding, /))]
pub(crate) fn count_text(py: Python<'_>, text: &str, encoding: &Bound<'_, PyString>) -> usize {
    let encoding = Encoding::named(&encoding.to_string_lossy());
    py.detach(|| encoding.count(text))
}

/// Returns the tokens of a chat request: input and output.
#[pyfunction]
#[pyo3(signature = (body, encoding, model, /))]
#[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
pub(crate) fn count_chat(
    py: Python<'_>,
    body: Given,
    encoding: &Bound<'_, PyString>,
    model: &Bound<'_, PyString>,
) -> PyResult<(usize, usize)> {
    let encoding = Encoding::named(&encoding.to_string_lossy());
    let model = model.to_string_lossy();
    hook::enter(Stage::Tokenizer);
    let count = py
        .detach(|| tokenizer::count_chat(body.as_bytes(), encoding, &model))
        .map_err(|error| refused(&error))?;
    Ok((count.input, count.output))
}

fn refused(error: &InvalidBody) -> PyErr {
    InvalidRequest::new_err((error.to_string(), error.path()))
}
