//! The component "limiter": the state machine; waiting is asyncio's.

use std::sync::{Mutex, PoisonError};

use copilot_core::{
    hook::{self, Stage},
    limiter::{self, Decision},
};
use pyo3::prelude::*;

/// One admitted request.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Admission(limiter::Admission);

/// Admits requests at an interval.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Limiter(Mutex<limiter::Limiter>);

impl Limiter {
    fn with<T>(&self, act: impl FnOnce(&mut limiter::Limiter) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Limiter {
    #[new]
    #[pyo3(signature = (interval, wait, burst, /))]
    fn new(interval: Option<f64>, wait: bool, burst: u32) -> Self {
        Self(Mutex::new(limiter::Limiter::new(interval, wait, burst)))
    }

    #[pyo3(signature = (now, /))]
    fn admit(&self, now: f64) -> (Option<Admission>, Option<u64>, u64) {
        let decision = self.with(|limiter| {
            hook::enter(Stage::Limiter);
            limiter.admit(now)
        });
        match decision {
            Decision::Admitted(admission) => (Some(Admission(admission)), None, 0),
            Decision::Refused(seconds) => (None, None, seconds),
            Decision::Queued { ticket, seconds } => (None, Some(ticket), seconds),
        }
    }

    #[pyo3(signature = (now, /))]
    fn delay(&self, now: f64) -> Option<f64> {
        self.with(|limiter| limiter.delay(now))
    }

    #[pyo3(signature = (now, /))]
    fn release(&self, now: f64) -> Option<(u64, Admission)> {
        let (ticket, admission) = self.with(|limiter| limiter.release(now))?;
        Some((ticket, Admission(admission)))
    }

    #[pyo3(signature = (ticket, /))]
    fn leave(&self, ticket: u64) -> bool {
        self.with(|limiter| limiter.leave(ticket))
    }

    #[pyo3(signature = (admission, /))]
    fn withdraw(&self, admission: &Admission) -> bool {
        self.with(|limiter| limiter.withdraw(admission.0))
    }
}
