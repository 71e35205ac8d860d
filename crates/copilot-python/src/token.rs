//! The component "token": the state machine; the exchange and the waiting are Python's.

use std::sync::{Arc, Mutex, PoisonError};

use copilot_core::{
    hook::{self, Stage},
    token::{self, Moment},
};
use pyo3::prelude::*;

/// The life of one token after another.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct TokenClock(Arc<Mutex<token::TokenClock>>);

impl TokenClock {
    pub(crate) fn shared(&self) -> Arc<Mutex<token::TokenClock>> {
        Arc::clone(&self.0)
    }

    fn with<T>(&self, act: impl FnOnce(&mut token::TokenClock) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl TokenClock {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    #[pyo3(signature = (monotonic, wall, /))]
    fn is_fresh(&self, monotonic: f64, wall: f64) -> bool {
        self.with(|clock| {
            hook::enter(Stage::Token);
            clock.is_fresh(Moment { monotonic, wall })
        })
    }

    fn holds(&self) -> bool {
        self.with(|clock| clock.holds())
    }

    #[pyo3(signature = (refresh_in, monotonic, wall, jitter, /))]
    fn granted(&self, refresh_in: Option<f64>, monotonic: f64, wall: f64, jitter: f64) -> f64 {
        self.with(|clock| clock.granted(refresh_in, Moment { monotonic, wall }, jitter))
    }

    fn failed(&self) {
        self.with(token::TokenClock::failed);
    }

    #[pyo3(signature = (jitter, /))]
    fn backoff(&self, jitter: f64) -> f64 {
        self.with(|clock| clock.backoff(jitter))
    }

    #[pyo3(signature = (monotonic, /))]
    fn tried(&self, monotonic: f64) {
        self.with(|clock| clock.tried(monotonic));
    }

    #[pyo3(signature = (monotonic, /))]
    fn pause(&self, monotonic: f64) -> f64 {
        self.with(|clock| clock.pause(monotonic))
    }

    fn forget(&self) {
        self.with(token::TokenClock::forget);
    }
}
