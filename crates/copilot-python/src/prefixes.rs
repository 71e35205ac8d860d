//! Where requests of a conversation part.

use std::sync::{Mutex, PoisonError};

use copilot_core::{plans::Dialect, prefixes};
use pyo3::prelude::*;

use crate::{body::Given, lock::unlocked};

/// The hashes of one request.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Chain(prefixes::Chain);

/// Remembers the last requests of conversations, by hashes.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Prefixes(Mutex<prefixes::Turns>);

/// The fields of `Turn` in their order, as in the stub.
type Turn = (String, &'static str, u64, f64, bool, bool, bool);

#[pymethods]
impl Prefixes {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    #[staticmethod]
    #[pyo3(signature = (body, dialect, /))]
    #[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
    fn chain(py: Python<'_>, body: Given, dialect: &str) -> Option<Chain> {
        let dialect = Dialect::named(dialect)?;
        unlocked(py, body.len(), || prefixes::chain_of(&body.document().ok()?, dialect)).map(Chain)
    }

    #[pyo3(signature = (session, named, model, chain, tokens, at, /))]
    fn turn(
        &self,
        session: &str,
        named: bool,
        model: &str,
        chain: &Bound<'_, Chain>,
        tokens: u64,
        at: f64,
    ) -> Option<Turn> {
        let chain = chain.get().0.clone();
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = turns.turn(session, named, model, chain, tokens, at)?;
        Some((
            found.path,
            found.cause.name(),
            found.previous_tokens,
            found.gap,
            found.was_marked,
            found.is_marked,
            found.hour,
        ))
    }
}
