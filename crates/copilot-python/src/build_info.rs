//! How this module was built.

use pyo3::{prelude::*, types::PyDict};

/// Returns name and value of each fact of the build.
#[pyfunction]
pub(crate) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("version", env!("CARGO_PKG_VERSION"))?;
    facts.set_item("profile", env!("BUILD_PROFILE"))?;
    facts.set_item("pyo3", env!("PYO3_VERSION"))?;
    facts.set_item("abi", "abi3-py311")?;
    Ok(facts)
}
