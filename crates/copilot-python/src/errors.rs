//! Errors of the core as exceptions of `copilot_api.engine.interfaces`.

use copilot_core::validation;
use pyo3::PyErr;

pyo3::import_exception!(copilot_api.engine.interfaces, InvalidRequest);
pyo3::import_exception!(copilot_api.engine.interfaces, UnusableAnswer);

/// The client's body is at fault.
pub(crate) fn invalid_request(error: &validation::InvalidRequest) -> PyErr {
    InvalidRequest::new_err((error.message.clone(), error.path.clone()))
}
