//! Errors of the core as exceptions of `copilot_api.engine.interfaces`.

use copilot_core::{streams::Refusal, translation::AnswerError, validation::RequestError};
use copilot_net::client::CallError;
use pyo3::{PyErr, Python, exceptions::PyValueError, types::PyBytes};

pyo3::import_exception!(copilot_api.engine.interfaces, InvalidRequest);
pyo3::import_exception!(copilot_api.engine.interfaces, UnusableAnswer);
pyo3::import_exception!(copilot_api.engine.interfaces, StreamRefused);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectFailed);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, FirstByteTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, ConnectionLost);
pyo3::import_exception!(copilot_api.engine.interfaces, IdleTimeout);
pyo3::import_exception!(copilot_api.engine.interfaces, AnswerTooLarge);

/// The client's body is at fault, or its dialect or pair is not known.
pub(crate) fn request_error(error: &RequestError) -> PyErr {
    match error {
        RequestError::Invalid(invalid) => {
            InvalidRequest::new_err((invalid.message.clone(), invalid.path.clone()))
        }
        RequestError::Unsupported(unsupported) => PyValueError::new_err(unsupported.to_string()),
    }
}

/// There is no answer in what upstream sent, or its pair is not known.
pub(crate) fn answer_error(error: &AnswerError) -> PyErr {
    match error {
        AnswerError::Unusable(unusable) => UnusableAnswer::new_err(unusable.to_string()),
        AnswerError::Unsupported(unsupported) => PyValueError::new_err(unsupported.to_string()),
    }
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
