//! The body of a request, which Python decides about and need not see.

use std::sync::Arc;

use bytes::Bytes;
use copilot_core::{
    text::{self, Document, ReadError, Written},
    validation::RequestError,
};
use copilot_net::client::Payload;
use pyo3::{prelude::*, pybacked::PyBackedBytes, types::PyBytes};

/// Bytes that stay outside Python until somebody asks for them. The document in them is read once.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Body(Arc<text::Body>);

impl Body {
    pub(crate) fn new(inner: Arc<text::Body>) -> Self {
        Self(inner)
    }
}

#[pymethods]
impl Body {
    /// Copies bytes; the server makes its own without a copy.
    #[new]
    #[pyo3(signature = (content, /))]
    fn of(content: &[u8]) -> Self {
        Self::new(Arc::new(text::Body::new(content.to_vec())))
    }

    fn __len__(&self) -> usize {
        self.0.size()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    #[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
    fn __eq__(&self, other: Given) -> bool {
        self.0.as_bytes() == other.as_bytes()
    }
}

/// A body as Python gives it.
pub(crate) enum Given {
    Native(Arc<text::Body>),
    Python(PyBackedBytes),
}

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(body) = given.cast::<Body>() {
            return Ok(Self::Native(Arc::clone(&body.get().0)));
        }
        Ok(Self::Python(given.extract()?))
    }
}

impl Given {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Native(body) => body.as_bytes(),
            Self::Python(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Native(body) => body.size(),
            Self::Python(bytes) => bytes.len(),
        }
    }

    /// The document in it.
    pub(crate) fn document(&self) -> Result<Document<'_>, ReadError> {
        match self {
            Self::Native(body) => body.document(),
            Self::Python(bytes) => Document::read(bytes),
        }
    }

    /// Works on the document.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Document<'_>) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        work(&self.document()?)
    }

    /// The bytes for a thread of tokio, which must not free what is Python's.
    pub(crate) fn into_payload(self) -> Payload {
        match self {
            Self::Native(body) => Payload::of(body),
            Self::Python(bytes) => Bytes::copy_from_slice(&bytes).into(),
        }
    }

    /// What was written of this body's document, in the same form.
    pub(crate) fn like<'py>(&self, py: Python<'py>, written: Written) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::Native(base) => {
                Bound::new(py, Body(Arc::new(text::Body::written(base, written))))?.into_any()
            }
            Self::Python(bytes) => {
                let base = str::from_utf8(bytes).unwrap_or_default();
                let base = base.strip_prefix('\u{feff}').unwrap_or(base);
                PyBytes::new(py, written.into_text(base).as_bytes()).into_any()
            }
        })
    }
}
