//! The component "limiter", its second half: places; waiting is asyncio's.

use std::sync::{Arc, Mutex, PoisonError};

use copilot_core::{
    concurrency,
    hook::{self, Stage},
};
use pyo3::prelude::*;

/// Counts requests in flight and those that wait.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Concurrency(Arc<Mutex<concurrency::Concurrency>>);

impl Concurrency {
    pub(crate) fn shared(&self) -> Arc<Mutex<concurrency::Concurrency>> {
        Arc::clone(&self.0)
    }

    fn with<T>(&self, act: impl FnOnce(&mut concurrency::Concurrency) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Concurrency {
    #[new]
    #[pyo3(signature = (limit, longest_queue, patience, /))]
    fn new(limit: usize, longest_queue: usize, patience: f64) -> Self {
        Self(Arc::new(Mutex::new(concurrency::Concurrency::new(limit, longest_queue, patience))))
    }

    #[getter]
    fn taken(&self) -> usize {
        self.with(|places| places.taken())
    }

    #[getter]
    fn waiting(&self) -> usize {
        self.with(|places| places.waiting())
    }

    fn try_enter(&self) -> bool {
        self.with(|places| {
            hook::enter(Stage::Concurrency);
            places.try_enter()
        })
    }

    #[pyo3(signature = (now, /))]
    fn queue(&self, now: f64) -> Option<u64> {
        self.with(|places| places.queue(now))
    }

    fn leave(&self) -> Option<u64> {
        self.with(concurrency::Concurrency::leave)
    }

    #[pyo3(signature = (ticket, /))]
    fn give_up(&self, ticket: u64) -> bool {
        self.with(|places| places.give_up(ticket))
    }

    #[pyo3(signature = (now, /))]
    fn delay(&self, now: f64) -> Option<f64> {
        self.with(|places| places.delay(now))
    }

    #[pyo3(signature = (now, /))]
    fn expire(&self, now: f64) -> Option<u64> {
        self.with(|places| places.expire(now))
    }
}
