//! The component "translation".

use copilot_core::translation::{self, Pair, RequestPlan};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{body::Given, errors::invalid_request, lock::unlocked};

/// The pair of these names.
pub(crate) fn pair(dialect: &str, leg: &str) -> PyResult<Pair> {
    Pair::named(dialect, leg).ok_or_else(|| PyValueError::new_err(format!("{dialect} over {leg}")))
}

/// Returns a request's body for upstream, the same object when nothing changed, and what was changed.
#[pyfunction]
#[pyo3(signature = (body, dialect, leg, model, output_cap, cap_field, /))]
pub(crate) fn translate_request<'py>(
    body: &Bound<'py, PyAny>,
    dialect: &str,
    leg: &str,
    model: Option<&str>,
    output_cap: Option<i64>,
    cap_field: &str,
) -> PyResult<(Bound<'py, PyAny>, Vec<String>)> {
    let py = body.py();
    let pair = pair(dialect, leg)?;
    let plan = RequestPlan { model, output_cap, cap_field };
    let given: Given = body.extract()?;
    let translated =
        unlocked(py, given.len(), || given.read(|document| translation::request_of(document, pair, &plan)))
            .map_err(|error| invalid_request(&error))?;
    let out = translated.body.map_or_else(|| Ok(body.clone()), |text| given.like(py, text))?;
    Ok((out, translated.rewrites))
}
