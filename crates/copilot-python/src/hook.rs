//! Tests make stages of the engine panic by this.

use copilot_core::hook;
use pyo3::{exceptions::PyValueError, prelude::*};

/// Makes a stage panic when it is entered next.
#[pyfunction]
#[pyo3(signature = (stage, /))]
pub(crate) fn panic_once(stage: &str) -> PyResult<()> {
    if hook::arm(stage) { Ok(()) } else { Err(PyValueError::new_err(format!("no stage {stage:?}"))) }
}
