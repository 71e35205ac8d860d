//! The HTTP server over real sockets, with raw bytes.
//!
//! A test waits for what it expects and never for time to pass: [`support::within`] only makes a hang a failure.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod backpressure;
mod cancellation;
mod conversation;
mod descriptors;
mod framing;
mod guard;
mod http2;
mod lifecycle;
mod limits;
mod sockets;
mod support;
mod timeouts;
