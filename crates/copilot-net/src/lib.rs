//! The parts of copilot-api that own sockets: no Python.
//!
//! - [`client`] sends calls to GitHub and Copilot.
//! - [`relay`] moves and translates one streamed answer.
//! - [`server`] listens and hosts a service.
//! - [`standing`] carries requests by what was decided before.
//! - [`inbox`] is how their results reach an event loop, [`outbox`] how its wishes reach them.

#![forbid(unsafe_code)]

pub mod client;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod inbox;
pub mod outbox;
pub mod relay;
pub mod server;
mod signal;
pub mod standing;
mod sync;
