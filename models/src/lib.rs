//! Models of what the crates share between threads.
//!
//! The modules under test are the sources of `crates/copilot-net` themselves, compiled against the [`sync`] of
//! this crate, which is loom's: each schedule and each order of memory that C11 allows is tried, and a wake-up
//! that is lost shows as a deadlock. What they need of their surroundings is here in its smallest form.
//!
//! A model that is too large for all of its schedules is bound: see [`bounded`].
//!
//! Not modelled: tokio's own channels and timers, hyper, and what runs on one thread only. The waiting of the
//! limiter, the places and the token manager is asyncio's: `tests/unit/engine/test_schedules.py` has its models.

#![expect(dead_code, reason = "models need a part of what the sources offer")]

// The sources name what they need by the crates it is in.
extern crate self as copilot_core;

pub mod client;
#[path = "../../crates/copilot-net/src/inbox.rs"]
pub mod inbox;
pub mod inboxes;
#[path = "../../crates/copilot-net/src/outbox.rs"]
pub mod outbox;
pub mod outboxes;
pub mod relay;
pub mod server;
mod signal;
pub mod streams;
mod sync;

/// Tries the schedules in which threads that could go on are interrupted three times at most. Few defects need
/// more, and each doubles the schedules and more.
fn bounded(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
