//! The Python module `copilot_api._native`: bindings only, described in `src/copilot_api/_native.pyi`.
//!
//! Counting detaches from the interpreter, so that other Python threads run meanwhile. Errors of the core
//! become exceptions of `copilot_api.engine.interfaces` here and nowhere else.

mod build_info;
mod cache;
mod concurrency;
mod errors;
mod limiter;
mod streaming;
mod token;
mod tokenizer;
mod translation;
mod validation;

/// The native engine of copilot-api.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::build_info::build_info;
    #[pymodule_export]
    use super::cache::{Freshness, ResponseCache, cache_key};
    #[pymodule_export]
    use super::concurrency::Concurrency;
    #[pymodule_export]
    use super::limiter::{Admission, Limiter};
    #[pymodule_export]
    use super::streaming::{StreamTranslator, answer_as_stream, translate_answer};
    #[pymodule_export]
    use super::token::TokenClock;
    #[pymodule_export]
    use super::tokenizer::{count_chat, count_text};
    #[pymodule_export]
    use super::translation::translate_request;
    #[pymodule_export]
    use super::validation::inspect_request;
}
