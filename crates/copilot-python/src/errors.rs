//! Errors of the core as exceptions of `copilot_api.engine.interfaces`.

use copilot_core::{streams::Refusal, validation};
use copilot_net::client::CallError;
use pyo3::{PyErr, Python, types::PyBytes};

pyo3::import_exception!(copilot_api.engine.interfaces, InvalidRequest);
pyo3::import_exception!(copilot_api.engine.interfaces, UnusableAnswer);
pyo3::import_exception!(copilot_api.engine.interfaces, StreamRefused);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectFailed);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, FirstByteTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectionLost);
pyo3::import_exception!(copilot_api.engine.interfaces, IdleTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, AnswerTooLarge);

/// The client's body is at fault.
pub(crate) fn invalid_request(error: &validation::InvalidRequest) -> PyErr {
    InvalidRequest::new_err((error.message.clone(), error.path.clone()))
}

/// A stream failed before its first byte.
pub(crate) fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    let body = PyBytes::new(py, refusal.body.as_bytes()).unbind();
    StreamRefused::new_err((refusal.message.clone(), body, refusal.status))
}

/// There is no answer, or no whole one.
pub(crate) fn call_error(error: &CallError) -> PyErr {
    let text = error.to_string();
    match error {
        CallError::ConnectFailed(_) => ConnectFailed::new_err(text),
        CallError::ConnectTimeout(_) => ConnectTimeout::new_err(text),
        CallError::FirstByteTimeout(_) => FirstByteTimeout::new_err(text),
        CallError::ConnectionLost(_) => ConnectionLost::new_err(text),
        CallError::IdleTimeout(_) => IdleTimeout::new_err(text),
        CallError::TooLarge(_) => AnswerTooLarge::new_err(text),
    }
}
