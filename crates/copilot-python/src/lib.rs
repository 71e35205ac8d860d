//! The Python module `copilot_api._native`: bindings only, described in `src/copilot_api/_native.pyi`.
//!
//! `runtime` is where tokio's threads and the event loop meet; `client`, `relay` and `server` live on it.
//! Counting detaches from the interpreter, so that other Python threads run meanwhile. Errors of the core
//! become exceptions of `copilot_api.engine.interfaces` here and nowhere else.

mod body;
mod build_info;
mod cache;
mod client;
mod concurrency;
mod errors;
mod hook;
mod limiter;
mod lock;
mod prefixes;
mod relay;
mod runtime;
mod server;
mod standing;
mod streaming;
mod token;
mod tokenizer;
mod translation;
mod validation;

/// Tells where native code panicked, and not what with: the message may quote a prompt.
fn quiet_panics() {
    use std::io::Write as _;

    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        // Nobody is left to tell that stderr is closed.
        let _ = writeln!(std::io::stderr(), "copilot-api: native code panicked at {place}");
    }));
}

/// The native engine of copilot-api.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    #[expect(clippy::unnecessary_wraps, reason = "the form that pyo3 asks for")]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::quiet_panics();
        Ok(())
    }

    #[pymodule_export]
    use super::body::Body;
    #[pymodule_export]
    use super::build_info::build_info;
    #[pymodule_export]
    use super::cache::{Freshness, ResponseCache, cache_key};
    #[pymodule_export]
    use super::client::{Client, Headers, Upstream};
    #[pymodule_export]
    use super::concurrency::Concurrency;
    #[pymodule_export]
    use super::hook::panic_once;
    #[pymodule_export]
    use super::limiter::{Admission, Limiter};
    #[pymodule_export]
    use super::prefixes::{Chain, Prefixes};
    #[pymodule_export]
    use super::relay::{Relay, Stream};
    #[pymodule_export]
    use super::runtime::Runtime;
    #[pymodule_export]
    use super::server::{Exchange, Server};
    #[pymodule_export]
    use super::standing::{Errand, Standing};
    #[pymodule_export]
    use super::streaming::{StreamTranslator, answer_as_stream};
    #[pymodule_export]
    use super::token::TokenClock;
    #[pymodule_export]
    use super::tokenizer::{count_chat, count_text};
    #[pymodule_export]
    use super::translation::{RequestPlan, translate_answer, translate_request};
    #[pymodule_export]
    use super::validation::inspect_request;
}
