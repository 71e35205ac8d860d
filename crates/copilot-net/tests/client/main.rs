//! The upstream client over real sockets: scripted upstreams, TLS peers, proxies and HTTP/2 peers on loopback.
//!
//! No test waits for time to pass: peers say what happened, and where a timeout is tested the clock is stopped
//! once nothing more can come over the wire.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bodies;
mod failures;
mod http1;
mod http2;
mod proxies;
mod support;
mod tls;
