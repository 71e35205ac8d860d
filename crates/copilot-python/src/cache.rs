//! The component "cache". What is kept are Python's objects, so that a hit copies nothing; they are used and
//! dropped on the thread that calls, which holds the interpreter.

use std::sync::{Mutex, PoisonError};

use copilot_core::{
    cache::{self, Key, Lookup, Options},
    hook::{self, Stage},
    plans::Dialect,
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::body::Given;

/// Returns the key of a request that may be cached.
#[pyfunction]
#[pyo3(signature = (body, dialect, scope, /))]
#[expect(clippy::needless_pass_by_value, reason = "what Python gives is read into a value")]
pub(crate) fn cache_key(py: Python<'_>, body: Given, dialect: &str, scope: Vec<String>) -> Option<Key> {
    let dialect = Dialect::named(dialect)?;
    py.detach(|| {
        let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
        cache::key_of(&body.document().ok()?, dialect, &scope)
    })
}

/// Keeps answers, and lets equal requests wait for one.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct ResponseCache(Mutex<cache::ResponseCache<Py<PyAny>>>);

/// Served, leader and alone, as in the stub.
type Wakes = (Vec<u64>, Option<u64>, Vec<u64>);

impl ResponseCache {
    fn with<T>(&self, act: impl FnOnce(&mut cache::ResponseCache<Py<PyAny>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key_of(value: &Bound<'_, PyAny>) -> PyResult<Key> {
    value.extract::<&[u8]>()?.try_into().map_err(|_| PyValueError::new_err("a key has 32 bytes"))
}

#[pymethods]
impl ResponseCache {
    #[new]
    #[pyo3(signature = (limit, overhead, time_to_live, patience, waiters, /))]
    fn new(limit: u64, overhead: u64, time_to_live: Option<f64>, patience: f64, waiters: usize) -> Self {
        let options = Options { limit, overhead, time_to_live, patience, waiters };
        Self(Mutex::new(cache::ResponseCache::new(options)))
    }

    #[pyo3(signature = (key, ticket, max_age, now, /))]
    fn begin(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = key_of)] key: Key,
        ticket: u64,
        max_age: Option<f64>,
        now: f64,
    ) -> (&'static str, Option<Py<PyAny>>, f64) {
        self.with(|cache| {
            hook::enter(Stage::Cache);
            match cache.begin(key, ticket, max_age, now) {
                Lookup::Hit { value, age } => ("hit", Some(value.clone_ref(py)), age),
                Lookup::Lead => ("lead", None, 0.0),
                Lookup::Wait => ("wait", None, 0.0),
                Lookup::Alone => ("alone", None, 0.0),
            }
        })
    }

    #[pyo3(signature = (ticket, value, weight, now, /))]
    fn settle(&self, ticket: u64, value: Option<Py<PyAny>>, weight: u64, now: f64) -> Wakes {
        let wakes = self.with(|cache| cache.settle(ticket, value.map(|value| (value, weight)), now));
        (wakes.served, wakes.leader, wakes.alone)
    }

    #[pyo3(signature = (now, /))]
    fn statistics(&self, now: f64) -> [u64; 8] {
        let found = self.with(|cache| cache.statistics(now));
        [
            found.hits,
            found.misses,
            found.coalesced,
            found.evictions,
            found.expirations,
            found.entries,
            found.bytes,
            found.waiting,
        ]
    }
}

/// When a list that is kept is fetched anew.
#[pyclass(frozen, module = "copilot_api._native")]
pub(crate) struct Freshness(Mutex<cache::Freshness>);

impl Freshness {
    fn with<T>(&self, act: impl FnOnce(&mut cache::Freshness) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Freshness {
    #[new]
    #[pyo3(signature = (time_to_live, retry_after, /))]
    fn new(time_to_live: f64, retry_after: f64) -> Self {
        Self(Mutex::new(cache::Freshness::new(time_to_live, retry_after)))
    }

    #[getter]
    fn due(&self) -> f64 {
        self.with(|list| list.due())
    }

    fn begin(&self, now: f64) -> bool {
        self.with(|list| list.begin(now))
    }

    #[pyo3(signature = (now, *, refreshed))]
    fn end(&self, now: f64, refreshed: bool) {
        self.with(|list| list.end(now, refreshed));
    }
}
