//! Whole answers that are kept, requests that wait for equal ones, and the freshness of a list.
//!
//! State machines without a clock: times are monotonic seconds that the caller passes in, and the caller wakes
//! whom a settlement names. The contract is in `engine/cache_interfaces.py`.

mod flights;
mod freshness;
mod key;
mod store;

pub use flights::Wakes;
pub use freshness::Freshness;
pub use key::{Key, key, key_of};

use flights::{Flights, Role};
use store::Store;

/// Limits of a cache.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes that all entries may take
    pub limit: u64,
    /// Bytes counted for each entry beside what the caller says
    pub overhead: u64,
    /// Seconds after which an entry is not given out any more; `None` is never
    pub time_to_live: Option<f64>,
    /// Seconds a request waits for others that fail before it asks for itself
    pub patience: f64,
    /// Requests that wait for others at once
    pub waiters: usize,
}

/// What a request is to do.
#[derive(Debug, PartialEq)]
pub enum Lookup<'c, V> {
    /// Take this
    Hit {
        /// What was kept
        value: &'c V,
        /// Seconds since then
        age: f64,
    },
    /// Ask upstream, then settle
    Lead,
    /// Wait until a settlement names the ticket
    Wait,
    /// Ask upstream, then settle; nobody waits
    Alone,
}

/// What a cache has done since it was made, and what it holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Requests that took what was kept
    pub hits: u64,
    /// Requests that had to ask upstream
    pub misses: u64,
    /// Requests that got what another was waiting for
    pub coalesced: u64,
    /// Entries that made room for others
    pub evictions: u64,
    /// Entries that became too old
    pub expirations: u64,
    /// Entries now
    pub entries: u64,
    /// Their weight
    pub bytes: u64,
    /// Requests that wait for others now
    pub waiting: u64,
}

/// Keeps values, and lets one of several equal requests ask for all.
#[derive(Debug)]
pub struct ResponseCache<V> {
    store: Store<V>,
    flights: Flights,
    hits: u64,
    misses: u64,
    coalesced: u64,
}

impl<V> ResponseCache<V> {
    /// Makes an empty cache.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options { limit, overhead, time_to_live, patience, waiters } = options;
        Self {
            store: Store::new(limit, overhead, time_to_live),
            flights: Flights::new(patience, waiters),
            hits: 0,
            misses: 0,
            coalesced: 0,
        }
    }

    /// Looks a request up. A hit may be `max_age` seconds old; 0 means that nothing is looked up.
    pub fn begin(&mut self, key: Key, ticket: u64, max_age: Option<f64>, now: f64) -> Lookup<'_, V> {
        self.store.sweep(now);
        if max_age.is_some_and(|age| age <= 0.0) {
            self.misses += 1;
            self.flights.alone(key, ticket);
            return Lookup::Alone;
        }
        if self.store.age(&key, now).is_some_and(|age| max_age.is_none_or(|limit| age <= limit))
            && let Some((value, age)) = self.store.take(&key, now)
        {
            self.hits += 1;
            return Lookup::Hit { value, age };
        }
        match self.flights.join(key, ticket, now) {
            Role::Wait => Lookup::Wait,
            Role::Lead => {
                self.misses += 1;
                Lookup::Lead
            }
            Role::Alone => {
                self.misses += 1;
                Lookup::Alone
            }
        }
    }

    /// Ends a request: with a value that is kept, its weight without overhead, or without one. Tells whom that
    /// wakes; an unknown ticket wakes nobody.
    pub fn settle(&mut self, ticket: u64, value: Option<(V, u64)>, now: f64) -> Wakes {
        self.store.sweep(now);
        let Some(key) = self.flights.key_of(ticket) else {
            return Wakes::default();
        };
        let wakes = self.flights.settle(ticket, value.is_some(), now);
        if let Some((value, weight)) = value {
            self.store.put(key, value, weight, now);
        }
        self.coalesced += wakes.served.len() as u64;
        self.misses += wakes.alone.len() as u64 + u64::from(wakes.leader.is_some());
        wakes
    }

    /// The counters.
    pub fn statistics(&mut self, now: f64) -> Statistics {
        self.store.sweep(now);
        let (evictions, expirations) = self.store.removed();
        Statistics {
            hits: self.hits,
            misses: self.misses,
            coalesced: self.coalesced,
            evictions,
            expirations,
            entries: self.store.len() as u64,
            bytes: self.store.bytes(),
            waiting: self.flights.waiting() as u64,
        }
    }
}

#[cfg(test)]
mod tests;
