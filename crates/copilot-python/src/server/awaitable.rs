//! Awaitables that are done: `await` on them does not suspend.

use std::sync::{Mutex, PoisonError};

use pyo3::{exceptions::PyStopIteration, prelude::*};

/// Gives a value once.
#[pyclass(frozen, module = "copilot_api._native")]
pub(super) struct Done(Mutex<Option<Py<PyAny>>>);

impl Done {
    pub(super) fn with(py: Python<'_>, value: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, Self(Mutex::new(Some(value))))?.into_any())
    }
}

#[pymethods]
impl Done {
    const fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> PyResult<()> {
        // The result of an `await` is the value of the StopIteration that ends its iterator.
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(PyStopIteration::new_err((value,)))
    }
}

/// Gives None, as often as it is asked.
#[pyclass(frozen, module = "copilot_api._native")]
pub(super) struct Nothing;

#[pymethods]
impl Nothing {
    const fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[expect(clippy::unused_self, reason = "an iterator's method")]
    const fn __next__(&self) -> Option<()> {
        None
    }
}
